"""Opens one connection with the session settings that every part relies on."""

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

# Our statements are a few hundred; the cache must hold them all, or each call pays for a Parse.
_CACHED_STATEMENTS = 512
# The server's limit comes first, so that its cancel is the rule and ours only catches a dead network.
_CLIENT_TIMEOUT_MARGIN_SECONDS = 2.0


async def connect(settings: DatabaseSettings) -> asyncpg.Connection:
    """A new connection outside any pool (LISTEN, migrations); the caller closes it.

    Raises one of CONNECT_ERRORS.
    """
    return await asyncpg.connect(
        settings.url.get_secret_value(),
        timeout=settings.connect_timeout_seconds,
        command_timeout=settings.statement_timeout_seconds + _CLIENT_TIMEOUT_MARGIN_SECONDS,
        statement_cache_size=_CACHED_STATEMENTS if settings.prepared_statements else 0,
        max_cached_statement_lifetime=0,
        server_settings=_session(settings),
    )


def _session(settings: DatabaseSettings) -> dict[str, str]:
    session = {"application_name": settings.application_name, "timezone": "UTC"}
    if settings.prepared_statements:
        # PgBouncer refuses a connection that brings settings it does not know.
        timeout_ms = str(round(settings.statement_timeout_seconds * 1000))
        session |= {
            "statement_timeout": timeout_ms,
            "idle_in_transaction_session_timeout": str(2 * round(settings.statement_timeout_seconds * 1000)),
            # Compiling costs more than any statement of ours gains.
            "jit": "off",
        }
    return session
