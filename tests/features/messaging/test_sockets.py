"""Conversations over sockets: what happens arrives in order, and is resumed from the log without a gap."""

from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from banyan.app.wiring import Platform
from banyan.features.messaging.happenings import MessageSaid
from banyan.features.messaging.service import typing as typing_module
from banyan.infra.declare import Place
from tests.features.messaging.steps import direct, group, history, say
from tests.support.platform import PASSWORD, Api
from tests.support.sockets import Socket, greeted


async def events_of(socket: Socket, count: int) -> list[dict[str, Any]]:
    """The data of the next events, in order."""
    frames = [await socket.read() for _ in range(count)]
    assert {frame["type"] for frame in frames} == {"event"}, frames
    return [{**frame["data"], "offset": frame["offset"]} for frame in frames]


async def test_what_happens_arrives_in_order(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        joined = await socket.subscribe(f"conversation:{place}")
        assert (joined["type"], joined["durable"], joined["offset"]) == ("subscribed", True, 0)
        message = await say(ada, place, "Hello")
        await ada.patch(f"/v1/messages/{message['id']}", {"body": "Hello!"})
        await ben.put(f"/v1/messages/{message['id']}/reactions/love")
        await ben.ask("PUT", f"/v1/conversations/{place}/read", {"message_id": message["id"]})
        await ada.delete(f"/v1/messages/{message['id']}")
        heard = await events_of(socket, 5)
    assert [one["type"] for one in heard] == ["message", "message_edited", "reaction", "read", "message_deleted"]
    assert [one["offset"] for one in heard] == [1, 2, 3, 4, 5]
    assert heard[0]["message"] == message
    assert heard[1]["message"]["body"] == "Hello!"
    assert (heard[2]["kind"], heard[2]["reaction_counts"]) == ("love", {"love": 1})
    assert (heard[3]["person_id"], heard[3]["seq"]) == (ben.id, 1)


async def test_a_drop_is_caught_up_from_the_log_without_what_was_deleted(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        at = await socket.subscribe(f"conversation:{place}")
    kept, gone = await say(ada, place, "Kept"), await say(ada, place, "Gone")
    await ada.delete(f"/v1/messages/{gone['id']}")
    async with greeted(server_url, ben) as socket:
        where = {"epoch": at["epoch"], "offset": at["offset"]}
        assert (await socket.subscribe(f"conversation:{place}", **where))["recovered"] is True
        heard = await events_of(socket, 3)
        assert [one["type"] for one in heard] == ["message", "message", "message_deleted"]
        assert (heard[0]["message"]["id"], heard[1]["message"]) == (kept["id"], None)
    async with greeted(server_url, ben) as socket:
        lost = await socket.subscribe(f"conversation:{place}", epoch=at["epoch"], offset=99)
        assert lost["recovered"] is False


async def test_only_members_join_and_who_leaves_is_cut(api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben)
    for topic in (f"conversation:{place}", f"typing:{place}", "conversation:x", "conversation"):
        async with greeted(server_url, cem) as socket:
            assert (await socket.subscribe(topic))["code"] == "not_found"
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        await ada.delete(f"/v1/conversations/{place}/members/{ben.id}")
        while (frame := await socket.read())["type"] == "event":
            assert frame["data"]["type"] == "member_removed"
        assert (frame["type"], frame["code"]) == ("error", "not_found")


async def test_a_block_cuts_the_topic_of_two(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as socket:
        await socket.subscribe(f"conversation:{place}")
        await ada.put(f"/v1/blocks/{ben.id}")
        assert (await socket.read())["code"] == "not_found"


async def test_in_a_group_nothing_of_the_blocked_is_sent(api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    await say(ben, place, "Before the block")
    await ada.put(f"/v1/blocks/{ben.id}")
    async with greeted(server_url, ada) as socket:
        at = await socket.subscribe(f"conversation:{place}")
        await say(ben, place, "Secret")
        [heard] = await events_of(socket, 1)
        assert (heard["type"], heard["author_id"], heard["message"]) == ("message", None, None)
    async with greeted(server_url, ada) as socket:
        await socket.subscribe(f"conversation:{place}", epoch=at["epoch"], offset=0)
        before, after = await events_of(socket, 2)
        assert (before["message"], after["message"]) == (None, None)
    async with greeted(server_url, cem) as socket:
        await socket.subscribe(f"conversation:{place}", epoch=at["epoch"], offset=0)
        before, after = await events_of(socket, 2)
        # What one of the members may not see is logged for nobody: it is read through the API.
        assert (before["message"]["body"], after["message"]) == ("Before the block", None)
    assert [one["body"] for one in await history(cem, place)] == ["Before the block", "Secret"]


async def test_in_a_group_nobody_hears_by_name_what_the_blocked_do(api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    first, second = await say(cem, place, "One"), await say(cem, place, "Two")
    await _react_and_read(ben, first)
    await ada.put(f"/v1/blocks/{ben.id}")
    await _react_and_read(ben, second)
    heard = {}
    for person in (ada, cem):
        async with greeted(server_url, person) as socket:
            at = await socket.subscribe(f"conversation:{place}")
            await socket.subscribe(f"conversation:{place}", epoch=at["epoch"], offset=0)
            events = [{**one, "offset": 0} for one in await events_of(socket, 6)]
            heard[person.id] = [one for one in events if one["type"] != "message"]
    # Later blocks hold for what was logged before them, for whom they concern.
    told = {"offset": 0, "message_id": first["id"], "person_id": ben.id, "kind": "love", "reaction_counts": {"love": 1}}
    before = [told | {"type": "reaction"}, {"offset": 0, "type": "read", "person_id": ben.id, "seq": 1}]
    unnamed = [one | {"person_id": None} | ({"kind": None} if "kind" in one else {}) for one in before]
    after = [unnamed[0] | {"message_id": second["id"]}, unnamed[1] | {"seq": 2}]
    assert heard == {ada.id: unnamed + after, cem.id: before + after}


async def _react_and_read(person: Api, message: dict[str, Any]) -> None:
    assert (await person.put(f"/v1/messages/{message['id']}/reactions/love")).status_code == 200
    path = f"/v1/conversations/{message['conversation_id']}/read"
    assert (await person.ask("PUT", path, {"message_id": message["id"]})).status_code == 200


async def test_one_look_at_the_log_for_many_shows_each_what_they_may_see(platform: Platform, api: Api) -> None:
    ada, ben, cem, dan = [await api.sign_up(name) for name in ("ada", "ben", "cem", "dan")]
    place = await group(ada, ben, cem, dan)
    await say(ben, place, "Of Ben")
    await say(dan, place, "Of Dan")
    await ada.put(f"/v1/blocks/{ben.id}")
    log = platform.realtime.topics["conversation"].log
    assert log is not None
    # More readers than authors, and the other way round.
    for readers in ([ada, cem, dan], [ada]):
        ids = [UUID(one.id) for one in readers]
        async with platform.pool.work() as work:
            start = Place((await log.head(work, ids[0], place)).epoch, 0)
            logged = await log.read(work, ids, place, start, 10)
        assert logged is not None
        for reader in readers:
            said = [_body(one.seen_by(UUID(reader.id))) for one in logged]
            assert said == [None if reader is ada else "Of Ben", "Of Dan"]


def _body(event: Struct) -> str | None:
    assert isinstance(event, MessageSaid)
    return None if event.message is None else event.message.body


async def test_ones_own_stream_points_to_conversations(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    since = (await ben.get("/v1/sync")).json()["next"]
    said = [await say(ada, place, str(number)) for number in range(3)]
    changes = (await ben.get(f"/v1/sync?since={since}")).json()
    [pointer] = [one for one in changes["items"] if one["kind"] == "conversation"]
    assert pointer["value"] == {"id": place, "seq": 3, "read_seq": 0, "unread_count": 3, "muted": False}
    await ben.ask("PUT", f"/v1/conversations/{place}/read", {"message_id": said[-1]["id"]})
    changes = (await ben.get(f"/v1/sync?since={changes['next']}")).json()
    [pointer] = [one for one in changes["items"] if one["kind"] == "conversation"]
    assert pointer["value"]["unread_count"] == 0
    # Its notification is a matter of jobs, and may come and go meanwhile.
    later = (await ben.get(f"/v1/sync?since={changes['next']}")).json()["items"]
    assert "conversation" not in {one["kind"] for one in later}


async def test_who_is_blocked_types_unheard(api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    await ada.put(f"/v1/blocks/{ben.id}")
    typing = {"type": "publish", "topic": f"typing:{place}"}
    async with greeted(server_url, ada) as hears:
        await hears.subscribe(f"typing:{place}")
        for person in (ben, cem):
            async with greeted(server_url, person) as types:
                await types.subscribe(f"typing:{place}")
                types.send(typing)
                await types.read_until("ack")
        assert (await hears.read())["data"]["person_id"] == cem.id


async def test_typing_is_heard_by_members_and_not_stored(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    async with greeted(server_url, ben) as hears, greeted(server_url, ada) as types:
        await hears.subscribe(f"typing:{place}")
        await types.subscribe(f"typing:{place}")
        types.send({"type": "publish", "topic": f"typing:{place}", "data": {"typing": True}})
        heard = await hears.read()
        assert (heard["type"], heard["data"]) == ("event", {"type": "typing", "person_id": ada.id, "typing": True})


async def test_typing_on_and_off_is_no_way_past_once_a_second(
    api: Api, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing_module, "_EVERY_SECONDS", 600.0)
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    async with greeted(server_url, ben) as hears, greeted(server_url, ada) as types, greeted(server_url, cem) as last:
        for socket in (hears, types, last):
            await socket.subscribe(f"typing:{place}")
        for typing in (True, False, True, False, False, True):
            types.send({"type": "publish", "topic": f"typing:{place}", "data": {"typing": typing}})
            await types.read_until("ack")
        last.send({"type": "publish", "topic": f"typing:{place}"})
        heard = [(await hears.read())["data"] for _ in range(3)]
    assert [(one["person_id"], one["typing"]) for one in heard] == [(ada.id, True), (ada.id, False), (cem.id, True)]


async def test_who_is_being_deleted_is_not_named_to_who_catches_up(api: Api, server_url: str) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    async with greeted(server_url, ben) as socket:
        at = await socket.subscribe(f"conversation:{place}")
    message = await say(ada, place, "Before I go")
    await ada.put(f"/v1/messages/{message['id']}/reactions/love")
    farewell = await say(cem, place, "Farewell")
    await ada.ask("PUT", f"/v1/conversations/{place}/read", {"message_id": farewell["id"]})
    await ada.ask("POST", "/v1/me/deletion", {"password": PASSWORD})
    async with greeted(server_url, ben) as socket:
        where = {"epoch": at["epoch"], "offset": at["offset"]}
        assert (await socket.subscribe(f"conversation:{place}", **where))["recovered"] is True
        heard = await events_of(socket, 4)
    assert [(one["type"], one.get("author_id"), one.get("person_id")) for one in heard] == [
        ("message", None, None),
        ("reaction", None, None),
        ("message", cem.id, None),
        ("read", None, None),
    ]
    assert (heard[0]["message"], heard[1]["reaction_counts"]) == (None, {"love": 1})
