"""Opens one connection with the session settings that every part relies on."""

from collections.abc import Iterable
from typing import Any, Final

import asyncpg

from banyan.infra.database.settings import DatabaseSettings

# Errors by which opening a connection or healing one fails; none of them says that our code is wrong.
CONNECT_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_URL_ADVICE = (
    "the URL is not of the form postgresql://user:password@host:port/name; write what is not a letter or digit in "
    "user and password as %XX (# as %23, / as %2F, @ as %40)"
)

# Our statements are a few hundred; the cache must hold them all, or each call pays for a Parse.
_CACHED_STATEMENTS = 512
# The server's limit comes first, so that its cancel is the rule and ours only catches a dead network.
_CLIENT_TIMEOUT_MARGIN_SECONDS = 2.0


# Below it PostgreSQL's own sources give out the ids of types (FirstGenbkiObjectId): the same in every database.
_FIRST_OID_OF_A_DATABASE: Final = 10_000
# What asyncpg makes of the answer, by the types that it asked for: rows, and a statement of which the name is read.
_described: dict[frozenset[int], Any] = {}


class _Connection(asyncpg.Connection):
    """Knows what arrays of PostgreSQL's own types are. asyncpg asks on each connection anew, by a statement over the
    catalogue that costs the server more than most of ours: 5 to 10 ms for every set of types not met there before.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:
        wanted = frozenset(typeoids)
        described = _described.get(wanted)
        if described is None:
            described = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
            if max(wanted) < _FIRST_OID_OF_A_DATABASE:
                _described[wanted] = described
        return described


async def connect(settings: DatabaseSettings, *, bounded: bool = True) -> asyncpg.Connection:
    """A new connection outside any pool (LISTEN, migrations); the caller closes it.

    `bounded=False` leaves out the time limits of statements. Raises one of CONNECT_ERRORS.
    """
    limit_seconds = settings.statement_timeout_seconds if bounded else None
    try:
        return await asyncpg.connect(
            settings.url.get_secret_value(),
            timeout=settings.connect_timeout_seconds,
            connection_class=_Connection,
            command_timeout=limit_seconds and limit_seconds + _CLIENT_TIMEOUT_MARGIN_SECONDS,
            statement_cache_size=_CACHED_STATEMENTS if settings.prepared_statements else 0,
            max_cached_statement_lifetime=0,
            server_settings=_session(settings, limit_seconds),
        )
    except ValueError as error:
        if isinstance(error, asyncpg.InterfaceError):
            raise
        # Its words quote the URL: what was taken for a port may be half of a password.
        raise asyncpg.InterfaceError(_URL_ADVICE) from None


def connect_advice(error: BaseException) -> str:
    """For an operator: why no connection opened, and what to look at."""
    cause = str(error) or type(error).__name__
    return f"Cannot connect to the database: {cause}. Does it run, and is DATABASE_URL (database.url) right?"


def _session(settings: DatabaseSettings, limit_seconds: float | None) -> dict[str, str]:
    session = {"application_name": settings.application_name, "timezone": "UTC"}
    if settings.prepared_statements:
        # PgBouncer refuses a connection that brings settings it does not know.
        limit_ms = round((limit_seconds or 0) * 1000)
        session |= {
            # 0: no limit.
            "statement_timeout": str(limit_ms),
            "idle_in_transaction_session_timeout": str(2 * limit_ms),
            # Compiling costs more than any statement of ours gains.
            "jit": "off",
            # Our lists look for each row once: to remember what was found costs the server a tenth of a page.
            "enable_memoize": "off",
            # Every list of ours follows an index. At the default of 4, made for turning disks, the planner would
            # rather collect and sort all that a busy author ever wrote.
            "random_page_cost": "1.1",
        }
    return session
