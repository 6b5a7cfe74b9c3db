"""Topics of states: what is known of many things at this moment, told as it changes, many changes in one frame.

Their events say only that something may have changed. What it is now is read once for all who look, and a client gets
what differs from what it was told, at most a few times a second.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from banyan.infra.background import Background
from banyan.infra.database.work import Work
from banyan.infra.realtime.connection import Connection
from banyan.infra.realtime.frames import StateOf, States, encode
from banyan.infra.realtime.hub import Channel, Hub
from banyan.infra.realtime.metrics import READ_FAILURES
from banyan.kernel.errors import BanyanError

log = structlog.get_logger("banyan.realtime")

_TURN_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_BATCH = 1000
_CHUNK = 128


class Gathering(Background):
    """Brings the states of a process' channels to those who have joined them."""

    def __init__(self, hub: Hub, new_work: Callable[[], Work]) -> None:
        self._hub = hub
        self._new_work = new_work
        self._touched: set[Channel] = set()
        # Who has joined and been told nothing yet.
        self._new: dict[Connection, list[Channel]] = {}
        self._stir = asyncio.Event()
        hub.on_touch = self.touch

    def touch(self, channel: Channel) -> None:
        """It may have changed."""
        self._touched.add(channel)
        self._stir.set()

    def touch_all(self, name: str) -> None:
        """Everything that is looked at under a topic's name may have changed."""
        self._touched.update(channel for channel in self._hub.channels.values() if channel.topic.name == name)
        if self._touched:
            self._stir.set()

    def welcome(self, connection: Connection, channels: Sequence[Channel]) -> None:
        """It has just joined these."""
        self._new.setdefault(connection, []).extend(channels)
        self._stir.set()

    async def _run(self) -> None:
        while True:
            await self._stir.wait()
            # What comes within a moment goes together.
            await asyncio.sleep(_TURN_SECONDS)
            self._stir.clear()
            try:
                await self.turn()
            except Exception as error:
                READ_FAILURES.inc()
                self._stir.set()
                if not isinstance(error, BanyanError):
                    log.exception("states cannot be read")
                await asyncio.sleep(_RETRY_SECONDS)

    async def turn(self) -> None:
        """Tells everybody what is new to them. Raises for the database's sake; nothing is forgotten then."""
        touched, self._touched = self._touched, set()
        new, self._new = self._new, {}
        wanted = touched | {channel for channels in new.values() for channel in channels if channel.told is None}
        try:
            found = await self._read(wanted)
        except BaseException:
            self._touched |= touched
            for connection, channels in new.items():
                self._new.setdefault(connection, []).extend(channels)
            raise
        telling: dict[Connection, dict[Channel, None]] = {}
        for channel, told in found:
            if told != channel.told:
                channel.told = told
                for connection in channel.members:
                    telling.setdefault(connection, {})[channel] = None
        for connection, channels in new.items():
            telling.setdefault(connection, {}).update(dict.fromkeys(channels))
        await _tell(telling)

    async def _read(self, channels: Iterable[Channel]) -> list[tuple[Channel, bytes | None]]:
        """How those stand at which somebody looks."""
        by_topic: dict[str, list[Channel]] = {}
        for channel in channels:
            if channel.members:
                by_topic.setdefault(channel.topic.name, []).append(channel)
        found: list[tuple[Channel, bytes | None]] = []
        for same in by_topic.values():
            for start in range(0, len(same), _BATCH):
                found += await self._read_batch(same[start : start + _BATCH])
        return found

    async def _read_batch(self, channels: Sequence[Channel]) -> list[tuple[Channel, bytes | None]]:
        source = channels[0].topic.states
        if source is None:
            return []
        async with self._new_work() as work:
            states = await source.read(work, [channel.key for channel in channels])
        return [(channel, encode(states[channel.key]) if channel.key in states else None) for channel in channels]


async def _tell(telling: dict[Connection, dict[Channel, None]]) -> None:
    """One frame for each connection, in chunks with a turn of the loop between."""
    for number, (connection, channels) in enumerate(telling.items(), 1):
        states: list[StateOf] = []
        within_seconds = 0
        for channel in channels:
            source = channel.topic.states
            # Who was cut meanwhile hears nothing more.
            if source is not None and channel.told is not None and connection in channel.members:
                states.append(StateOf(channel.name, msgspec.Raw(channel.told)))
                within_seconds = max(within_seconds, source.within_seconds)
        if states:
            connection.tell(States(states, within_seconds))
        if number % _CHUNK == 0:
            await asyncio.sleep(0)
