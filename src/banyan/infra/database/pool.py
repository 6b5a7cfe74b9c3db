"""The pool that wiring opens once per process and from which every request and job gets its `Work`."""

import asyncio
from typing import Self

import asyncpg

from banyan.infra.database.connect import CONNECT_ERRORS, connect_advice
from banyan.infra.database.errors import DatabaseUnavailable
from banyan.infra.database.giving_way import give_way
from banyan.infra.database.handoff import Handoff
from banyan.infra.database.pending import Outbox
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work

_RETRY_SECONDS = 0.1
# A server that is starting, stopping or full; any other refusal stays one however often we ask.
_PASSING = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, asyncpg.PostgresConnectionError)


class Pool(Handoff):
    """Connections, and the outboxes that write what a `Work` collected with its commit."""

    def __init__(self, settings: DatabaseSettings) -> None:
        super().__init__(settings)
        self._outboxes: tuple[Outbox, ...] = ()
        self._backgrounds: list[_GivingWay] = []

    @classmethod
    async def open(cls, settings: DatabaseSettings) -> Self:
        """A pool with one connection open, so that a wrong URL is noticed at the start.

        Raises DatabaseUnavailable, its cause attached, when none opens within the acquire timeout.
        """
        pool = cls(settings)
        deadline = pool._loop.time() + settings.acquire_timeout_seconds
        while True:
            try:
                pool._add(await pool._connect())
                return pool
            except CONNECT_ERRORS as error:
                if not isinstance(error, _PASSING) or pool._loop.time() > deadline:
                    raise DatabaseUnavailable(connect_advice(error)) from error
            await asyncio.sleep(_RETRY_SECONDS)

    def attach(self, outbox: Outbox) -> None:
        """From now on `outbox` writes its share of what a `Work` collected, inside that transaction."""
        self._outboxes = (*self._outboxes, outbox)

    def background(self, connections: int) -> "Pool":
        """Another pool of so many connections, for what nobody waits for: its server processes give way to others.

        It writes to the same outboxes, opens its connections when they are needed, and is closed with this one.
        """
        pool = _GivingWay(self, connections)
        self._backgrounds.append(pool)
        return pool

    def work(self) -> Work:
        """A new unit of work; nothing is borrowed until its first statement."""
        return Work(self, self._outboxes)

    async def close(self, timeout_seconds: float = 10) -> None:
        everything = (super().close(timeout_seconds), *(pool.close(timeout_seconds) for pool in self._backgrounds))
        await asyncio.gather(*everything)


class _GivingWay(Pool):
    def __init__(self, beside: Pool, connections: int) -> None:
        super().__init__(beside.settings.model_copy(update={"pool_size": connections}))
        self._beside = beside

    def work(self) -> Work:
        # What was attached to the other pool since then counts too.
        return Work(self, self._beside._outboxes)

    async def _connect(self) -> asyncpg.Connection:
        connection = await super()._connect()
        give_way(connection.get_server_pid())
        return connection
