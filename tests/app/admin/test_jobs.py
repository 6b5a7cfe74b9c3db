"""Jobs and dead letters under /v1/admin."""

from uuid import UUID

from banyan.kernel.ids import new_id
from tests.app.admin.steps import audit_of
from tests.features.accounts.steps import code
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for


async def add(api: Api, state: str = "dead", kind: str = "no.Such") -> UUID:
    """A job of a kind that no worker takes."""
    job_id = new_id()
    lease = new_id() if state == "running" else None
    async with api.platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO jobs (id, kind, payload, priority, state, run_at, attempts, last_error, lease, lease_until)"
            " VALUES ($1, $2, '{\"to\": \"ada@example.org\"}', 1, $3, now(), 12, 'ValueError', $4,"
            " CASE WHEN $4::uuid IS NOT NULL THEN now() + interval '1 hour' END)",
            job_id,
            kind,
            state,
            lease,
        )
    return job_id


async def test_jobs_are_listed_without_and_shown_with_their_payload(api: Api) -> None:
    admin = await api.sign_up_admin()
    dead, waiting, other = await add(api), await add(api, "waiting"), await add(api, kind="no.Other")
    items = (await admin.get("/v1/admin/jobs?kind=no.Such")).json()["items"]
    assert [item["id"] for item in items] == [str(waiting), str(dead)]
    assert "payload" not in items[0]
    items = (await admin.get("/v1/admin/jobs?state=dead")).json()["items"]
    assert [item["id"] for item in items] == [str(other), str(dead)]
    page = (await admin.get("/v1/admin/jobs?state=dead&limit=1")).json()
    rest = (await admin.get(f"/v1/admin/jobs?state=dead&limit=1&cursor={page['next_cursor']}")).json()
    assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == ([str(dead)], None)
    assert await audit_of(admin) == []
    job = (await admin.get(f"/v1/admin/jobs/{dead}")).json()
    assert (job["payload"], job["last_error"]) == ({"to": "ada@example.org"}, "ValueError")
    (entry,) = await audit_of(admin)
    assert (entry["action"], entry["subject"]["id"]) == ("jobs.read", str(dead))
    assert "ada@example.org" not in str(entry)


async def test_a_dead_letter_runs_again_or_is_dropped(api: Api) -> None:
    admin = await api.sign_up_admin()
    one, other = await add(api), await add(api)
    assert (await admin.post(f"/v1/admin/jobs/{one}/retry")).status_code == 204
    assert (await admin.get(f"/v1/admin/jobs/{one}")).json()["state"] == "waiting"
    assert (await admin.delete(f"/v1/admin/jobs/{other}")).status_code == 204
    assert code(await admin.get(f"/v1/admin/jobs/{other}")) == (404, "job_not_found")
    assert code(await admin.delete(f"/v1/admin/jobs/{other}")) == (404, "job_not_found")
    assert code(await admin.post(f"/v1/admin/jobs/{other}/retry")) == (404, "job_not_found")
    actions = [(entry["action"], entry["subject"]["id"]) for entry in reversed(await audit_of(admin))]
    assert actions == [("jobs.retry", str(one)), ("jobs.read", str(one)), ("jobs.drop", str(other))]


async def test_what_runs_is_left_alone(api: Api) -> None:
    admin, job = await api.sign_up_admin(), await add(api, "running")
    assert code(await admin.post(f"/v1/admin/jobs/{job}/retry")) == (409, "job_running")
    assert code(await admin.delete(f"/v1/admin/jobs/{job}")) == (409, "job_running")
    assert await audit_of(admin) == []


async def test_all_dead_letters_at_once(api: Api) -> None:
    admin = await api.sign_up_admin()
    dead = [await add(api) for _ in range(3)]
    waiting = await add(api, "waiting")
    assert (await admin.post("/v1/admin/jobs/retry-dead")).json() == {"jobs": 3}
    assert (await admin.post("/v1/admin/jobs/retry-dead")).json() == {"jobs": 0}
    (entry,) = await audit_of(admin)
    assert (entry["action"], sorted(entry["details"]["job_ids"])) == ("jobs.retry", sorted(map(str, dead)))
    dropped = await add(api)
    assert (await admin.post("/v1/admin/jobs/drop-dead")).json() == {"jobs": 1}
    assert (await admin.get(f"/v1/admin/jobs/{dropped}")).status_code == 404
    assert (await admin.get(f"/v1/admin/jobs/{waiting}")).status_code == 200


async def test_of_a_mail_nobody_reads_the_links(database_url: str) -> None:
    """Whoever has the link to a new password has the account, so it goes to nobody but its owner."""
    # Nobody listens there: the mail waits.
    settings = settings_for(database_url, mail={"host": "127.0.0.1", "port": 9})
    async with running_platform(settings) as platform, api_of(platform) as api:
        admin = await api.sign_up_admin()
        await api.sign_up("ada")
        await api.post("/v1/auth/password-reset", {"email": "ada@example.org"})
        stored: dict[str, str] = {}

        async def waits() -> bool:
            async with platform.pool.connection() as connection:
                rows = await connection.fetch("SELECT id, payload FROM jobs WHERE kind = 'mail.SendMail'")
            stored.update(
                (str(row["id"]), row["payload"]) for row in rows if "/reset-password#token=" in row["payload"]
            )
            return bool(stored)

        await eventually(waits)
        (job_id,) = stored
        payload = (await admin.get(f"/v1/admin/jobs/{job_id}")).json()["payload"]
        assert payload["message"].keys() == {"to", "subject"}
        assert payload["message"]["to"] == "ada@example.org"
