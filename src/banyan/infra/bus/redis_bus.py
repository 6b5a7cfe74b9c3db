"""The ephemeral bus over Redis or Valkey; over a cluster by sharded channels, so that each member carries its share.

While Redis is away messages take the way that is given for it, and whoever has another source looks there: the bus is
not sure then.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import structlog

from banyan.infra.bus.ephemeral import (
    CONNECTED,
    CONNECTS,
    DIVERTED,
    DROPPED,
    FAILURES,
    Divert,
    Listener,
    Message,
)
from banyan.infra.bus.redis_member import Member, Moved
from banyan.infra.redis.connection import REDIS_ERRORS, Address, SlotMap, find_slots
from banyan.infra.redis.settings import RedisSettings

log = structlog.get_logger("banyan.bus")

# Other installations may use the same server.
_PREFIX = "banyan:"
# For one server; beyond, it does not keep up.
_MOST_WAITING = 20_000
_FIRST_BACKOFF_SECONDS = 0.05
_LONGEST_BACKOFF_SECONDS = 2.0
_HELD_SECONDS = 5.0
_GATHER_SECONDS = 0.01
_CANCEL_SECONDS = 0.5
_FAILURES: tuple[type[Exception], ...] = (*REDIS_ERRORS, Moved)


class RedisBus:
    """Implements EphemeralBus. One member that fails takes all down for a moment: then the map is asked for anew."""

    def __init__(self, settings: RedisSettings, divert: Divert) -> None:
        self._settings = settings
        self._divert = divert
        self._listeners: dict[str, Listener] = {}
        self._on_heard: list[Callable[[Sequence[str]], None]] = []
        self._heard: list[str] = []
        self._slots = SlotMap([None])
        # Empty while Redis is away.
        self._members: dict[Address | None, Member] = {}
        self._known: list[Address | None] = []
        self._away = False
        self._task: asyncio.Task[None] | None = None

    @property
    def sure(self) -> bool:
        return bool(self._members)

    def publish(self, channel: str, payload: bytes) -> None:
        message = Message(channel, payload)
        if not self._members:
            self._send_around([message])
            return
        member = self._member(channel)
        if member.waiting >= _MOST_WAITING:
            DROPPED.inc()
        else:
            member.send(Message(_PREFIX + channel, payload))

    def subscribe(self, channel: str, listener: Listener) -> None:
        self._listeners[channel] = listener
        if self._members:
            self._member(channel).want(_PREFIX + channel)

    def unsubscribe(self, channel: str) -> None:
        if self._listeners.pop(channel, None) is not None and self._members:
            self._member(channel).leave(_PREFIX + channel)

    def on_heard(self, callback: Callable[[Sequence[str]], None]) -> None:
        self._on_heard.append(callback)

    async def start(self) -> None:
        """Connects soon; nobody waits for it."""
        CONNECTED.labels("redis").set(0)
        self._task = asyncio.create_task(self._run(), name="redis bus")

    async def stop(self) -> None:
        task, self._task = self._task, None
        while task is not None and not task.done():
            # More than once: a group whose member fails at that moment loses the cancellation (before Python 3.13).
            task.cancel()
            await asyncio.wait([task], timeout=_CANCEL_SECONDS)

    async def _run(self) -> None:
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._serve(await find_slots(self._settings, self._known))
            except* _FAILURES as errors:
                self._report(_first(errors))
            except* Exception as errors:
                log.exception("the bus over redis failed", error=repr(_first(errors)))
            FAILURES.inc()
            held = time.monotonic() - began > _HELD_SECONDS
            backoff_seconds = _FIRST_BACKOFF_SECONDS if held else min(backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)
            # Jitter: all processes lose the server at the same moment.
            await asyncio.sleep(backoff_seconds * random.uniform(0.5, 1.5))

    async def _serve(self, slots: SlotMap) -> None:
        """Works until something fails, which it raises."""
        members = {
            address: Member(self._settings, address, self._hear, self._confirm, sharded=slots.sharded)
            for address in slots.members
        }
        try:
            for member in members.values():
                await member.open()
            self._begin(slots, members)
            async with asyncio.TaskGroup() as tasks:
                for member in members.values():
                    tasks.create_task(member.run())
        finally:
            self._members = {}
            CONNECTED.labels("redis").set(0)
            for member in members.values():
                self._send_around(
                    [Message(name.removeprefix(_PREFIX), payload) for name, payload in member.take_back()]
                )
                await member.close()

    def _begin(self, slots: SlotMap, members: dict[Address | None, Member]) -> None:
        self._slots, self._members, self._known = slots, members, list(members)
        for channel in self._listeners:
            self._member(channel).want(_PREFIX + channel)
        CONNECTED.labels("redis").set(1)
        CONNECTS.inc()
        self._away = False
        log.info("redis carries messages between processes", members=len(members))

    def _member(self, channel: str) -> Member:
        return self._members[self._slots.owner((_PREFIX + channel).encode())]

    def _hear(self, name: str, payload: bytes) -> None:
        listener = self._listeners.get(name.removeprefix(_PREFIX))
        if listener is not None:
            try:
                listener(payload)
            except Exception:
                log.exception("a message could not be taken", channel=name)

    def _confirm(self, name: str) -> None:
        """Of many channels together: they are looked up together."""
        if not self._heard:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._tell_heard)
        self._heard.append(name.removeprefix(_PREFIX))

    def _tell_heard(self) -> None:
        channels, self._heard = self._heard, []
        for callback in self._on_heard:
            callback(channels)

    def _send_around(self, messages: Sequence[Message]) -> None:
        if messages:
            DIVERTED.inc(len(messages))
            self._divert(messages)

    def _report(self, error: BaseException) -> None:
        """Once per outage: the same line every second helps nobody."""
        if not self._away:
            self._away = True
            log.warning("redis is away: messages go over the database", error=f"{type(error).__name__}: {error}")


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
