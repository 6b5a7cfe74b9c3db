"""The lines of a gateway to the others over the ephemeral bus: one for each topic that somebody here has joined."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import structlog

from banyan.infra.background import Background
from banyan.infra.bus.ephemeral import EphemeralBus
from banyan.infra.database.work import Work
from banyan.infra.declare import Place
from banyan.infra.realtime.hub import Channel, Hub
from banyan.infra.realtime.metrics import READ_FAILURES
from banyan.kernel.errors import BanyanError

log = structlog.get_logger("banyan.realtime")

_TURN_SECONDS = 1.0
# While the bus is sure, only what a process could not say because it died between commit and bus is missing.
_EVERY_SECONDS = 15.0
_BATCH = 1000


class Lines(Background):
    """Hears what other processes publish, and looks into the logs of durable topics for what may have been missed:
    when a line begins to be heard, each second while the bus is not sure, and seldom in any case.
    """

    def __init__(
        self,
        hub: Hub,
        bus: EphemeralBus,
        new_work: Callable[[], Work],
        take: Callable[[str, str], None],
        prompt: Callable[[Channel], None],
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._new_work = new_work
        self._take = take
        self._prompt = prompt
        self._unsure: set[str] = set()
        self._stir = asyncio.Event()
        self._looked_at = 0.0
        hub.on_open = self._open
        hub.on_close = self._close
        bus.on_heard(self._look_soon)

    def _open(self, channel: Channel) -> None:
        # What is one person's own is announced on the table bus.
        if channel.owner_id is None:
            name = channel.id
            self._bus.subscribe(name, lambda payload: self._take(name, payload.decode()))

    def _close(self, channel: Channel) -> None:
        if channel.owner_id is None:
            self._bus.unsubscribe(channel.id)

    def _look_soon(self, names: Sequence[str]) -> None:
        self._unsure.update(names)
        self._stir.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TURN_SECONDS):
                    await self._stir.wait()
            self._stir.clear()
            now = time.monotonic()
            if not self._bus.sure or now - self._looked_at > _EVERY_SECONDS:
                self._looked_at = now
                self._unsure.update(name for name, channel in self._hub.channels.items() if channel.topic.durable)
            names, self._unsure = self._unsure, set()
            try:
                await self.look(names)
            except Exception as error:
                READ_FAILURES.inc()
                self._unsure |= names
                if not isinstance(error, BanyanError):
                    log.exception("the heads of topics cannot be read")
                await asyncio.sleep(_TURN_SECONDS)

    async def look(self, names: Iterable[str]) -> None:
        """Reads where the logs of durable topics end, and has those read whose members are not there."""
        by_topic: dict[str, list[Channel]] = {}
        for name in names:
            channel = self._hub.channels.get(name)
            if channel is None:
                continue
            if channel.topic.states is not None:
                self._hub.on_touch(channel)
            elif channel.topic.durable and channel.owner_id is None:
                by_topic.setdefault(channel.topic.name, []).append(channel)
        for channels in by_topic.values():
            for start in range(0, len(channels), _BATCH):
                await self._look_at(channels[start : start + _BATCH])

    async def _look_at(self, channels: Sequence[Channel]) -> None:
        find_heads = channels[0].topic.heads
        heads: Mapping[str, Place] = {}
        if find_heads is not None:
            async with self._new_work() as work:
                heads = await find_heads(work, [channel.key for channel in channels])
        for channel in channels:
            if _is_behind(channel, heads.get(channel.key)):
                self._prompt(channel)


def _is_behind(channel: Channel, head: Place | None) -> bool:
    return bool(channel.members) and (
        head is None or channel.epoch != head.epoch or any(one != head.offset for one in channel.members.values())
    )
