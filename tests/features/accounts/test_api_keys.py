"""API keys over HTTP: made, used for what they are for and no more, ended in every process."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from banyan.features.accounts.api import AccountsApi
from banyan.features.accounts.models import Role
from banyan.infra.database.errors import DatabaseUnavailable
from tests.features.accounts.authenticator import turn_on
from tests.features.accounts.steps import code, jobs_done, mails_to, quiet_api
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

SCOPE = (403, "insufficient_scope")
POST = {"body": "Hello", "audience": "public"}


async def make(account: Api, *scopes: str, **changes: Any) -> dict[str, Any]:
    answer = await account.post("/v1/api-keys", {"name": "Robot", "scopes": list(scopes)} | changes)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    return made


def using(api: Api, key: str) -> Api:
    """A client that calls with a key."""
    return Api(api.platform, api.http, {"access_token": key})


async def with_scopes(account: Api, *scopes: str) -> Api:
    return using(account, (await make(account, *scopes))["key"])


async def make_admin(api: Api, account: Api, role: Role = Role.ADMIN) -> None:
    async with api.platform.pool.work() as work:
        await AccountsApi().set_role(work, UUID(account.id), role)


# Making and listing


async def test_a_key_is_shown_once_and_told_of(api: Api) -> None:
    ada = await api.sign_up("ada")
    made = await make(ada, "posts:write", "people:read", "posts:write")
    assert made["key"].startswith("byn_") and len(made["key"]) == 47
    assert made["scopes"] == ["people:read", "posts:write"]
    (listed,) = (await ada.get("/v1/api-keys")).json()["items"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["starts_with"] == made["key"][:8]
    told, _ = await mails_to(api, "ada", 2)
    assert told.subject == "A new API key for your account at Banyan"
    assert made["key"] not in told.text


async def test_only_digests_are_stored(api: Api) -> None:
    ada = await api.sign_up("ada")
    answer = await ada.post("/v1/api-keys", {"name": "Robot", "scopes": ["posts:read"]}, idempotency_key="k1")
    work = api.platform.pool.work()
    stored = str([dict(row) for row in await work.rows("SELECT * FROM accounts_api_keys")])
    stored += str([dict(row) for row in await work.rows("SELECT * FROM http_idempotency_keys")])
    assert answer.json()["key"] not in stored


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["posts"]}, "scopes"),
        ({"scopes": ["posts:delete"]}, "scopes"),
        ({"scopes": ["auth:read"]}, "scopes"),
        ({"scopes": ["accounts:write"]}, "scopes"),
        ({"scopes": ["nothing:read"]}, "scopes"),
        ({"scopes": ["\0"]}, "scopes"),
        ({"name": ""}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
    ],
)
async def test_bad_input(api: Api, change: dict[str, Any], field: str) -> None:
    ada = await api.sign_up("ada")
    answer = await ada.post("/v1/api-keys", {"name": "Robot", "scopes": ["posts:read"]} | change)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].split(".")[0].split("[")[0] == field


async def test_a_retry_gets_the_same_key_under_another_secret(api: Api) -> None:
    ada = await api.sign_up("ada")
    body = {"name": "Robot", "scopes": ["people:read"]}
    first, again = [(await ada.post("/v1/api-keys", body, idempotency_key="k1")).json() for _ in range(2)]
    assert first["id"] == again["id"]
    assert len((await ada.get("/v1/api-keys")).json()["items"]) == 1
    assert code(await using(api, first["key"]).get("/v1/me")) == (401, "invalid_token")
    assert (await using(api, again["key"]).get("/v1/me")).status_code == 200
    assert (await ada.delete(f"/v1/api-keys/{first['id']}")).status_code == 204
    assert code(await ada.post("/v1/api-keys", body, idempotency_key="k1")) == (404, "api_key_not_found")


async def test_there_are_at_most_a_hundred(api: Api) -> None:
    ada = await api.sign_up("ada")
    async with api.platform.pool.work() as work:
        await work.write(
            "INSERT INTO accounts_api_keys (id, account_id, digest, starts_with, name, scopes)"
            " SELECT gen_random_uuid(), $1, n::text::bytea, 'byn_', 'x', '{}' FROM generate_series(1, 98) n",
            UUID(ada.id),
        )
    body = {"name": "Robot", "scopes": ["posts:read"]}
    answers = await asyncio.gather(*(ada.post("/v1/api-keys", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]


# Scopes


async def test_reading_writing_and_what_neither_covers(api: Api) -> None:
    ada = await api.sign_up("ada")
    reader, writer = await with_scopes(ada, "posts:read"), await with_scopes(ada, "posts:write")
    published = await writer.post("/v1/posts", POST)
    assert published.status_code == 201
    assert published.json()["author"]["id"] == ada.id
    path = f"/v1/posts/{published.json()['id']}"
    assert code(await reader.post("/v1/posts", POST)) == SCOPE
    assert code(await reader.patch(path, {"body": "Changed"})) == SCOPE
    assert code(await reader.delete(path)) == SCOPE
    assert code(await reader.ask("PUT", f"{path}/reactions/love")) == SCOPE
    for client in (reader, writer):
        assert (await client.get("/v1/feed")).status_code == 200
        assert (await client.get(path)).status_code == 200
        assert code(await client.get("/v1/me")) == SCOPE
        assert code(await client.get("/v1/connections")) == SCOPE


async def test_what_anybody_may_read_needs_the_scope_too(api: Api) -> None:
    """With a key one reads as its account: more than anybody."""
    ada = await api.sign_up("ada")
    assert code(await (await with_scopes(ada, "people:write")).get("/v1/posts")) == SCOPE
    assert (await api.get("/v1/posts")).status_code == 200


async def test_accounts_and_sessions_take_no_key(api: Api) -> None:
    """Whatever scopes it has: else a leaked key could make others, or keep its owner out."""
    ada = await api.sign_up("ada")
    await make_admin(api, ada)
    everything = (await ada.post("/v1/api-keys", {"name": "x", "scopes": ["x:read"]})).json()["detail"]
    scopes = everything.removeprefix("Choose from ").removesuffix(".").split(", ")
    assert {"posts:read", "posts:write", "people:read", "people:write", "admin"} <= set(scopes)
    key = await with_scopes(ada, *scopes)
    document = (await api.get("/openapi.json")).json()
    closed = [
        (method.upper(), path.replace("{session_id}", str(uuid4())).replace("{key_id}", str(uuid4())))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["tags"][0] == "auth" and {"bearer": []} in operation["security"]
    ]
    assert len(closed) >= 14
    for method, path in closed:
        assert code(await key.ask(method, path, None if method in ("GET", "DELETE") else {})) == SCOPE, (method, path)
    assert len((await ada.get("/v1/auth/sessions")).json()["items"]) == 1


async def test_the_document_names_the_scope(api: Api) -> None:
    document = (await api.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"
    paths = document["paths"]
    assert paths["/v1/feed"]["get"]["security"] == [{"bearer": []}, {"api_key": ["posts:read"]}]
    assert paths["/v1/posts"]["post"]["security"] == [{"bearer": []}, {"api_key": ["posts:write"]}]
    assert paths["/v1/posts"]["get"]["security"] == [{}, {"bearer": []}, {"api_key": ["posts:read"]}]
    assert paths["/v1/api-keys"]["get"]["security"] == [{"bearer": []}]
    assert paths["/v1/auth/token"]["post"]["security"] == [{}]
    assert "insufficient_scope" in paths["/v1/feed"]["get"]["responses"]["403"]["description"]


async def test_admin_routes_take_the_role_and_the_scope(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await make_admin(api, ada)
    await make_admin(api, ben)
    assert code(await (await api.sign_up("cleo")).post("/v1/api-keys", {"name": "x", "scopes": ["admin"]})) == (
        403,
        "forbidden",
    )
    chief, plain = await with_scopes(ada, "admin"), await with_scopes(ada, "posts:write", "people:write")
    assert (await chief.get("/v1/admin/people")).status_code == 200
    assert code(await plain.get("/v1/admin/people")) == SCOPE
    assert code(await chief.get("/v1/feed")) == SCOPE
    (entry,) = [
        entry for entry in (await ada.get("/v1/admin/audit")).json()["items"] if entry["action"] == "people.list"
    ]
    assert entry["via"] == "api_key"
    await make_admin(api, ada, Role.MEMBER)
    assert code(await chief.get("/v1/admin/people")) == (403, "forbidden")


async def test_without_the_scope_an_admins_key_is_a_members(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await make_admin(api, ada)
    key = (await make(ada, "posts:write"))["key"]
    principal = await api.platform.asgi._parts.verify_token(api.platform.pool.work(), key)  # type: ignore[attr-defined]
    assert principal.role == "member"
    published = await ben.post("/v1/posts", POST)
    answer = await using(api, key).patch(f"/v1/posts/{published.json()['id']}", {"body": "Mine"})
    assert answer.status_code == 403


# Ending


async def test_an_ended_key_holds_in_no_process(api: Api, database_url: str) -> None:
    ada = await api.sign_up("ada")
    made = await make(ada, "people:read")
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as second:
        here, there = using(api, made["key"]), using(second, made["key"])
        assert (await here.get("/v1/me")).status_code == (await there.get("/v1/me")).status_code == 200
        assert (await ada.delete(f"/v1/api-keys/{made['id']}")).status_code == 204
        assert code(await here.get("/v1/me")) == (401, "invalid_token")

        async def ended() -> bool:
            return (await there.get("/v1/me")).status_code == 401

        await eventually(ended)
    assert code(await ada.delete(f"/v1/api-keys/{made['id']}")) == (404, "api_key_not_found")


async def test_a_key_expires(api: Api) -> None:
    ada = await api.sign_up("ada")
    # On a machine that has much else to do a short life is over before it is used.
    for seconds in (1.5, 20, 50):
        soon = datetime.now(UTC) + timedelta(seconds=seconds)
        made = await make(ada, "people:read", expires_at=soon.isoformat())
        client = using(api, made["key"])
        if (used := await client.get("/v1/me")).status_code == 200:
            break
    assert used.status_code == 200

    async def expired() -> bool:
        return (await client.get("/v1/me")).status_code == 401

    await eventually(expired)
    listed, *_ = (await ada.get("/v1/api-keys")).json()["items"]
    assert listed["id"] == made["id"], "its owner sees what has run out"


async def test_keys_of_a_suspended_account_do_not_hold(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await make_admin(api, ada)
    client = await with_scopes(ben, "people:read")
    assert (await client.get("/v1/me")).status_code == 200
    answer = await ada.post(f"/v1/admin/people/{ben.id}/suspend", {"reason": "Spam"})
    assert answer.status_code == 200, answer.text
    assert code(await client.get("/v1/me")) == (401, "invalid_token")


async def test_a_key_outlives_sessions_passwords_and_needs_no_code(api: Api) -> None:
    ada = await api.sign_up("ada")
    client = await with_scopes(ada, "people:read")
    await turn_on(ada)
    body = {"current_password": PASSWORD, "new_password": "another long password"}
    assert (await ada.ask("PUT", "/v1/auth/password", body)).status_code == 204
    assert (await ada.post("/v1/auth/sign-out")).status_code == 204
    assert (await client.get("/v1/me")).status_code == 200


async def test_invented_keys(api: Api) -> None:
    for key in ("byn_", "byn_x", "byn_" + "A" * 43, "byn_" + "A" * 400, "byn_" + "é" * 43):
        answer = await api.http.get("/v1/me", headers={b"authorization": f"Bearer {key}".encode()})
        assert code(answer) == (401, "invalid_token"), key


async def test_guessing_keys_is_limited(database_url: str) -> None:
    settings = settings_for(database_url, limits={"enabled": True, "anonymous_per_minute": 3})
    async with running_platform(settings) as platform, api_of(platform) as api:
        answers = [await using(api, "byn_" + "A" * 43).get("/v1/me") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


async def test_one_has_only_ones_own(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    made = await make(ada, "people:read")
    assert (await ben.get("/v1/api-keys")).json()["items"] == []
    assert code(await ben.delete(f"/v1/api-keys/{made['id']}")) == (404, "api_key_not_found")
    assert (await using(api, made["key"]).get("/v1/me")).json()["handle"] == "ada"


# Idempotency


async def test_a_key_does_not_find_the_answers_of_other_ways(api: Api) -> None:
    """Else it could read what it has no scope for."""
    ada = await api.sign_up("ada")
    assert (await ada.post("/v1/posts", POST, idempotency_key="k1")).status_code == 201
    reader = await with_scopes(ada, "posts:read")
    assert code(await reader.post("/v1/posts", POST, idempotency_key="k1")) == SCOPE
    writer = await with_scopes(ada, "posts:write")
    first, again = [await writer.post("/v1/posts", POST, idempotency_key="k1") for _ in range(2)]
    assert first.json() == again.json()


# Uses


async def test_requests_write_nothing_and_cost_one_look(database_url: str) -> None:
    async with quiet_api(settings_for(database_url)) as api:
        ada = await api.sign_up("ada")
        client = await with_scopes(ada, "posts:read")
        await client.get("/v1/feed")
        async with recorded(api.platform.pool) as warm:
            assert (await client.get("/v1/feed")).status_code == 200
        async with recorded(api.platform.pool) as plain:
            assert (await ada.get("/v1/feed")).status_code == 200
        assert [statement for statement in warm if "accounts_" in statement] == []
        assert len(warm) <= len(plain)


async def test_the_last_use_is_written_once_a_minute(api: Api) -> None:
    ada = await api.sign_up("ada")
    client = await with_scopes(ada, "people:read")
    uses = api.platform.key_uses

    async def last_used() -> datetime | None:
        (listed,) = (await ada.get("/v1/api-keys")).json()["items"]
        return datetime.fromisoformat(listed["last_used_at"]) if listed["last_used_at"] else None

    assert await last_used() is None
    await client.get("/v1/me")
    await uses.flush()
    first = await last_used()
    assert first is not None
    await client.get("/v1/me")
    await uses.flush()
    assert await last_used() == first, "less than a minute later"
    async with api.platform.pool.work() as work:
        await work.write("UPDATE accounts_api_keys SET last_used_at = last_used_at - interval '61 seconds'")
    await client.get("/v1/me")
    await uses.flush()
    second = await last_used()
    assert second is not None and second > first


async def test_a_stopping_process_writes_the_rest(api: Api, database_url: str) -> None:
    ada = await api.sign_up("ada")
    key = (await make(ada, "people:read"))["key"]
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as second:
        await using(second, key).get("/v1/me")
    await jobs_done(api)
    assert await api.platform.pool.work().value("SELECT last_used_at FROM accounts_api_keys") is not None


async def test_uses_wait_for_a_database_that_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await api.sign_up("ada")
    client = await with_scopes(ada, "people:read")
    await client.get("/v1/me")
    uses = api.platform.key_uses
    with monkeypatch.context() as patched:
        patched.setattr(uses, "_write", _fail)
        await uses.flush()
    await uses.flush()
    assert await api.platform.pool.work().value("SELECT last_used_at FROM accounts_api_keys") is not None


async def _fail(work: object, uses: object) -> None:
    raise DatabaseUnavailable
