"""Drops at random points of a socket that follows one's own stream and a conversation: nothing is missed, nothing comes
twice, and what the client kept is what it would read anew.
"""

import asyncio
import random
from typing import Any

import pytest

from tests.features.messaging.steps import direct, history, say
from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.sockets import Socket, greeted

_TOPICS = 2


class Phone:
    """Keeps messages by id and the pointer to their conversation; begins anew only when it is told to."""

    def __init__(self, api: Api, url: str, conversation_id: str) -> None:
        self.api = api
        self.url = url
        self.place = conversation_id
        self.topics = ("me", f"conversation:{conversation_id}")
        self.known: dict[str, dict[str, Any]] = {topic: {} for topic in self.topics}
        self.messages: dict[str, tuple[str, bool]] = {}
        self.pointer: dict[str, Any] | None = None
        self.read_seq = 0
        self.reloads = 0
        self.heard: list[tuple[str, object]] = []

    async def look(self, events: int) -> None:
        """Opens a socket, goes on where it was, and loses it after so many events, or when nothing comes."""
        async with greeted(self.url, self.api) as socket:
            for topic in self.topics:
                socket.send({"type": "subscribe", "topic": topic, **self.known[topic]})
            joined = 0
            while events > 0 or joined < _TOPICS:
                frame = await _soon(socket, patient=joined < _TOPICS)
                if frame is None:
                    return
                if frame["type"] == "subscribed":
                    joined += 1
                    await self._begin(frame)
                else:
                    events -= 1
                    await self._apply(frame)

    async def _begin(self, frame: dict[str, Any]) -> None:
        self.known[frame["topic"]] = {"epoch": frame["epoch"], "offset": frame["offset"]}
        if frame["recovered"]:
            return
        self.reloads += 1
        if frame["topic"] == "me":
            self.pointer = await read_pointer(self.api, self.place)
        else:
            self.messages = await read_messages(self.api, self.place)

    async def _apply(self, frame: dict[str, Any]) -> None:
        topic, offset, data = frame["topic"], frame["offset"], frame["data"]
        assert (topic, offset) not in self.heard
        self.heard.append((topic, offset))
        if topic != "me":
            assert offset == self.known[topic]["offset"] + 1
        self.known[topic]["offset"] = offset
        if topic == "me":
            if data["kind"] == "conversation":
                self.pointer = data["value"]
        elif data["type"] == "message_deleted":
            self.messages[data["message_id"]] = ("", True)
        elif data["type"] in ("message", "message_edited"):
            # Without its content it is asked for: it has been changed since, or deleted.
            said = data["message"] or (await self.api.get(f"/v1/messages/{data['message_id']}")).json()
            self.messages[said["id"]] = (said["body"], said["deleted"])


async def read_messages(api: Api, conversation_id: str) -> dict[str, tuple[str, bool]]:
    return {one["id"]: (one["body"], one["deleted"]) for one in await history(api, conversation_id)}


async def read_pointer(api: Api, conversation_id: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    since = ""
    while items := (page := (await api.get(f"/v1/sync?limit=50{since}")).json())["items"]:
        for item in items:
            if (item["kind"], item["id"]) == ("conversation", conversation_id):
                found = item["value"]
        since = f"&since={page['next']}"
    return found


async def _soon(socket: Socket, *, patient: bool) -> dict[str, Any] | None:
    """The next frame; None when nothing comes for a moment, which is a place to drop the socket like any other."""
    if patient:
        return await socket.read()
    try:
        async with asyncio.timeout(0.3):
            return await socket.frames.get()
    except TimeoutError:
        return None


class Talk:
    """What two people do meanwhile."""

    def __init__(self, draw: random.Random, ada: Api, ben: Api, conversation_id: str) -> None:
        self._draw = draw
        self._ada = ada
        self._ben = ben
        self._place = conversation_id
        self._said: list[str] = []

    async def go_on(self, steps: int) -> None:
        for _ in range(steps):
            await self._draw.choice((self._say, self._say, self._answer, self._edit, self._delete, self._read))()

    async def _say(self) -> None:
        self._said.append((await say(self._ada, self._place, f"Ada {self._draw.random()}"))["id"])

    async def _answer(self) -> None:
        await say(self._ben, self._place, f"Ben {self._draw.random()}")

    async def _edit(self) -> None:
        if self._said:
            await self._ada.patch(f"/v1/messages/{self._draw.choice(self._said)}", {"body": str(self._draw.random())})

    async def _delete(self) -> None:
        if len(self._said) > 2:
            await self._ada.delete(f"/v1/messages/{self._said.pop(self._draw.randrange(len(self._said)))}")

    async def _read(self) -> None:
        if self._said:
            chosen = self._draw.choice(self._said)
            await self._ben.ask("PUT", f"/v1/conversations/{self._place}/read", {"message_id": chosen})


@pytest.mark.parametrize("seed", range(2))
async def test_old_state_and_events_are_the_fresh_state(api: Api, server_url: str, seed: int) -> None:
    draw = random.Random(seed)
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    talk = Talk(draw, ada, ben, place)
    phone = Phone(ben, server_url, place)
    for _ in range(8):
        talking = asyncio.create_task(talk.go_on(draw.randrange(6)))
        await phone.look(draw.randrange(8))
        await talking

    async def is_fresh() -> bool:
        await phone.look(200)
        return phone.messages == await read_messages(ben, place) and phone.pointer == await read_pointer(ben, place)

    await eventually(is_fresh)
    # Once each at the beginning: nothing was forgotten meanwhile, so nobody had to begin anew.
    assert phone.reloads == _TOPICS
    offsets = [offset for topic, offset in phone.heard if topic != "me"]
    assert offsets == sorted(offsets, key=lambda offset: int(str(offset)))
