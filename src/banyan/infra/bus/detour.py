"""What the ephemeral bus cannot carry goes over the table bus: later, and to every process."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from banyan.infra.background import Background
from banyan.infra.bus.ephemeral import DROPPED, Message
from banyan.infra.database.work import Work
from banyan.kernel.errors import BanyanError

log = structlog.get_logger("banyan.bus")

_BATCH = 500
# What comes beyond is found by those who look; live events are lost.
_MOST_WAITING = 20_000
_RETRY_SECONDS = 1.0


class Detour(Background):
    """Announces messages on one topic of the table bus, in batches; a key is channel and payload, a space between."""

    def __init__(self, topic: str, new_work: Callable[[], Work]) -> None:
        self._topic = topic
        self._new_work = new_work
        self._waiting: deque[Message] = deque()
        self._stir = asyncio.Event()

    def take(self, messages: Sequence[Message]) -> None:
        """Never raises, never waits."""
        room = max(_MOST_WAITING - len(self._waiting), 0)
        self._waiting.extend(messages[:room])
        DROPPED.inc(max(len(messages) - room, 0))
        self._stir.set()

    async def _run(self) -> None:
        while True:
            await self._stir.wait()
            self._stir.clear()
            while self._waiting:
                try:
                    await self._announce([self._waiting[place] for place in range(min(len(self._waiting), _BATCH))])
                except BanyanError:
                    await asyncio.sleep(_RETRY_SECONDS)
                except Exception:
                    log.exception("messages could not be announced")
                    await asyncio.sleep(_RETRY_SECONDS)

    async def _announce(self, messages: Sequence[Message]) -> None:
        async with self._new_work() as work:
            work.announce(self._topic, *(f"{channel} {payload.decode()}" for channel, payload in messages))
        for _ in messages:
            self._waiting.popleft()
