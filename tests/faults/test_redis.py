"""Sockets in processes of their own, with a Redis that is killed, hung and started again in the middle: every message
reaches every member once and in order, and presence is right also after a process dies.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.banyan import Installation
from tests.support.eventually import eventually
from tests.support.platform import PASSWORD
from tests.support.redis import RedisServer
from tests.support.sockets import Socket, connected

_PATIENCE_SECONDS = 300
_BEFORE, _DURING, _AFTER = 10, 10, 10


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


class Person:
    """Somebody with an account."""

    def __init__(self, http: httpx.AsyncClient, signed_up: dict[str, Any]) -> None:
        self._http = http
        self.id = str(signed_up["account"]["id"])
        self.token = str(signed_up["access_token"])

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = await self._http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def socket(self, url: str) -> AsyncIterator[Socket]:
        async with connected(url) as socket:
            assert (await socket.ask({"type": "hello", "token": self.token}))["type"] == "hello"
            yield socket


async def _sign_up(http: httpx.AsyncClient, handle: str) -> Person:
    body = {"email": f"{handle}@example.org", "password": PASSWORD, "handle": handle, "display_name": handle}
    answer = await http.post("/v1/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return Person(http, answer.json())


async def _connect(one: Person, other: Person) -> None:
    asked = await one.ask("POST", "/v1/connections", {"person_id": other.id})
    await other.ask("POST", f"/v1/connections/{asked['id']}/accept")


class Talk:
    """Ada writes by one process, and she and Ben listen by two others."""

    def __init__(self, ada: Person, conversation_id: str, redis_state: Callable[[], Awaitable[list[str]]]) -> None:
        self._ada = ada
        self._conversation_id = conversation_id
        self._redis_state = redis_state
        self._written = 0

    async def write(self, count: int) -> None:
        for _ in range(count):
            body = {"body": f"Number {self._written}", "client_id": str(self._written)}
            await self._ada.ask("POST", f"/v1/conversations/{self._conversation_id}/messages", body)
            self._written += 1

    async def redis_is(self, words: str) -> None:
        """Every process says so."""

        async def all_say_so() -> bool:
            return all(state.startswith(words) for state in await self._redis_state())

        await eventually(all_say_so, _PATIENCE_SECONDS)

    async def check_heard(self, socket: Socket) -> None:
        heard: list[dict[str, Any]] = []
        while len(heard) < self._written:
            frame = await socket.read()
            assert frame["type"] == "event", frame
            heard.append(frame)
        assert [frame["data"]["message"]["body"] for frame in heard] == [f"Number {n}" for n in range(self._written)]
        offsets = [frame["offset"] for frame in heard]
        assert offsets == list(range(offsets[0], offsets[0] + self._written))
        assert socket.frames.empty()


@asynccontextmanager
async def talking(installation: Installation, redis: RedisServer) -> AsyncIterator[tuple[Talk, list[Socket]]]:
    settings = {"BANYAN_REDIS__URL": redis.url, "BANYAN_REDIS__TIMEOUT_SECONDS": "1"}
    servers = [
        await installation.start(target, **settings) for target in ("api,worker,scheduler", "realtime", "realtime")
    ]
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=servers[0].url, timeout=300))
        ada, ben = await _sign_up(http, "ada"), await _sign_up(http, "ben")
        await _connect(ada, ben)
        made = await ada.ask("POST", "/v1/conversations", {"member_ids": [ben.id]})

        async def redis_state() -> list[str]:
            return [(await http.get(f"{one.url}/readyz")).json()["checks"]["redis"] for one in servers]

        talk = Talk(ada, made["id"], redis_state)
        await talk.redis_is("ok")
        sockets = [
            await stack.enter_async_context(person.socket(server.url))
            for person, server in zip((ada, ben), servers[1:], strict=True)
        ]
        for socket in sockets:
            assert (await socket.subscribe(f"conversation:{made['id']}"))["type"] == "subscribed"
        yield talk, sockets


@pytest.mark.parametrize(("stop", "go_on"), [("kill", "start"), ("hang", "go_on")])
async def test_a_redis_that_stops_loses_and_doubles_nothing(
    installation: Installation, redis: RedisServer, stop: str, go_on: str
) -> None:
    async with talking(installation, redis) as (talk, sockets):
        await talk.write(_BEFORE)
        getattr(redis, stop)()
        await talk.write(_DURING)
        await talk.redis_is("degraded")
        await talk.write(_DURING)
        getattr(redis, go_on)()
        await talk.write(_AFTER)
        await talk.redis_is("ok")
        await talk.write(_AFTER)
        for socket in sockets:
            await talk.check_heard(socket)


@pytest.mark.parametrize("with_redis", [False, True])
async def test_presence_over_processes_and_after_one_dies(
    installation: Installation, redis: RedisServer, *, with_redis: bool
) -> None:
    settings = {"BANYAN_REDIS__URL": redis.url} if with_redis else {}
    api = await installation.start("api,scheduler", **settings)
    here, there = [await installation.start("realtime", **settings) for _ in range(2)]
    async with httpx.AsyncClient(base_url=api.url, timeout=300) as http:
        ada, ben = await _sign_up(http, "ada"), await _sign_up(http, "ben")
        await _connect(ada, ben)
        async with ada.socket(here.url) as socket:
            assert (await socket.subscribe(f"presence:{ben.id}"))["type"] == "subscribed"
            assert await _told(socket) == (False, None)
            async with ben.socket(there.url):
                assert (await _told(socket))[0] is True
            online, last_seen_at = await _told(socket)
            assert not online
            assert last_seen_at is not None
            async with ben.socket(there.url):
                assert (await _told(socket))[0] is True
                there.child.send(signal.SIGKILL)
                await there.child.ended()
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    frame = await socket.frames.get()
                assert frame["within_seconds"] == 20
                assert frame["states"][0]["data"]["online"] is False
            shown = await ada.ask("GET", f"/v1/presence?person_ids={ben.id}")
            assert shown["items"][0]["online"] is False
            assert shown["items"][0]["last_seen_at"] is not None


async def _told(socket: Socket) -> tuple[bool, str | None]:
    frame = await socket.read()
    assert frame["type"] == "states", frame
    (state,) = frame["states"]
    return state["data"]["online"], state["data"]["last_seen_at"]
