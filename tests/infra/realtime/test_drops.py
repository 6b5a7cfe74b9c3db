"""Drops at random points: what a client kept, with the events that came, is what it would read anew."""

import asyncio
import random
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.sockets import Socket, greeted


class Mirror:
    """A client that keeps one's own stream: forgets everything only when it is told to."""

    def __init__(self, api: Api, url: str) -> None:
        self.api = api
        self.url = url
        self.kept: dict[tuple[str, str], Any] = {}
        self.place: dict[str, Any] = {}
        self.recovered = 0
        self.reloads = 0
        self.offsets: list[str] = []

    async def look(self, events: int) -> None:
        """Opens a socket, goes on from where it was, and loses it after so many events, or none for a moment."""
        async with greeted(self.url, self.api) as socket:
            joined = await socket.subscribe("me", **self.place)
            await self._begin(joined)
            for _ in range(events):
                frame = await _read_soon(socket)
                if frame is None:
                    return
                await self._apply(frame)

    async def follow(self, stop: asyncio.Event) -> None:
        """One socket that stays."""
        async with greeted(self.url, self.api) as socket:
            await self._begin(await socket.subscribe("me", **self.place))
            while not stop.is_set():
                frame = await _read_soon(socket)
                if frame is not None:
                    await self._apply(frame)

    async def _begin(self, joined: dict[str, Any]) -> None:
        assert joined["type"] == "subscribed", joined
        self.place = {"epoch": joined["epoch"], "offset": joined["offset"]}
        if joined["recovered"]:
            self.recovered += 1
        else:
            self.reloads += 1
            self.kept = await read_anew(self.api)

    async def _apply(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "subscribed":
            await self._begin(frame)
            return
        assert frame["type"] == "event", frame
        assert frame["offset"] not in self.offsets
        self.offsets.append(frame["offset"])
        self.place["offset"] = frame["offset"]
        item = frame["data"]
        if item["op"] == "delete":
            self.kept.pop((item["kind"], item["id"]), None)
        else:
            self.kept[item["kind"], item["id"]] = item["value"]


async def read_anew(api: Api) -> dict[tuple[str, str], Any]:
    kept: dict[tuple[str, str], Any] = {}
    since = ""
    while True:
        page = (await api.get(f"/v1/sync?limit=3{since}")).json()
        if not page["items"]:
            return kept
        for item in page["items"]:
            if item["op"] == "delete":
                kept.pop((item["kind"], item["id"]), None)
            else:
                kept[item["kind"], item["id"]] = item["value"]
        since = f"&since={page['next']}"


async def _read_soon(socket: Socket) -> dict[str, Any] | None:
    """The next frame, None when nothing comes for a moment."""
    try:
        async with asyncio.timeout(0.3):
            return await socket.frames.get()
    except TimeoutError:
        return None


class Life:
    """What happens meanwhile: two connected people write, save and make lists."""

    def __init__(self, draw: random.Random, ada: Api, bob: Api) -> None:
        self._draw = draw
        self._ada = ada
        self._bob = bob
        self._posts: list[str] = []
        self._lists: list[str] = []

    async def go_on(self, steps: int) -> None:
        for _ in range(steps):
            await self._draw.choice((self._publish, self._publish, self._edit, self._delete, self._save, self._list))()

    async def _publish(self) -> None:
        audience = self._draw.choice(("public", "connections"))
        answer = await self._ada.post("/v1/posts", {"body": f"Post {self._draw.random()}", "audience": audience})
        self._posts.append(answer.json()["id"])

    async def _edit(self) -> None:
        if self._posts:
            await self._ada.patch(f"/v1/posts/{self._draw.choice(self._posts)}", {"body": str(self._draw.random())})

    async def _delete(self) -> None:
        if len(self._posts) > 3:
            await self._ada.delete(f"/v1/posts/{self._posts.pop(self._draw.randrange(len(self._posts)))}")

    async def _save(self) -> None:
        if self._posts:
            await self._bob.put(f"/v1/posts/{self._draw.choice(self._posts)}/save")

    async def _list(self) -> None:
        if self._lists and self._draw.random() < 0.4:
            await self._bob.delete(f"/v1/lists/{self._lists.pop()}")
        else:
            self._lists.append((await self._bob.post("/v1/lists", {"name": "Friends"})).json()["id"])


@pytest.mark.parametrize("seed", range(3))
async def test_old_state_and_events_are_the_fresh_state(api: Api, server_url: str, seed: int) -> None:
    draw = random.Random(seed)
    ada, bob = await api.sign_up("ada"), await api.sign_up("bob")
    await ada.connect(bob)
    life = Life(draw, ada, bob)
    dropping, staying = Mirror(bob, server_url), Mirror(bob, server_url)
    stop = asyncio.Event()
    stays = asyncio.create_task(staying.follow(stop))
    for _ in range(8):
        changing = asyncio.create_task(life.go_on(draw.randrange(5)))
        await dropping.look(draw.randrange(6))
        await changing

    async def is_fresh() -> bool:
        await dropping.look(50)
        fresh = await read_anew(bob)
        return dropping.kept == fresh and staying.kept == fresh

    await eventually(is_fresh)
    stop.set()
    await stays
    # Nothing was forgotten meanwhile, so nobody ever had to begin anew.
    assert (dropping.reloads, staying.reloads) == (1, 1)
    assert dropping.recovered >= 8
