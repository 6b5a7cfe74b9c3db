"""What a failing database means to the caller: 503 with a time to retry, never a driver's own error."""

import asyncio
from typing import NoReturn

import asyncpg

from banyan.kernel.errors import BanyanError, Unavailable


class DatabaseUnavailable(Unavailable):
    """PostgreSQL cannot be reached, or the connection was lost before the transaction was committed."""

    code = "database_unavailable"
    title = "The database is not available at the moment"


class Overloaded(Unavailable):
    """More requests wait for a connection than are worth queueing."""

    code = "overloaded"
    title = "Too busy at the moment"


class StatementTimedOut(Unavailable):
    code = "timeout"
    title = "This took too long"


class TransactionConflict(Unavailable):
    """Another transaction got in the way (deadlock, serialization, lock timeout); trying again will do."""

    code = "transaction_conflict"
    title = "Another change got in the way"


class DatabaseFull(Unavailable):
    """PostgreSQL has no room on its disk, or no memory, for what is to be done; what is there can be read."""

    code = "database_full"
    title = "The database has no room left at the moment"


class OutcomeUnknown(Unavailable):
    """The connection was lost while COMMIT was under way: the change was made whole, or not at all."""

    code = "outcome_unknown"
    title = "It is not known whether the change was made"


# An error of class 57P says that this session ends; 53300 that there is no room for a new one.
_LOST = (
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)
_CONFLICT = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# The schema changed since the statement was prepared; asyncpg has dropped its caches by then.
_STALE_PLAN = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
_PASSING = (*_CONFLICT, *_STALE_PLAN)


def is_connection_lost(error: BaseException, connection: asyncpg.Connection) -> bool:
    """True when the session is gone, so that nothing uncommitted of it remains."""
    if isinstance(error, _LOST):
        return True
    # asyncpg's state machine is out of step: so it answers a statement that meets the server's unread farewell.
    if isinstance(error, asyncpg.InternalClientError):
        return not isinstance(error, asyncpg.OutdatedSchemaCacheError)
    # InterfaceError also means misuse (a wrong number of arguments): then the connection is still open.
    return isinstance(error, (OSError, asyncpg.InterfaceError)) and connection.is_closed()


def is_cut_off(error: BaseException) -> bool:
    """True when we stopped waiting for an answer: the server may still be working on the statement."""
    return isinstance(error, (asyncio.CancelledError, TimeoutError))


def is_retryable(error: BaseException, connection: asyncpg.Connection) -> bool:
    """True when the same statement, as the first of a new transaction, may well succeed."""
    return isinstance(error, _PASSING) or is_connection_lost(error, connection)


def is_undone(error: BaseException) -> bool:
    """True when the server says that nothing remains of a statement that commits itself, and it may well succeed the
    next time: another transaction got in the way, its plan is stale, or the session is ended in good order. A
    connection that is merely lost tells neither.
    """
    return isinstance(error, (*_PASSING, asyncpg.AdminShutdownError))


def translated(error: BaseException, connection: asyncpg.Connection) -> BanyanError | None:
    """The error to raise in place of a driver's; None when it concerns the caller (a unique violation)."""
    if isinstance(error, (TimeoutError, asyncpg.QueryCanceledError)):
        return StatementTimedOut(retry_after_seconds=5)
    if is_connection_lost(error, connection):
        return DatabaseUnavailable(retry_after_seconds=1)
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return DatabaseFull("The disk or the memory of the database is full.", retry_after_seconds=30)
    # Whoever waited for a lock as long as it was willing to need not be made to wait again.
    if isinstance(error, (*_PASSING, asyncpg.LockNotAvailableError)):
        return TransactionConflict(retry_after_seconds=1)
    return None


def raise_translated(error: BaseException, connection: asyncpg.Connection) -> NoReturn:
    """Raises the error that the caller is to see, caused by `error`."""
    replacement = translated(error, connection)
    if replacement is None:
        raise error
    raise replacement from error
