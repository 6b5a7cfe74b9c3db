"""Tells other processes that something was committed, and hears it from them: one connection per process."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import structlog

from banyan.infra.background import Background
from banyan.infra.database.connect import CONNECT_ERRORS, connect
from banyan.infra.database.errors import DatabaseUnavailable, is_connection_lost
from banyan.infra.database.pending import call_safely
from banyan.infra.database.settings import DatabaseSettings
from banyan.kernel.ids import new_id

log = structlog.get_logger("banyan.relay")

JOBS_CHANNEL = "banyan_jobs"
OUTGOING_CHANNEL = "banyan_outgoing_jobs"
BUS_CHANNEL = "banyan_bus"

# NOTIFY inside the committing transactions makes commits 4.5 to 13 times slower, because they queue for one
# lock. One connection that notifies so often costs nothing measurable.
_PAUSE_SECONDS = 0.02
# A quiet connection may be dead without anybody saying so.
_CHECK_SECONDS = 15.0
_FIRST_BACKOFF_SECONDS = 0.1
# After an outage the bus hears nothing before this connection is back.
_LONGEST_BACKOFF_SECONDS = 1.0


class Relay(Background):
    """Coalesces `ring`s into at most 50 notifications a second. It only shortens the wait: whoever listens also
    polls, so a lost notification, or what was rung just before the stop, costs at most one polling interval.

    Its connection also serves what must not queue behind requests: the bus' polls and the workers' heartbeats.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        # Tells our own notifications from others'.
        self._process = str(new_id())
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._rung: set[str] = set()
        self._stir = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._in_use = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def listen(self, channel: str, callback: Callable[[], None]) -> None:
        """Before `start`: calls back when another process rang, and after each reconnect."""
        self._listeners.setdefault(channel, []).append(callback)

    def ring(self, channel: str) -> None:
        """Soon tells the other processes. Never raises, never waits."""
        self._rung.add(channel)
        self._stir.set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, for short statements that never wait for a lock. An error ends it, unless it only
        concerns the statement: the next one is opened at once.

        Raises DatabaseUnavailable while there is none.
        """
        async with self._in_use:
            if self._connection is None:
                raise DatabaseUnavailable(retry_after_seconds=1)
            connection = self._connection
            try:
                yield connection
            except BaseException as error:
                await _clean(connection, error)
                raise

    async def _run(self) -> None:
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        while True:
            try:
                connection = await connect(self._settings)
            except CONNECT_ERRORS as error:
                log.debug("relay cannot connect", error=type(error).__name__)
            else:
                backoff_seconds = _FIRST_BACKOFF_SECONDS
                await self._serve(connection)
            # Jitter: all processes lose the server at the same moment.
            await asyncio.sleep(backoff_seconds * random.uniform(0.5, 1.5))
            backoff_seconds = min(backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)

    async def _serve(self, connection: asyncpg.Connection) -> None:
        """Works until the connection is lost."""
        try:
            connection.add_termination_listener(self._lost)
            await self._subscribe(connection)
            self._connection = connection
            # Something may have been committed while nobody listened.
            for channel in self._listeners:
                self._heard(channel)
            while not connection.is_closed():
                await self._notify()
        except (*CONNECT_ERRORS, DatabaseUnavailable) as error:
            log.info("relay lost its connection", error=type(error).__name__)
        finally:
            self._connection = None
            connection.terminate()

    async def _subscribe(self, connection: asyncpg.Connection) -> None:
        # PgBouncer in transaction mode lends its server connections in turn: neither would last.
        if self._settings.prepared_statements:
            # A notification needs no disk: nothing is lost with it.
            await connection.execute("SET synchronous_commit = off")
            for channel in self._listeners:
                await connection.add_listener(channel, self._receive)

    async def _notify(self) -> None:
        """Waits for a ring, sends what was rung, pauses."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._stir.wait()
        except TimeoutError:
            async with self.connection() as connection:
                await connection.execute("SELECT 1")
            return
        self._stir.clear()
        channels, self._rung = self._rung, set()
        try:
            async with self.connection() as connection:
                for channel in channels:
                    await connection.execute("SELECT pg_notify($1, $2)", channel, self._process)
        except BaseException:
            self._rung |= channels
            self._stir.set()
            raise
        await asyncio.sleep(_PAUSE_SECONDS)

    def _receive(self, _connection: object, _pid: int, channel: str, process: object) -> None:
        if process != self._process:
            self._heard(channel)

    def _heard(self, channel: str) -> None:
        for callback in self._listeners.get(channel, ()):
            call_safely(callback)

    def _lost(self, _connection: object) -> None:
        self._stir.set()


async def _clean(connection: asyncpg.Connection, error: BaseException) -> None:
    """Rolls back after an error of the statement itself; after any other nobody knows the connection's state."""
    if not isinstance(error, asyncpg.PostgresError) or is_connection_lost(error, connection):
        connection.terminate()
    elif connection.is_in_transaction():
        await connection.execute("ROLLBACK")
