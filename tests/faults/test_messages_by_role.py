"""kill -9 of the gateway, the worker, the API and PostgreSQL, each a process of its own, while fifty pairs talk: every
message answered 201 is in the history once, and a socket that comes back has each once and in order.
"""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from picows import WSError

from banyan.ops.binaries import find_binaries
from banyan.ops.postgres import EmbeddedPostgres
from tests.faults.conftest import ENVIRONMENT
from tests.faults.ledger import wait_until_done
from tests.faults.talk import PAIRS, Speaker, Talk, check_kept
from tests.support.banyan import PATIENCE_SECONDS, Installation, Server, connected
from tests.support.eventually import eventually
from tests.support.sockets import Socket
from tests.support.sockets import connected as open_socket

SEED = int(os.environ.get("BANYAN_TEST_SEED", random.SystemRandom().randrange(10**6)))
_CALM_SECONDS = (0.5, 1.5)
_RETRY_SECONDS = 0.1
# So many of the pairs listen: each socket costs this one test process as much as a speaker.
_EARS = 15


class Ear:
    """The recipient's socket: comes back whenever it is lost, and goes on after the last event it had."""

    def __init__(self, find_url: Callable[[], str], speaker: Speaker) -> None:
        self._find_url = find_url
        self._speaker = speaker
        self._topic = f"conversation:{speaker.conversation_id}"
        self._known: dict[str, dict[str, Any]] = {self._topic: {}, "me": {}}
        self.heard: list[str] = []
        self.pointed_at = 0
        self.returns = -1
        self.over = False

    @property
    def listens(self) -> bool:
        """What is said from now on reaches it, now or when it comes back."""
        return all(self._known.values())

    async def listen(self) -> None:
        while not self.over:
            try:
                async with open_socket(self._find_url()) as socket:
                    await self._follow(socket)
            except (OSError, WSError, TimeoutError):
                """Nobody is there, or goes just now."""
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, socket: Socket) -> None:
        self.returns += 1
        socket.send({"type": "hello", "token": self._speaker.token})
        for topic, place in self._known.items():
            socket.send({"type": "subscribe", "topic": topic, **place})
        while not self.over and not socket.closed.is_set():
            try:
                async with asyncio.timeout(0.2):
                    frame = await socket.frames.get()
            except TimeoutError:
                continue
            if frame["type"] in ("error", "goodbye"):
                return
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "subscribed":
            place = self._known[frame["topic"]]
            assert frame["recovered"] or not place, "the log was lost"
            place["epoch"] = frame["epoch"]
            place.setdefault("offset", frame["offset"])
        elif frame["type"] == "event":
            place = self._known[frame["topic"]]
            data = frame["data"]
            if frame["topic"] == "me":
                if data["id"] == self._speaker.conversation_id:
                    self.pointed_at = data["value"]["seq"]
            else:
                assert frame["offset"] == place["offset"] + 1
                self.heard.append(data["message_id"])
            place["offset"] = frame["offset"]


class Roles:
    """Each role in a process of its own, on a PostgreSQL that is started again when it dies."""

    def __init__(self, installation: Installation, postgres: EmbeddedPostgres) -> None:
        self._installation = installation
        self._postgres = postgres
        self.servers: dict[str, Server] = {}

    async def start(self) -> None:
        for role in ("api", "realtime", "worker,scheduler"):
            self.servers[role] = await self._installation.start(role)

    def url(self, role: str) -> str:
        return self.servers[role].url

    async def strike(self, role: str) -> None:
        if role != "postgres":
            self.servers[role].child.kill()
            self.servers[role] = await self._installation.start(role)
            return
        killed = self._postgres.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: self._postgres.pid not in (None, killed), PATIENCE_SECONDS)


@pytest.fixture
def data(place: Path, begun: Path) -> Path:
    """A data directory of this test's own."""
    subprocess.run(["cp", "-a", begun, place / "data"], check=True)
    return place / "data"


@pytest.fixture
async def postgres(data: Path, postgres_major: int) -> AsyncIterator[EmbeddedPostgres]:
    async with await EmbeddedPostgres.open(data, find_binaries(postgres_major)) as server:
        yield server


async def test_each_role_may_die(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    print(f"BANYAN_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    installation = Installation(tmp_path, postgres.dsn, ENVIRONMENT)
    roles = Roles(installation, postgres)
    try:
        await roles.start()
        async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=2 * PAIRS)) as http:
            talk = Talk(lambda: roles.url("api"), http)
            await talk.gather()
            ears = [Ear(lambda: roles.url("realtime"), speaker) for speaker in talk.speakers[1 : 2 * _EARS : 2]]
            listening = [asyncio.create_task(ear.listen()) for ear in ears]
            await eventually(lambda: all(ear.listens for ear in ears), PATIENCE_SECONDS)
            talking = [asyncio.create_task(talk.speak(speaker)) for speaker in talk.speakers]
            for role in draw.sample(("realtime", "worker,scheduler", "api", "postgres"), 4):
                await asyncio.sleep(draw.uniform(*_CALM_SECONDS))
                await roles.strike(role)
            await asyncio.sleep(_CALM_SECONDS[1])
            talk.over = True
            await asyncio.gather(*talking)
        async with connected(lambda: postgres.dsn) as connection:
            kept = await check_kept(connection, talk.speakers)
            await wait_until_done(connection)
        wanted = [kept[speaker.conversation_id] for speaker in talk.speakers[1 : 2 * _EARS : 2]]
        await eventually(
            lambda: (
                any(task.done() for task in listening)
                or all(
                    len(ear.heard) >= len(said) and ear.pointed_at == len(said)
                    for ear, said in zip(ears, wanted, strict=True)
                )
            ),
            PATIENCE_SECONDS,
        )
        for ear in ears:
            ear.over = True
        await asyncio.gather(*listening)
        assert [ear.heard for ear in ears] == wanted
        assert all(ear.returns > 0 for ear in ears)
        print(f"{sum(len(said) for said in kept.values())} messages, {sum(ear.returns for ear in ears)} returns")
    finally:
        installation.kill()
