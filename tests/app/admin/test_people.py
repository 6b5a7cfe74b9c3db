"""People and sessions under /v1/admin: what an admin sees and does, what is audited, and who stays admin."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.app.admin.steps import appoint, audit_of
from tests.features.accounts.authenticator import turn_on
from tests.features.accounts.steps import bearer, code, holds, mails_to, refresh, sign_in
from tests.support.platform import Api, api_of, running_platform, settings_for


def at(person: Api, *rest: str) -> str:
    return "/".join(("/v1/admin/people", person.id, *rest))


async def found(admin: Api, query: str) -> list[str]:
    answer = await admin.get(f"/v1/admin/people?{query}")
    assert answer.status_code == 200, answer.text
    return [person["handle"] for person in answer.json()["items"]]


def suspended(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    person: dict[str, Any] = answer.json()
    return person


async def test_people_are_found_by_name_handle_address_role_and_state(api: Api) -> None:
    admin = await api.sign_up_admin()
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    await api.sign_up("adamu")
    assert (await bola.patch("/v1/me", {"display_name": "Bola ADA-Oni"})).status_code == 200
    assert await found(admin, "") == ["adamu", "bola", "ada", "chief"]
    assert await found(admin, "query=ADA") == ["adamu", "bola", "ada"]
    assert await found(admin, "query=bola@exam") == ["bola"]
    assert await found(admin, "query=%25") == []
    assert await found(admin, "role=admin") == ["chief"]
    suspended(await admin.post(at(ada, "suspend"), {"reason": "Spam"}))
    assert await found(admin, "state=suspended") == ["ada"]
    assert await found(admin, "state=active&query=ada") == ["adamu", "bola"]
    first = (await admin.get("/v1/admin/people?query=ada&limit=2")).json()
    second = (await admin.get(f"/v1/admin/people?query=ada&limit=2&cursor={first['next_cursor']}")).json()
    assert [person["handle"] for person in (*first["items"], *second["items"])] == ["adamu", "bola", "ada"]
    assert second["next_cursor"] is None
    assert code(await admin.get("/v1/admin/people?role=boss")) == (422, "invalid")
    assert code(await admin.get("/v1/admin/people?query=" + "x" * 101)) == (422, "invalid")


async def test_a_search_reads_on_until_a_page_is_full(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banyan.features.accounts.service.administration._MATCHES_AT_ONCE", 2)
    admin = await api.sign_up_admin()
    people = [await api.sign_up(f"ada{number}") for number in range(7)]
    for person in people[:2]:
        suspended(await admin.post(at(person, "suspend"), {"reason": "Spam"}))
    assert await found(admin, "query=ada&state=suspended") == ["ada1", "ada0"]
    assert await found(admin, "query=ada&limit=3") == ["ada6", "ada5", "ada4"]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await admin.get(f"/v1/admin/people?query=ada&limit=3{cursor}")).json()
        seen += [person["handle"] for person in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"ada{number}" for number in reversed(range(7))]


async def test_one_person_in_full(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    await sign_in(api, "ada")
    person = (await admin.get(at(ada))).json()
    assert (person["handle"], person["email"], person["role"]) == ("ada", "ada@example.org", "member")
    assert (person["state"], person["suspended_at"], person["suspended_reason"]) == ("active", None, None)
    assert (person["email_verified"], person["language"], person["live_sessions"]) == (False, "en", 2)
    assert person["last_used_at"] is not None
    assert person["locked_until"] is None
    assert "password_hash" not in person
    verified = await admin.post(at(ada, "verify-email"))
    assert verified.json()["email_verified"] is True
    assert (await ada.get("/v1/me")).json()["email_verified"] is True


async def test_every_look_and_every_action_is_audited(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    await admin.get("/v1/admin/people?query=ada")
    await admin.get(at(ada))
    await admin.get(at(ada, "sessions"))
    await admin.patch(at(ada), {"role": "moderator"})
    suspension = await admin.post(at(ada, "suspend"), {"reason": "Spam"})
    await admin.post(at(ada, "unsuspend"))
    await admin.post(at(ada, "verify-email"))
    await admin.post(at(ada, "lift-lockout"))
    await admin.delete(at(ada, "sessions"))
    entries = list(reversed(await audit_of(admin)))
    assert [entry["action"] for entry in entries] == [
        "people.list",
        "people.read",
        "people.list_sessions",
        "people.set_role",
        "people.suspend",
        "people.unsuspend",
        "people.verify_email",
        "people.lift_lockout",
        "people.end_sessions",
    ]
    assert entries[0]["details"] == {"query": "ada", "role": None, "state": None}
    assert {(entry["via"], entry["account_id"]) for entry in entries} == {("session", admin.id)}
    assert all(entry["subject"] == {"kind": "person", "id": ada.id} for entry in entries[1:])
    assert entries[3]["details"] == {"before": "member", "after": "moderator"}
    assert (entries[4]["details"], entries[4]["request_id"]) == (
        {"reason": "Spam"},
        suspension.headers["x-request-id"],
    )
    assert entries[4]["ip"] == "127.0.0.1"
    assert [entry["seq"] for entry in await audit_of(admin, "&action=people.suspend")] == [5]
    assert len(await audit_of(admin, f"&subject_id={ada.id}&via=session&account_id={admin.id}")) == 8
    assert await audit_of(admin, "&until=2020-01-01T00:00:00Z") == []
    for no_instant in ("2026-01-01T00:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00"):
        assert code(await admin.get(f"/v1/admin/audit?since={no_instant}")) == (422, "invalid")
        assert code(await admin.get(f"/v1/admin/audit?until={no_instant}")) == (422, "invalid")


async def test_what_is_refused_is_not_audited(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    assert code(await admin.post(at(ada, "suspend"), {"reason": ""})) == (422, "invalid")
    assert code(await admin.post(at(ada, "suspend"), {"reason": " \n"})) == (422, "invalid")
    assert code(await ada.post(at(admin, "suspend"), {"reason": "No"})) == (403, "forbidden")
    assert await audit_of(admin) == []


async def test_a_suspended_account_is_out_until_it_is_unsuspended(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    other = await sign_in(api, "ada")
    person = suspended(await admin.post(at(ada, "suspend"), {"reason": "Sold the same bicycle twice."}))
    assert (person["state"], person["suspended_reason"]) == ("suspended", "Sold the same bicycle twice.")
    assert person["live_sessions"] == 0
    assert (await ada.get("/v1/me")).status_code == 401
    assert not await holds(api, other)
    assert code(await refresh(api, other.json()["refresh_token"])) == (401, "invalid_refresh_token")
    refused = await sign_in(api, "ada")
    assert code(refused) == (403, "account_suspended")
    assert refused.json()["detail"] == "Sold the same bicycle twice."
    # Whoever does not know the password learns nothing of it.
    assert code(await sign_in(api, "ada", "another password")) == (401, "wrong_credentials")
    assert (await admin.post(at(ada, "unsuspend"))).json()["state"] == "active"
    assert code(await refresh(api, other.json()["refresh_token"])) == (401, "invalid_refresh_token")
    assert await holds(api, await sign_in(api, "ada"))


async def test_a_second_suspension_changes_the_reason_and_keeps_the_time(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    first = suspended(await admin.post(at(ada, "suspend"), {"reason": "One"}))
    second = suspended(await admin.post(at(ada, "suspend"), {"reason": "Two"}))
    assert second["suspended_reason"] == "Two"
    assert second["suspended_at"] == first["suspended_at"]


async def test_a_retry_of_a_suspension_has_no_second_effect(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    first = await admin.post(at(ada, "suspend"), {"reason": "Spam"}, idempotency_key="k")
    await admin.post(at(ada, "unsuspend"))
    again = await admin.post(at(ada, "suspend"), {"reason": "Spam"}, idempotency_key="k")
    assert again.content == first.content
    assert (await admin.get(at(ada))).json()["state"] == "active"


async def test_it_holds_in_other_processes_at_once(database_url: str) -> None:
    settings = settings_for(database_url)
    async with (
        running_platform(settings) as one,
        running_platform(settings) as two,
        api_of(one) as here,
        api_of(two) as there,
    ):
        admin, ada = await here.sign_up_admin(), await here.sign_up("ada")
        elsewhere = Api(two, there.http, ada.signed_in)
        assert (await elsewhere.get("/v1/me")).status_code == 200
        suspended(await admin.post(at(ada, "suspend"), {"reason": "Spam"}))
        async with asyncio.timeout(300):
            while (await elsewhere.get("/v1/me")).status_code != 401:
                await asyncio.sleep(0.05)


async def test_no_sign_in_slips_through_a_suspension(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    for _ in range(3):
        answers = await asyncio.gather(
            *(sign_in(api, "ada") for _ in range(3)), admin.post(at(ada, "suspend"), {"reason": "Spam"})
        )
        for answer in answers[:-1]:
            assert answer.status_code in (200, 403)
            assert answer.status_code == 403 or not await holds(api, answer)
        await admin.post(at(ada, "unsuspend"))


async def test_a_role_holds_at_once_and_for_tokens_given_before(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    assert (await ada.get("/v1/admin/jobs")).status_code == 403
    assert (await admin.patch(at(ada), {"role": "admin"})).json()["role"] == "admin"
    assert (await ada.get("/v1/admin/jobs")).status_code == 200
    assert (await ada.patch(at(admin), {"role": "member"})).status_code == 200
    assert (await admin.get("/v1/admin/jobs")).status_code == 403
    assert code(await ada.patch(at(ada), {"role": "boss"})) == (422, "invalid")


async def test_the_last_admin_stays(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    assert code(await admin.patch(at(admin), {"role": "member"})) == (409, "last_admin")
    assert code(await admin.post(at(admin, "suspend"), {"reason": "Holidays"})) == (409, "last_admin")
    assert (await admin.patch(at(admin), {"role": "admin"})).status_code == 200
    assert (await admin.patch(at(ada), {"role": "admin"})).status_code == 200
    # One who is suspended cannot undo anything: the other is the last.
    suspended(await ada.post(at(admin, "suspend"), {"reason": "Holidays"}))
    assert code(await ada.patch(at(ada), {"role": "member"})) == (409, "last_admin")


async def test_two_admins_who_demote_each_other_leave_one(api: Api) -> None:
    for number in range(4):
        one = await api.sign_up_admin(f"one{number}")
        other = await api.sign_up_admin(f"other{number}")
        async with api.platform.pool.connection() as connection:
            await connection.execute(
                "UPDATE accounts_accounts SET role = 'member' WHERE id <> ALL ($1::uuid[])", [one.id, other.id]
            )
        answers = await asyncio.gather(
            one.patch(at(other), {"role": "member"}), other.post(at(one, "suspend"), {"reason": "Mine"})
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 403], [200, 409])
        left = await api.platform.pool.work().value(
            "SELECT count(*) FROM accounts_accounts WHERE role = 'admin' AND suspended_at IS NULL"
        )
        assert left == 1


async def test_sessions_are_listed_and_ended(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    second = await sign_in(api, "ada", user_agent="phone")
    sessions = (await admin.get(at(ada, "sessions"))).json()["items"]
    assert (len(sessions), sessions[0]["user_agent"]) == (2, "phone")
    assert (await admin.delete(at(ada, "sessions", sessions[0]["id"]))).status_code == 204
    assert not await holds(api, second)
    assert (await ada.get("/v1/me")).status_code == 200
    assert code(await admin.delete(at(ada, "sessions", sessions[0]["id"]))) == (404, "session_not_found")
    assert code(await admin.delete(at(admin, "sessions", sessions[1]["id"]))) == (404, "session_not_found")
    assert (await admin.delete(at(ada, "sessions"))).status_code == 204
    assert (await ada.get("/v1/me")).status_code == 401


async def test_a_lockout_is_seen_and_lifted(database_url: str) -> None:
    settings = settings_for(database_url, accounts={"lockout_failures": 2})
    async with running_platform(settings) as platform, api_of(platform) as api:
        admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
        for _ in range(2):
            await sign_in(api, "ada", "another password")
        assert code(await sign_in(api, "ada")) == (429, "locked_out")
        assert (await admin.get(at(ada))).json()["locked_until"] is not None
        assert (await admin.post(at(ada, "lift-lockout"))).json()["locked_until"] is None
        assert (await sign_in(api, "ada")).status_code == 200


async def test_nobody_else_gets_anywhere(api: Api) -> None:
    admin = await api.sign_up_admin()
    moderator = await api.sign_up("moderator_1")
    await admin.patch(at(moderator), {"role": "moderator"})
    for caller, status in ((api, 401), (moderator, 403)):
        for path in ("/v1/admin/people", at(admin), "/v1/admin/audit", "/v1/admin/jobs"):
            assert (await caller.get(path)).status_code == status
    demoted = await appoint(await api.sign_up("bola"))
    token = bearer(await sign_in(api, "bola"))
    await admin.patch(at(demoted), {"role": "member"})
    assert (await api.get("/v1/admin/people", **token)).status_code == 403


async def test_a_link_to_a_new_password_is_mailed(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    assert (await admin.post(at(ada, "password-reset"))).status_code == 204
    (mail, _) = await mails_to(api, "ada", 2)
    assert "/reset-password#token=" in mail.text
    assert [entry["action"] for entry in await audit_of(admin)] == ["people.send_password_reset"]


async def test_a_second_factor_is_turned_off_for_who_lost_it(api: Api) -> None:
    admin, ada = await api.sign_up_admin(), await api.sign_up("ada")
    assert code(await admin.delete(at(ada, "totp"))) == (409, "totp_not_enabled")
    await turn_on(ada)
    assert code(await sign_in(api, "ada")) == (401, "otp_required")
    assert (await admin.delete(at(ada, "totp"))).status_code == 204
    assert (await sign_in(api, "ada")).status_code == 200
    (entry,) = await audit_of(admin, "&action=people.turn_off_second_factor")
    assert entry["subject"] == {"kind": "person", "id": ada.id}
    told, *_ = await mails_to(api, "ada", 3)
    assert told.subject == "Two-step sign-in is off at Banyan"
