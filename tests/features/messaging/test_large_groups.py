"""A group of as many as there may be: made, written in, read and changed, at a cost that does not grow with it."""

from uuid import UUID

from banyan.app.wiring import Platform
from banyan.features.messaging.models import GROUP_MAX_MEMBERS
from banyan.kernel.ids import new_id
from tests.features.messaging.steps import say
from tests.support.platform import Api
from tests.support.sockets import greeted


async def _crowd(platform: Platform, count: int) -> list[str]:
    """Ids of people who do nothing."""
    ids = [new_id() for _ in range(count)]
    async with platform.pool.work() as work:
        await work.write(
            """INSERT INTO people_people (id, handle, display_name, created_at)
               SELECT id, 'p' || replace(right(id::text, 20), '-', ''), 'Member', now()
               FROM unnest($1::uuid[]) AS id""",
            ids,
        )
    return [str(one) for one in ids]


async def _touched_rows(platform: Platform, conversation_id: str) -> int:
    """How many transactions have written the rows of a group's members as they are now."""
    async with platform.pool.work() as work:
        return int(
            await work.value(
                "SELECT count(DISTINCT xmin::text) FROM messaging_members WHERE conversation_id = $1",
                UUID(conversation_id),
            )
        )


async def _unread(person: Api, conversation_id: str) -> int:
    return int((await person.get(f"/v1/conversations/{conversation_id}")).json()["unread_count"])


async def test_a_group_of_five_thousand(platform: Platform, api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    crowd = await _crowd(platform, GROUP_MAX_MEMBERS - 2)
    made = await ada.post("/v1/conversations", {"member_ids": [ben.id, *crowd], "title": "Everybody"})
    assert (made.status_code, made.json()["member_count"]) == (201, GROUP_MAX_MEMBERS)
    place = made.json()["id"]
    path = f"/v1/conversations/{place}"

    # Full is full, and what was refused has left nothing.
    assert (await ada.post(f"{path}/members", {"member_ids": [cem.id]})).json()["code"] == "group_full"
    assert (await cem.get(path)).status_code == 404

    since = (await ben.get("/v1/sync")).json()["next"]
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        said = [await say(ada, place, f"Number {number}") for number in range(3)]
        heard = [await socket.read() for _ in said]
        assert [one["data"]["message"]["id"] for one in heard] == [one["id"] for one in said]
        # Of all members' rows only the author's was written.
        assert await _touched_rows(platform, place) <= 2
        assert await _unread(ben, place) == 3
        assert (await ben.ask("PUT", f"{path}/read", {"message_id": said[1]["id"]})).json()["unread_count"] == 1
        assert await _unread(ben, place) == 1
        # Nobody's own stream points to so large a group, and nobody is told who has read how far.
        changes = (await ben.get(f"/v1/sync?since={since}")).json()["items"]
        assert "conversation" not in {one["kind"] for one in changes}

        assert (await ada.delete(f"{path}/members/{crowd[0]}")).status_code == 204
        assert (await ada.delete(f"{path}/members/{ben.id}")).status_code == 204
        told = [await socket.read() for _ in range(2)]
        assert told[0]["data"] == {"type": "member_removed", "person_id": crowd[0], "owner_id": ada.id}
        while told[-1]["type"] == "event":
            told.append(await socket.read())
        assert told[-1]["code"] == "not_found"
    assert (await ben.get(path)).status_code == 404
    assert (await ada.get(path)).json()["member_count"] == GROUP_MAX_MEMBERS - 2
    assert (await ada.post(f"{path}/members", {"member_ids": [cem.id, ben.id]})).status_code == 204
    assert await _members(ada, path) == {ada.id, ben.id, cem.id, *crowd[1:]}


async def _members(person: Api, path: str) -> set[str]:
    """All of them, page by page; each once."""
    found: list[str] = []
    cursor = ""
    while True:
        page = (await person.get(f"{path}/members?limit=100{cursor}")).json()
        found += [member["person"]["id"] for member in page["items"]]
        if page["next_cursor"] is None:
            assert len(found) == len(set(found))
            return set(found)
        cursor = f"&cursor={page['next_cursor']}"
