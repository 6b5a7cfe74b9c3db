"""When keys were last used: kept in memory and written together once a minute, so that no request writes for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from banyan.infra.background import Background
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.errors import Unavailable

log = structlog.get_logger("banyan.auth")

_EVERY_SECONDS = 60

WriteUses = Callable[[Work, Mapping[UUID, datetime]], Awaitable[None]]


class KeyUses(Background):
    """A process that is killed forgets the uses of its last minute."""

    def __init__(self, new_work: Callable[[], Work], write: WriteUses) -> None:
        self._new_work = new_work
        self._write = write
        self._uses: dict[UUID, datetime] = {}

    def note(self, key_id: UUID) -> None:
        """The key was used now."""
        self._uses[key_id] = now()

    async def flush(self) -> None:
        """Writes what was noted. Never raises for the database's sake: then it is written the next time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with self._new_work() as work:
                await self._write(work, uses)
        except Unavailable as error:
            log.debug("uses of API keys wait for the database", error=type(error).__name__)
            self._uses = uses | self._uses

    async def stop(self) -> None:
        """Writes the rest."""
        await super().stop()
        await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.flush()
            except Exception:
                log.exception("uses of API keys cannot be written")
