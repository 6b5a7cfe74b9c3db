"""One Redis server that the ephemeral bus works with: what is said to it, and what it says."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import ResponseError

from banyan.infra.bus.ephemeral import HEARD, LAG_SECONDS, SENT, Message
from banyan.infra.redis.connection import Address, Link
from banyan.infra.redis.settings import RedisSettings

# More in one pipeline only makes the first of them wait for the last.
_BATCH = 500
_PING_SECONDS = 1.0


class Moved(Exception):
    """The cluster has given keys to another member."""


class Member:
    """Two connections: one that listens, one that publishes. `run` ends only by raising; `take_back` gives what was
    not sent for sure.
    """

    def __init__(
        self,
        settings: RedisSettings,
        address: Address | None,
        hear: Callable[[str, bytes], None],
        confirm: Callable[[str], None],
        *,
        sharded: bool,
    ) -> None:
        self._settings = settings
        self._hear = hear
        self._confirm = confirm
        self._subscribe, self._unsubscribe, self._publish = (
            ("SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH") if sharded else ("SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH")
        )
        self._listening = Link(settings, address)
        self._publishing = Link(settings, address)
        self._wanted: set[str] = set()
        self._changed: deque[str] = deque()
        self._changes = asyncio.Event()
        self._waiting: deque[Message] = deque()
        self._messages = asyncio.Event()
        self._pinged_at: deque[float] = deque()
        # Channels by how often we have asked to leave them, until the server says so.
        self._leaving: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def want(self, channel: str) -> None:
        self._wanted.add(channel)
        self._change(channel)

    def leave(self, channel: str) -> None:
        self._wanted.discard(channel)
        self._change(channel)

    def send(self, message: Message) -> None:
        self._waiting.append(message)
        self._messages.set()

    def take_back(self) -> list[Message]:
        messages = list(self._waiting)
        self._waiting.clear()
        return messages

    async def open(self) -> None:
        """Raises one of REDIS_ERRORS."""
        await self._listening.open()
        await self._publishing.open()

    async def close(self) -> None:
        await self._listening.close()
        await self._publishing.close()

    async def run(self) -> None:
        """Raises one of REDIS_ERRORS, or Moved, in a group."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._tell())
            tasks.create_task(self._send_all())

    def _change(self, channel: str) -> None:
        self._changed.append(channel)
        self._changes.set()

    async def _tell(self) -> None:
        """Changes of channels as they come, what came together in one write, and a ping each second.

        The answer to a ping comes behind everything that waits for us, so the time it takes is the time that messages
        take. Reading gives up on a server that is silent for longer.
        """
        every_seconds = min(_PING_SECONDS, self._settings.timeout_seconds / 2)
        while True:
            commands: list[Sequence[str]] = self._next_changes()
            now = time.monotonic()
            if not self._pinged_at or now - self._pinged_at[-1] >= every_seconds:
                self._pinged_at.append(now)
                commands.append(("PING",))
            if commands:
                await self._listening.send(*commands)
            with suppress(TimeoutError):
                async with asyncio.timeout(every_seconds):
                    await self._changes.wait()

    def _next_changes(self) -> list[Sequence[str]]:
        """As it is wanted now: somebody may have come and gone meanwhile. One by one, as a cluster takes them."""
        commands: list[Sequence[str]] = []
        for channel in dict.fromkeys(self._changed.popleft() for _ in range(min(len(self._changed), _BATCH))):
            if channel in self._wanted:
                commands.append((self._subscribe, channel))
            else:
                self._leaving[channel] = self._leaving.get(channel, 0) + 1
                commands.append((self._unsubscribe, channel))
        if not self._changed:
            self._changes.clear()
        return commands

    async def _listen(self) -> None:
        while True:
            self._take(await self._listening.read())

    def _take(self, answer: Any) -> None:
        kind = answer[0] if isinstance(answer, list) else b"pong"
        if kind in (b"message", b"smessage"):
            HEARD.inc()
            self._hear(answer[1].decode(), answer[2])
        elif kind in (b"subscribe", b"ssubscribe"):
            channel = answer[1].decode()
            if channel in self._wanted:
                self._confirm(channel)
        elif kind in (b"unsubscribe", b"sunsubscribe"):
            self._has_left(answer[1].decode())
        elif kind == b"pong" and self._pinged_at:
            LAG_SECONDS.observe(time.monotonic() - self._pinged_at.popleft())

    def _has_left(self, channel: str) -> None:
        asked = self._leaving.pop(channel, 0)
        if asked > 1:
            self._leaving[channel] = asked - 1
        elif not asked:
            raise Moved("a channel was taken away")

    async def _send_all(self) -> None:
        """What was said in one turn of the event loop goes as one pipeline."""
        waiting = self._waiting
        while True:
            await self._messages.wait()
            self._messages.clear()
            while waiting:
                batch = [waiting[place] for place in range(min(len(waiting), _BATCH))]
                answers = await self._publishing.ask_many(
                    [(self._publish, message.channel, message.payload) for message in batch]
                )
                # Only now: until here it is not sure that they were taken.
                for _ in batch:
                    waiting.popleft()
                refused = [index for index, answer in enumerate(answers) if isinstance(answer, ResponseError)]
                SENT.inc(len(batch) - len(refused))
                if refused:
                    waiting.extendleft(batch[index] for index in reversed(refused))
                    raise answers[refused[0]]
