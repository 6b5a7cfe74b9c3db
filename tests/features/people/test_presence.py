"""Who sees that somebody is online, over HTTP and over sockets, and that nobody else does."""

from collections.abc import Iterable
from typing import Any

import pytest

from banyan.infra.presence import roll as roll_module
from banyan.infra.presence.models import WITHIN_SECONDS
from banyan.kernel.ids import new_id
from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.sockets import Socket, greeted

_PATIENCE_SECONDS = 300


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who closes their last socket is offline at the next turn."""
    monkeypatch.setattr(roll_module, "GRACE_SECONDS", 0)


async def test_connections_are_told_who_comes_and_who_goes(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.connect(ben)
    async with greeted(server_url, ada) as socket:
        answer = await socket.subscribe(f"presence:{ben.id}")
        assert (answer["type"], answer["durable"], answer["recovered"]) == ("subscribed", False, False)
        assert await _told(socket) == {ben.id: (False, False)}
        async with greeted(server_url, ben):
            assert await _told(socket) == {ben.id: (True, False)}
            assert await _shown(ada, ben) == {ben.id: (True, False)}
        assert await _told(socket) == {ben.id: (False, True)}
    assert await _shown(ada, ben) == {ben.id: (False, True)}
    profile = (await ada.get("/v1/people/ben")).json()
    assert profile["presence"]["online"] is False
    assert profile["presence"]["last_seen_at"] is not None


async def test_many_are_joined_and_told_in_one_frame(api: Api, server_url: str) -> None:
    ada, stranger = await api.sign_up("ada"), await api.sign_up("stranger")
    friends = [await api.sign_up(f"friend_{number}") for number in range(5)]
    for friend in friends:
        await ada.connect(friend)
    topics = [f"presence:{one.id}" for one in (*friends, stranger, ada)]
    async with greeted(server_url, ada) as socket:
        asked = await socket.ask({"type": "subscribe", "topics": [*topics, f"presence:{new_id()}"], "id": 1})
        assert asked["type"] == "subscribed"
        assert set(asked["topics"]) == set(topics) - {f"presence:{stranger.id}"}
        assert len(asked["refused"]) == 2
        first = await socket.read()
        assert first["within_seconds"] == WITHIN_SECONDS
        assert _told_of(first) == {one.id for one in (*friends, ada)}
        left = await socket.ask({"type": "unsubscribe", "topics": [f"presence:{ada.id}"]})
        assert left == {"type": "ack", "topics": [f"presence:{ada.id}"], "id": None}
        # Told together, whenever they came.
        async with api.platform.pool.work() as work:
            for friend in friends:
                await work.write("INSERT INTO presence_processes VALUES ($1, now())", new_id())
                await work.write(
                    """INSERT INTO presence_people (person_id, process_id)
                       SELECT $1, id FROM presence_processes ORDER BY id DESC LIMIT 1""",
                    friend.id,
                )
                work.publish(f"presence:{friend.id}", roll_module.Changed())
        frame = await socket.read()
        assert _told_of(frame) == {friend.id for friend in friends}
        assert all(state["data"]["online"] for state in frame["states"])


async def test_who_may_not_see_is_told_nothing(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    async with greeted(server_url, ada) as socket, greeted(server_url, ben):
        assert (await socket.subscribe(f"presence:{ben.id}"))["code"] == "not_found"
        assert (await socket.subscribe(f"presence:{str(ben.id).upper()}"))["code"] == "not_found"
        assert (await socket.subscribe("presence"))["code"] == "not_found"
        assert await _shown(ada, ben) == {}
        assert (await ada.get("/v1/people/ben")).json()["presence"] is None
        connection_id = await ada.connect(ben)
        await _see(ada, ben, online=True)
        assert (await socket.subscribe(f"presence:{ben.id}"))["type"] == "subscribed"
        assert await _told(socket) == {ben.id: (True, False)}
        # An end of the connection ends the look.
        assert (await ben.delete(f"/v1/connections/{connection_id}")).status_code == 204
        cut = await socket.read()
        assert (cut["type"], cut["code"], cut["topic"]) == ("error", "not_found", f"presence:{ben.id}")
        assert await _shown(ada, ben) == {}
    async with greeted(server_url, api) as anonymous:
        assert (await anonymous.subscribe(f"presence:{ben.id}"))["code"] == "not_found"


async def test_a_block_hides_both_from_each_other(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.connect(ben)
    async with greeted(server_url, ada) as hers, greeted(server_url, ben) as his:
        for socket, other in ((hers, ben), (his, ada)):
            assert (await socket.subscribe(f"presence:{other.id}"))["type"] == "subscribed"
        assert (await ben.put(f"/v1/blocks/{ada.id}")).status_code == 204
        for socket, other in ((hers, ben), (his, ada)):
            cut = await socket.read_until("error")
            assert cut["topic"] == f"presence:{other.id}"
        assert await _shown(ada, ben) == await _shown(ben, ada) == {}


async def test_nobody_sees_who_does_not_want_it(api: Api, server_url: str) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.connect(ben)
    assert (await ben.get("/v1/me")).json()["presence_visibility"] == "connections"
    async with greeted(server_url, ada) as socket, greeted(server_url, ben):
        assert (await socket.subscribe(f"presence:{ben.id}"))["type"] == "subscribed"
        changed = await ben.patch("/v1/me", {"presence_visibility": "nobody"})
        assert changed.json()["presence_visibility"] == "nobody"
        assert (await socket.read_until("error"))["topic"] == f"presence:{ben.id}"
        assert await _shown(ada, ben) == {}
        assert (await ada.get("/v1/people/ben")).json()["presence"] is None
        await _see(ben, ben, online=True)
    assert (await ben.patch("/v1/me", {"presence_visibility": "everyone"})).status_code == 422


async def test_bad_questions_are_refused(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    assert (await ada.get("/v1/presence?person_ids=x")).status_code == 422
    too_many = ",".join(str(new_id()) for _ in range(101))
    assert (await ada.get(f"/v1/presence?person_ids={too_many}")).status_code == 422
    assert (await ada.get("/v1/presence")).json()["items"] == []
    async with greeted(server_url, ada) as socket:
        for frame in (
            {"type": "subscribe"},
            {"type": "subscribe", "topic": "me", "topics": ["me"]},
            {"type": "unsubscribe"},
            {"type": "subscribe", "topics": ["me"]},
            {"type": "subscribe", "topics": [f"presence:{ada.id}", "posts:public"]},
        ):
            assert (await socket.ask(frame))["code"] == "invalid"
        many = [f"presence:{new_id()}" for _ in range(201)]
        assert (await socket.ask({"type": "subscribe", "topics": many}))["code"] == "too_many_topics"


async def test_who_leaves_for_good_was_never_seen(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    async with greeted(server_url, ada):
        await _see(ada, ada, online=True)
    async with api.platform.pool.work() as work:
        await api.platform.features.people.erase_person(work, ada.signed_in["account"]["id"])
        assert await work.value("SELECT count(*) FROM presence_last_seen WHERE person_id = $1", ada.id) == 0


def _states(states: Iterable[dict[str, Any]]) -> dict[str, tuple[bool, bool]]:
    """By person, whether they are online and whether it is known when they were last."""
    return {state["person_id"]: (state["online"], state["last_seen_at"] is not None) for state in states}


async def _told(socket: Socket) -> dict[str, tuple[bool, bool]]:
    frame = await socket.read()
    assert frame["type"] == "states", frame
    assert all(state["topic"] == f"presence:{state['data']['person_id']}" for state in frame["states"])
    return _states(state["data"] for state in frame["states"])


def _told_of(frame: dict[str, Any]) -> set[str]:
    return {state["data"]["person_id"] for state in frame["states"]}


async def _shown(viewer: Api, *people: Api) -> dict[str, tuple[bool, bool]]:
    answer = await viewer.get(f"/v1/presence?person_ids={','.join(one.id for one in people)}")
    assert answer.status_code == 200, answer.text
    return _states(answer.json()["items"])


async def _see(viewer: Api, person: Api, *, online: bool) -> None:
    async def sees() -> bool:
        return (await _shown(viewer, person)).get(person.id, (None, None))[0] is online

    await eventually(sees, _PATIENCE_SECONDS)
