"""Leaving for good: what others see before and after, the way back, and an end that no kill can spoil."""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from banyan.features.accounts.models import EraseDueAccounts, ErasePart
from banyan.infra.database.work import Work
from tests.features.accounts.steps import bearer, code, holds, jobs_done, mails, quiet_api, sign_in, sign_up_body
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, api_of, running_platform, settings_for

# What may still name somebody who is gone, and why, is in docs/operations.md.
STAYS = {"people_handle_changes", "audit_entries", "mail_messages"}
# What processes tell each other, forgotten within minutes, and work still to be done.
PASSING = {"bus_messages", "jobs"}


@pytest.fixture
async def fleeting(database_url: str) -> AsyncIterator[Api]:
    """A community without a grace period."""
    settings = settings_for(database_url, accounts={"deletion_grace_days": 0})
    async with running_platform(settings) as platform, api_of(platform) as api:
        yield api


async def leave(api: Api, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/v1/me/deletion", {"password": password})


async def restore(api: Api, handle: str, **headers: str) -> httpx.Response:
    body = {"email": f"{handle}@example.org", "password": PASSWORD, "restore": True}
    return await api.post("/v1/auth/token", body, **headers)


async def jobs_done_but_later(api: Api) -> None:
    """Returns once only what has to wait is left."""

    async def done() -> bool:
        return not await api.platform.pool.work().value("SELECT count(*) FROM jobs WHERE run_at <= now()")

    await eventually(done)


class Neighbours:
    """Ada, who will leave, and Ben, who is connected with her; each has written, and answered the other."""

    def __init__(self, api: Api, ada: Api, ben: Api) -> None:
        self.api, self.ada, self.ben = api, ada, ben
        self.adas = self.bens = self.own_comment = ""

    @classmethod
    async def settle(cls, api: Api) -> "Neighbours":
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        self = cls(api, ada, ben)
        await ada.connect(ben)
        self.adas = (await ada.post("/v1/posts", {"body": "Of Ada", "audience": "public"})).json()["id"]
        self.bens = (await ben.post("/v1/posts", {"body": "Of Ben", "audience": "public"})).json()["id"]
        for writer in (ada, ben):
            for post in (self.adas, self.bens):
                await writer.post(f"/v1/posts/{post}/comments", {"body": f"{writer.handle} was here"})
                await writer.put(f"/v1/posts/{post}/reactions/love")
                await writer.put(f"/v1/posts/{post}/save")
        await jobs_done(api)
        return self

    async def seen(self, reader: Api) -> dict[str, Any]:
        """All that shows of Ada to a reader."""
        paths = {
            "profile": "/v1/people/ada",
            "profile of Ben": "/v1/people/ben",
            "posts": "/v1/people/ada/posts",
            "post": f"/v1/posts/{self.adas}",
            "comments": f"/v1/posts/{self.adas}/comments",
            "post of Ben": f"/v1/posts/{self.bens}",
            "comments on Ben's": f"/v1/posts/{self.bens}/comments",
            "public": "/v1/posts",
        }
        if reader.signed_in:
            paths |= {"feed": "/v1/feed", "connections": "/v1/connections", "saved": "/v1/saved"}
        answers = {name: await reader.get(path) for name, path in paths.items()}
        return {
            name: answer.json() if answer.status_code == 200 else answer.status_code for name, answer in answers.items()
        }


async def test_hidden_at_once_from_everybody(api: Api) -> None:
    town = await Neighbours.settle(api)
    for reader in (api, town.ben):
        assert "Of Ada" in json.dumps(await town.seen(reader))
    answer = await leave(town.ada)
    assert answer.status_code == 202 and "deletes_at" in answer.json()
    for reader in (api, town.ben):
        seen = await town.seen(reader)
        for name in ("profile", "posts", "post", "comments"):
            assert seen[name] == 404, name
        told = json.dumps(seen)
        assert "Of Ada" not in told and town.ada.id not in told and '"ada"' not in told, told
    seen = await town.seen(town.ben)
    assert seen["connections"]["items"] == []
    assert seen["profile of Ben"]["connection_count"] == 0
    assert [post["body"] for post in seen["feed"]["items"]] == ["Of Ben"]
    assert code(await town.ben.post("/v1/connections", {"person_id": town.ada.id})) == (404, "person_not_found")


async def test_to_delete_oneself_is_the_same(api: Api) -> None:
    ada = await api.sign_up("ada")
    key = (await ada.post("/v1/api-keys", {"name": "a program", "scopes": ["people:write"]})).json()["key"]
    body = {"password": PASSWORD}
    assert code(await ada.ask("DELETE", "/v1/me", {"password": "not mine"})) == (403, "wrong_password")
    by_key = await ada.ask("DELETE", "/v1/me", body, authorization=f"Bearer {key}")
    assert code(by_key) == (403, "insufficient_scope")
    answer = await ada.ask("DELETE", "/v1/me", body)
    assert answer.status_code == 202 and "deletes_at" in answer.json()
    assert (await ada.get("/v1/me")).status_code == 401
    assert (await api.get("/v1/people/ada")).status_code == 404


async def test_all_sessions_end_and_only_the_owner_is_told(api: Api) -> None:
    town = await Neighbours.settle(api)
    phone = await sign_in(api, "ada")
    await leave(town.ada)
    assert not await holds(api, phone)
    assert (await town.ada.get("/v1/me")).status_code == 401
    refreshed = await api.post("/v1/auth/refresh", {"refresh_token": phone.json()["refresh_token"]})
    assert code(refreshed) == (401, "invalid_refresh_token")
    assert code(await sign_in(api, "ada", "not the password")) == (401, "wrong_credentials")
    refused = await sign_in(api, "ada")
    assert code(refused) == (403, "account_deleting")
    assert "restore" in refused.json()["detail"]
    assert code(await api.post("/v1/accounts", sign_up_body("other", email="ada@example.org")))[1] == "email_taken"
    assert code(await api.post("/v1/accounts", sign_up_body("ada", email="b@example.org")))[1] == "handle_taken"
    await jobs_done_but_later(api)
    assert any("will be deleted" in mail.subject for mail in await mails(api) if mail.to == "ada@example.org")


async def test_taken_back_everything_is_as_it_was(api: Api) -> None:
    town = await Neighbours.settle(api)
    before = [await town.seen(reader) for reader in (api, town.ben, town.ada)]
    await leave(town.ada)
    back = await restore(api, "ada")
    assert back.status_code == 200
    ada = Api(api.platform, api.http, back.json())
    after = [await town.seen(reader) for reader in (api, town.ben, ada)]
    assert after == before
    assert (await sign_in(api, "ada")).status_code == 200
    assert (await restore(api, "ada")).status_code == 200, "nothing to take back is no error"
    async with api.platform.pool.work() as work:
        await api.platform.features.erasures.erase_due(work, EraseDueAccounts())
    await jobs_done_but_later(api)
    assert (await ada.get("/v1/people/ada")).status_code == 200


async def test_an_api_key_rests_meanwhile_and_cannot_delete(api: Api) -> None:
    town = await Neighbours.settle(api)
    wanted = {"name": "Phone", "scopes": ["people:write", "posts:write"]}
    made = (await town.ada.post("/v1/api-keys", wanted)).json()
    key = {"authorization": f"Bearer {made['key']}"}
    assert (await api.get("/v1/me", **key)).status_code == 200
    for refused in (
        await api.post("/v1/me/deletion", {"password": PASSWORD}, **key),
        await api.post("/v1/me/exports", {}, **key),
        await api.get("/v1/me/exports", **key),
    ):
        assert code(refused) == (403, "insufficient_scope")
    await leave(town.ada)
    assert (await api.get("/v1/me", **key)).status_code == 401
    await restore(api, "ada")
    assert (await api.get("/v1/me", **key)).status_code == 200


async def test_only_with_the_password(api: Api) -> None:
    town = await Neighbours.settle(api)
    assert code(await leave(town.ada, "not the password")) == (403, "wrong_password")
    assert (await api.get("/v1/people/ada")).status_code == 200
    assert (await api.post("/v1/me/deletion", {"password": PASSWORD})).status_code == 401


async def test_the_last_admin_stays(api: Api) -> None:
    chief, deputy = await api.sign_up("chief"), await api.sign_up("deputy")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET role = 'admin'")
    answers = await asyncio.gather(leave(chief), leave(deputy))
    assert sorted(answer.status_code for answer in answers) == [202, 409], "of two at once one must remain"


async def test_asked_twice_it_is_one_deletion(api: Api) -> None:
    town = await Neighbours.settle(api)
    answers = await asyncio.gather(*(leave(town.ada) for _ in range(3)))
    dates = {answer.json()["deletes_at"] for answer in answers if answer.status_code == 202}
    assert len(dates) == 1
    assert {answer.status_code for answer in answers} <= {202, 401}
    await jobs_done_but_later(api)
    assert len([mail for mail in await mails(api) if "will be deleted" in mail.subject]) == 1


async def test_a_sign_in_at_the_same_time_leaves_no_session(api: Api) -> None:
    town = await Neighbours.settle(api)
    signed_in, *_ = await asyncio.gather(sign_in(api, "ada"), leave(town.ada), sign_in(api, "ada"))
    if signed_in.status_code == 200:
        assert not await holds(api, signed_in)
    work = api.platform.pool.work()
    assert (
        await work.value(
            "SELECT count(*) FROM accounts_sessions WHERE account_id = $1 AND ended_at IS NULL", UUID(town.ada.id)
        )
        == 0
    )


async def test_erased_what_stays_is_only_comments_without_a_name(fleeting: Api) -> None:
    town = await Neighbours.settle(fleeting)
    await town.ada.post("/v1/me/exports", {})
    await leave(town.ada)
    await jobs_done(fleeting)
    await check_erased(town)
    deleted = [mail for mail in await mails(fleeting) if "has been deleted" in mail.subject]
    assert [mail.to for mail in deleted] == ["ada@example.org"]


async def check_erased(town: Neighbours) -> None:
    """Nothing of Ada is left but what the documentation names."""
    api = town.api
    assert code(await sign_in(api, "ada")) == (401, "wrong_credentials")
    assert code(await restore(api, "ada")) == (401, "wrong_credentials")
    post = (await town.ben.get(f"/v1/posts/{town.bens}")).json()
    assert (post["comment_count"], post["reaction_counts"]) == (2, {"love": 1})
    comments = (await api.get(f"/v1/posts/{town.bens}/comments")).json()["items"]
    assert sorted(comment["body"] for comment in comments) == ["ada was here", "ben was here"]
    (orphan,) = [comment for comment in comments if comment["body"] == "ada was here"]
    assert orphan["author"]["handle"] != "ada"
    assert town.ada.id not in json.dumps(orphan)
    assert (await api.get(f"/v1/posts/{town.adas}")).status_code == 404
    assert [one["body"] for one in (await town.ben.get("/v1/feed")).json()["items"]] == ["Of Ben"]
    work = api.platform.pool.work()
    for row in await work.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        if row[0] not in STAYS | PASSING:
            stored = "".join(line[0] for line in await work.rows(f"SELECT t::text FROM {row[0]} t"))
            assert town.ada.id not in stored, row[0]
            assert "ada@example.org" not in stored, row[0]
    # The address may come again, the handle not yet.
    assert code(await api.post("/v1/accounts", sign_up_body("ada", email="new@example.org")))[1] == "handle_taken"
    assert (await api.post("/v1/accounts", sign_up_body("another", email="ada@example.org"))).status_code == 201


@pytest.mark.parametrize("seed", range(5))
async def test_killed_anywhere_it_goes_on(database_url: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is killed before its commit now and then; what it would have begun next is then not begun."""
    random = Random(seed)
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        town = await Neighbours.settle(api)
        await leave(town.ada)
        await jobs_done_but_later(api)
    async with quiet_api(settings_for(database_url)) as api:
        town.api = api
        town.ben = Api(api.platform, api.http, town.ben.signed_in)
        async with api.platform.pool.connection() as connection:
            await connection.execute("UPDATE accounts_accounts SET deletes_at = now() WHERE deletes_at IS NOT NULL")
        begun: list[Any] = []
        monkeypatch.setattr(Work, "enqueue", lambda work, job, **_: begun.append(job))
        todo: list[Any] = [EraseDueAccounts()]
        while todo:
            begun.clear()
            work = api.platform.pool.work()
            await run(api, work, todo[-1])
            if random.random() < 0.5:
                await work.rollback()
            else:
                await work.commit()
                todo.pop()
                todo += [job for job in begun if isinstance(job, EraseDueAccounts | ErasePart)]
        monkeypatch.undo()
        await check_erased(town)


async def run(api: Api, work: Work, job: Any) -> None:
    erasures = api.platform.features.erasures
    if isinstance(job, EraseDueAccounts):
        await erasures.erase_due(work, job)
    else:
        await erasures.erase_part(work, job)


async def test_an_admin_does_the_same(api: Api) -> None:
    town = await Neighbours.settle(api)
    chief = await api.sign_up("chief")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET role = 'admin' WHERE email LIKE 'chief%'")
    chief = Api(api.platform, api.http, (await sign_in(api, "chief")).json())
    path = f"/v1/admin/people/{town.ada.id}"
    assert code(await chief.delete(f"{path}/deletion")) == (409, "not_deleting")
    begun = await chief.post(f"{path}/deletion", {})
    assert (begun.json()["state"], begun.status_code) == ("deleting", 200)
    assert (await api.get("/v1/people/ada")).status_code == 404
    assert code(await sign_in(api, "ada")) == (403, "account_deleting")
    listed = (await chief.get("/v1/admin/people?state=deleting")).json()["items"]
    assert [(one["id"], one["handle"]) for one in listed] == [(town.ada.id, "ada")]
    assert (await chief.delete(f"{path}/deletion")).status_code == 204
    assert (await api.get("/v1/people/ada")).status_code == 200
    assert (await chief.get(path)).json()["state"] == "active"
    assert code(await chief.post(f"/v1/admin/people/{chief.id}/deletion", {})) == (409, "last_admin")
    actions = {entry["action"] for entry in (await chief.get("/v1/admin/audit")).json()["items"]}
    assert {"people.delete", "people.restore"} <= actions


async def test_too_late_to_take_back(api: Api) -> None:
    town = await Neighbours.settle(api)
    await leave(town.ada)
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET erasing_at = now() WHERE deletes_at IS NOT NULL")
    assert code(await restore(api, "ada")) == (401, "wrong_credentials")
    assert (await api.get("/v1/people/ada")).status_code == 404


async def test_many_posts_and_comments_go_in_steps(fleeting: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    town = await Neighbours.settle(fleeting)
    for number in range(60):
        await town.ada.post("/v1/posts", {"body": f"Of Ada {number}"})
        await town.ada.post(f"/v1/posts/{town.bens}/comments", {"body": "ada was here"})
    await leave(town.ada)
    await jobs_done(fleeting)
    work = fleeting.platform.pool.work()
    assert await work.value("SELECT count(*) FROM posts_posts") == 1
    assert await work.value("SELECT count(*) FROM posts_comments") == 62
    assert (await town.ben.get(f"/v1/posts/{town.bens}")).json()["comment_count"] == 62
    assert bearer(await sign_in(fleeting, "ben"))
