"""A copy of one's own data: all of it and nobody else's, made in the background, kept and served in pieces."""

import asyncio
import io
import json
import zipfile
from typing import Any
from uuid import UUID

import httpx
import pytest

from banyan.features.accounts.archive import Archive
from banyan.features.accounts.models import MakeExport
from banyan.features.accounts.service import exports as module
from banyan.features.people.models import Card
from banyan.kernel.ids import new_id
from tests.features.accounts.steps import code, jobs_done, mails
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD, Api, serving


async def ask(api: Api) -> dict[str, Any]:
    """An export that is ready."""
    answer = await api.post("/v1/me/exports", {})
    assert answer.status_code == 202, answer.text
    asked: dict[str, Any] = answer.json()
    assert (asked["state"], asked["file_url"], asked["size_bytes"]) == ("preparing", None, None)
    shown: dict[str, Any] = {}

    async def ready() -> bool:
        shown.update((await api.get(f"/v1/me/exports/{asked['id']}")).json())
        return bool(shown["state"] == "ready")

    await eventually(ready)
    return shown


async def fetch(api: Api, export: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The JSON files by feature, and the page."""
    answer = await api.get(export["file_url"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="export-')
    assert answer.headers["x-request-id"] and answer.headers["cache-control"] == "private, no-store"
    assert len(answer.content) == export["size_bytes"] == int(answer.headers["content-length"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        files = {name.removesuffix(".json"): json.loads(archive.read(name)) for name in names if name != "index.html"}
        return files, archive.read("index.html").decode()


async def test_all_that_is_ones_own_and_nothing_of_others(api: Api) -> None:
    ada, ben, cleo = [await api.sign_up(handle) for handle in ("ada", "ben", "cleo")]
    connection = await ada.connect(ben)
    await ada.patch("/v1/me", {"bio": "Grows <b>trees</b>"})
    await ada.put(f"/v1/blocks/{cleo.id}")
    list_id = (await ada.post("/v1/lists", {"name": "Garden"})).json()["id"]
    await ada.put(f"/v1/lists/{list_id}/members/{ben.id}")
    await ada.put(f"/v1/mutes/{ben.id}")
    await ada.delete(f"/v1/suggestions/{ben.id}")
    await ada.post("/v1/invites", {"note": "For Dan"})
    post = (await ada.post("/v1/posts", {"body": "First words", "audience": "self"})).json()["id"]
    await ada.patch(f"/v1/posts/{post}", {"body": "Second words"})
    bens = (await ben.post("/v1/posts", {"body": "Words of Ben", "audience": "connections"})).json()["id"]
    await ben.post(f"/v1/posts/{bens}/comments", {"body": "Ben answers himself"})
    comment = (await ada.post(f"/v1/posts/{bens}/comments", {"body": "Ada answers"})).json()["id"]
    await ada.put(f"/v1/posts/{bens}/reactions/love")
    await ada.put(f"/v1/posts/{bens}/save")
    files, page = await fetch(ada, await ask(ada))

    assert files["accounts"]["account"][0]["email"] == "ada@example.org"
    assert len(files["accounts"]["sessions"]) == 1
    assert [invite["note"] for invite in files["accounts"]["invites"]] == ["For Dan"]
    people = files["people"]
    assert people["profile"][0]["bio"] == "Grows <b>trees</b>"
    assert [one["id"] for one in people["connections_connected"]] == [connection]
    assert [one["person"]["handle"] for one in people["blocks"]] == ["cleo"]
    assert [one["person"]["handle"] for one in people["mutes"]] == ["ben"]
    assert [one["name"] for one in people["lists"]] == ["Garden"]
    assert [one["person_id"] for one in people["list_members"]] == [ben.id]
    assert [one["person_id"] for one in people["dismissed_suggestions"]] == [ben.id]
    posts = files["posts"]
    assert [(one["id"], one["body"]) for one in posts["posts"]] == [(post, "Second words")]
    assert [one["body"] for one in posts["earlier_texts"]] == ["First words"]
    assert [(one["id"], one["body"]) for one in posts["comments"]] == [(comment, "Ada answers")]
    assert [(one["post_id"], one["kind"]) for one in posts["reactions"]] == [(bens, "love")]
    assert [one["post_id"] for one in posts["saved"]] == [bens]
    everything = json.dumps(files) + page
    for others in ("Words of Ben", "answers himself", "ben@example.org", "argon2", PASSWORD):
        assert others not in everything
    for own in ("First words", "Second words", "Ada answers", "Grows &lt;b&gt;trees&lt;/b&gt;", "ada@example.org"):
        assert own in page


async def test_one_at_a_time_and_only_for_oneself(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    answers = await asyncio.gather(*(ada.post("/v1/me/exports", {}) for _ in range(4)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(202) >= 1 and set(codes) <= {202, 409}
    await jobs_done(api)
    export = await ask(ada)
    await jobs_done(api)
    for path in (f"/v1/me/exports/{export['id']}", export["file_url"]):
        assert code(await ben.get(path)) == (404, "export_not_found")
    assert (await ben.get("/v1/me/exports")).json()["items"] == []
    subjects = [mail.subject for mail in await mails(api) if mail.to == "ada@example.org"]
    assert any("is ready" in subject for subject in subjects)


async def test_the_newest_three_stay_until_their_time_is_over(api: Api) -> None:
    ada = await api.sign_up("ada")
    made = [await ask(ada) for _ in range(4)]
    kept = (await ada.get("/v1/me/exports")).json()["items"]
    assert kept == list(reversed(made[1:]))
    assert code(await ada.get(made[0]["file_url"])) == (404, "export_not_found")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_exports SET expires_at = now()")
    assert (await ada.get("/v1/me/exports")).json()["items"] == []
    assert code(await ada.get(made[3]["file_url"])) == (404, "export_not_found")


async def test_not_ready_yet(api: Api) -> None:
    ada = await api.sign_up("ada")
    export = await ask(ada)
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_exports SET state = 'failed', ready_at = NULL, size_bytes = NULL")
    assert code(await ada.get(export["file_url"])) == (409, "export_not_ready")


async def test_many_pieces_over_a_real_port(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made and sent in small pieces it is the same file; HEAD sends none of them."""
    monkeypatch.setattr(module, "_PIECE_BYTES", 1000)
    ada = await api.sign_up("ada")
    bodies = [f"{new_id()} {new_id()} {new_id()} number {number}" for number in range(300)]
    for body in bodies:
        await ada.post("/v1/posts", {"body": body})
    export = await ask(ada)
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_export_pieces") > 1
    async with serving(api.platform) as url:
        headers = {"authorization": f"Bearer {ada.signed_in['access_token']}"}
        head = await api.http.request("HEAD", export["file_url"], headers=headers)
        assert head.headers["content-length"] == str(export["size_bytes"])
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=300) as http:
            for _ in range(2):
                head = await http.head(export["file_url"])
                assert (head.status_code, head.content) == (200, b"")
            answer = await http.get(export["file_url"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        posts = json.loads(archive.read("posts.json"))["posts"]
    assert [post["body"] for post in posts] == bodies


async def test_a_job_cut_off_half_way_begins_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await api.sign_up("ada")
    await ada.post("/v1/posts", {"body": "Hello"})
    exports = api.platform.features.exports
    monkeypatch.setattr(module, "_PIECE_BYTES", 1)
    work = api.platform.pool.work()
    asked = await exports.ask_export(work, UUID(ada.id))
    await work.rollback()
    async with api.platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO accounts_exports (id, account_id, state, expires_at)"
            " VALUES ($1, $2, 'preparing', now() + interval '1 day')",
            asked.id,
            ada.id,
        )
    work = api.platform.pool.work()
    await exports.make_export(work, MakeExport(asked.id))
    # Killed before its commit.
    await work.rollback()
    assert await api.platform.pool.work().value("SELECT count(*) FROM accounts_export_pieces") == 0
    for _ in range(2):
        async with api.platform.pool.work() as work:
            await exports.make_export(work, MakeExport(asked.id))
    export = (await ada.get(f"/v1/me/exports/{asked.id}")).json()
    files, _ = await fetch(ada, export)
    assert [post["body"] for post in files["posts"]["posts"]] == ["Hello"]


def test_an_archive_of_nothing_is_whole() -> None:
    with Archive("Tree & Co") as archive:
        archive.begin_feature("empty")
        archive.end_feature()
        archive.begin_feature("some")
        for name in ("none", "one"):
            archive.begin_section(name, name.title())
            archive.add([] if name == "none" else [Card(new_id(), "ada", "<Ada>", None)])
            archive.end_section()
        archive.end_feature()
        data = archive.take() + b"".join(archive.finish())
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert json.loads(read.read("empty.json")) == {}
        some = json.loads(read.read("some.json"))
        assert (some["none"], some["one"][0]["display_name"]) == ([], "<Ada>")
        page = read.read("index.html").decode()
    assert "Tree &amp; Co" in page and "&lt;Ada&gt;" in page and "Nothing." in page
