"""One request's or job's use of the database: plain reads, one transaction from the first write on."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self
from uuid import UUID

import asyncpg

from banyan.infra.database.connect import CONNECT_ERRORS
from banyan.infra.database.errors import (
    DatabaseUnavailable,
    OutcomeUnknown,
    is_connection_lost,
    is_cut_off,
    is_retryable,
    is_undone,
    raise_translated,
)
from banyan.infra.database.handoff import Handoff
from banyan.infra.database.pending import Collector, Outbox, Part, call_safely, one_statement
from banyan.kernel.errors import BanyanError

# Announced by `Work.cut`; a key is a realtime topic, followed by a space and a person where only theirs are meant.
CUTS_TOPIC = "realtime.cuts"

Connection = asyncpg.Connection
Record = asyncpg.Record
# A method of Connection that runs one statement: (connection, sql, *args).
Statement = Callable[..., Coroutine[Any, Any, Any]]

_FREE = 0
_BUSY = 1
# The transaction is gone although nobody asked for it: only a rollback makes the work usable again.
_LOST = 2


class Work(Collector):
    """Statements of one request or job, never two at once.

    Reads borrow a connection for themselves until the first `write` (or `begin`) opens the transaction; from
    then on all run inside it; one statement that is all there is to write commits itself. What fails because the
    connection or its plan is gone, or another transaction got in the way, is tried once more when nothing of this
    transaction came before it. All raise Unavailable for what is the database's fault; a unique violation and the
    like reach the caller as asyncpg errors, after which the work can only be rolled back: prefer ON CONFLICT.
    """

    __slots__ = (
        "_connection",
        "_deferred",
        "_first",
        "_joined",
        "_last",
        "_outboxes",
        "_pool",
        "_state",
        "_untouched",
    )

    def __init__(self, pool: Handoff, outboxes: tuple[Outbox, ...] = ()) -> None:
        super().__init__()
        self._pool = pool
        self._outboxes = outboxes
        # The transaction's connection; None while there is no transaction.
        self._connection: Connection | None = None
        # What every transaction of this work begins with.
        self._first: Callable[[Connection], Awaitable[None]] | None = None
        # What the transaction ends with, just before its commit.
        self._last: list[Callable[[Connection], Awaitable[None]]] | None = None
        # The write that waits for the commit, or for the next statement; and what waits for the commit only.
        self._deferred: Part | None = None
        self._joined: list[Part] | None = None
        self._state = _FREE
        # True until the transaction's first statement has succeeded: so long it may be begun anew.
        self._untouched = False

    @property
    def in_transaction(self) -> bool:
        return self._connection is not None

    @property
    def has_changes(self) -> bool:
        """True when a commit would write: a transaction is open, or something was collected."""
        if self._connection is not None or (self._pending is not None and not self._pending.written):
            return True
        return (self._deferred, self._joined, self._last) != (None, None, None)

    # Plain functions that return a coroutine: one frame less on every call than `async def`.
    def rows(self, sql: str, *args: object) -> Coroutine[Any, Any, list[Record]]:
        """All rows of a read."""
        return self._read(Connection.fetch, sql, args)

    def row(self, sql: str, *args: object) -> Coroutine[Any, Any, Record | None]:
        """The first row of a read."""
        return self._read(Connection.fetchrow, sql, args)

    def value(self, sql: str, *args: object) -> Coroutine[Any, Any, Any]:
        """The first column of the first row of a read, None without rows."""
        return self._read(Connection.fetchval, sql, args)

    async def row_together(self, sql: str, *args: object) -> Record:
        """A row of a read that many ask for at the same time, in company where there is any: see `Together`."""
        if self._connection is not None or self._deferred is not None:
            rows: list[Record] = await self._read(Connection.fetch, sql, [[value] for value in args])
            return rows[0]
        self._enter()
        try:
            pool = self._pool
            return await pool.together(sql, lambda columns: Work(pool).rows(sql, *columns)).row(*args)
        finally:
            self._leave()

    def write(self, sql: str, *args: object) -> Coroutine[Any, Any, list[Record]]:
        """Runs inside the transaction, which it opens when it is the first; RETURNING rows come back."""
        return self._write(Connection.fetch, sql, args)

    def write_row(self, sql: str, *args: object) -> Coroutine[Any, Any, Record | None]:
        return self._write(Connection.fetchrow, sql, args)

    def write_value(self, sql: str, *args: object) -> Coroutine[Any, Any, Any]:
        return self._write(Connection.fetchval, sql, args)

    def write_many(self, sql: str, rows: Iterable[Sequence[object]]) -> Coroutine[Any, Any, None]:
        """One prepared statement for many rows, pipelined."""
        return self._write(Connection.executemany, sql, (list(rows),))

    def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Coroutine[Any, Any, None]:
        """COPY into a table: the fastest way for many rows, and the only one without ON CONFLICT."""
        return self._write(_copy, table, (columns, rows))

    async def defer(self, sql: str, *args: object) -> None:
        """A write that can wait, and whose rows nobody wants: with the commit it is one statement with all else that
        leaves then; what reads or writes before sends it first. `sql` is what stands after WITH: see `Part`.
        """
        if self._deferred is not None:
            await self.begin()
        self._deferred = Part(sql, args)

    def join(self, part: Part) -> None:
        """Leaves with the commit, in the one statement that writes what was deferred and collected."""
        if self._joined is None:
            self._joined = []
        self._joined.append(part)

    async def conclude(self, row: str, *parts: Part) -> Record | None:
        """The last write, on which all that was collected hangs: one statement with it, which commits itself where
        nothing was written before.

        `row` is a query over the CTEs of `parts`, for at most one row, which comes back. Without one nothing was
        written, and what was collected is forgotten. What was published or announced may be completed by what the row
        tells until `commit`, from which on this process hears of it.
        """
        self._enter()
        own = (*parts, Part(f"written AS ({row})", ()))
        try:
            if self._deferred is not None:
                await self._write_deferred()
            if self._connection is None and self._first is None and self._last is None:
                found = await self._write_at_once(own)
            else:
                connection = self._connection or await self._begin()
                sql, args = one_statement(await self._parts(connection, own), concluding=True)
                found = await self._inside(connection, Connection.fetchrow, sql, args)
        except BaseException:
            await self.rollback()
            raise
        finally:
            self._leave()
        if found is None:
            self._pending = None
        elif self._pending is not None:
            self._pending.written = True
        return found

    async def begin(self) -> None:
        """Opens the transaction now, for a read that locks."""
        self._enter()
        try:
            if self._deferred is not None:
                await self._write_deferred()
            elif self._connection is None:
                await self._begin()
        finally:
            self._leave()

    def first(self, statement: Callable[[Connection], Awaitable[None]] | None) -> None:
        """Runs `statement` at the head of the transaction, each time it is opened until one is committed; what
        it raises ends the work. None takes it back.
        """
        self._first = statement

    def last(self, statement: Callable[[Connection], Awaitable[None]]) -> None:
        """Runs `statement` at the end of the transaction, after all else that it writes: for what takes a lock
        that many want, which is then held for the commit alone. What it raises ends the work.
        """
        if self._last is None:
            self._last = []
        self._last.append(statement)

    def cut(self, topic: str, person_ids: Iterable[UUID] | None = None) -> None:
        """Ends what these people have joined under that topic, in every process, once the commit is done; without
        `person_ids` everybody there is asked again whether they still may.
        """
        keys = (topic,) if person_ids is None else tuple(f"{topic} {person_id}" for person_id in person_ids)
        if keys:
            self.announce(CUTS_TOPIC, *keys)

    async def commit(self) -> None:
        """Writes what was collected, commits, then calls back. Nothing to do is done without a statement.

        Whatever it raises, the transaction is over: rolled back, or OutcomeUnknown.
        """
        if self._state == _LOST:
            await self.rollback()
            raise _lost()
        self._enter()
        try:
            if not self.has_changes:
                self._committed()
            elif self._connection is None and self._first is None and self._last is None:
                await self._write_at_once()
                self._committed()
            else:
                await self._flush(self._connection or await self._begin())
                await self._commit()
        except BaseException:
            await self.rollback()
            raise
        finally:
            self._state = _FREE

    async def rollback(self) -> None:
        """Forgets the transaction and all that was collected; the work may be used again. It never raises for
        the database's sake.
        """
        self._pending = self._deferred = self._joined = None
        self._last = self._after_commit = None
        try:
            await self._roll_back()
        finally:
            self._state = _FREE

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or (isinstance(error, BanyanError) and error.keeps_work):
            await self.commit()
        else:
            await self.rollback()

    def _enter(self) -> None:
        if self._state:
            raise self._refusal()
        self._state = _BUSY

    def _leave(self) -> None:
        if self._state == _BUSY:
            self._state = _FREE

    def _refusal(self) -> Exception:
        if self._state == _LOST:
            return _lost()
        return RuntimeError("one Work was used by two tasks at once: each needs its own")

    async def _read(self, statement: Statement, sql: str, args: Sequence[object]) -> Any:
        # The hottest lines of the house: _enter and _leave are written out.
        if self._state:
            raise self._refusal()
        self._state = _BUSY
        try:
            if self._deferred is not None:
                await self._write_deferred()
            connection = self._connection
            if connection is not None:
                return await self._inside(connection, statement, sql, args)
            pool = self._pool
            last_try = False
            while True:
                connection = pool.take()
                if connection is None:
                    connection = await pool.wait()
                try:
                    result = await statement(connection, sql, *args)
                except BaseException as error:
                    pool.take_back(connection, error)
                    if last_try or not is_retryable(error, connection):
                        raise_translated(error, connection)
                    last_try = True
                else:
                    pool.give(connection)
                    return result
        finally:
            if self._state == _BUSY:
                self._state = _FREE

    async def _write(self, statement: Statement, sql: str, args: tuple[object, ...]) -> Any:
        if self._state:
            raise self._refusal()
        self._state = _BUSY
        try:
            if self._deferred is not None:
                await self._write_deferred()
            connection = self._connection
            if connection is None:
                connection = await self._begin()
            return await self._inside(connection, statement, sql, args)
        finally:
            if self._state == _BUSY:
                self._state = _FREE

    async def _write_deferred(self) -> None:
        """Something follows that may depend on it."""
        part, self._deferred = self._deferred, None
        if part is not None:
            sql, args = one_statement([part])
            await self._inside(self._connection or await self._begin(), Connection.execute, sql, args)

    async def _inside(self, connection: Connection, statement: Statement, sql: str, args: Sequence[object]) -> Any:
        """One statement in the open transaction."""
        try:
            result = await statement(connection, sql, *args)
        except BaseException as error:
            if not (self._untouched and is_retryable(error, connection)):
                self._fail(connection, error)
        else:
            self._untouched = False
            return result
        # Nothing of this transaction came before: it can be begun anew.
        await self._roll_back()
        connection = await self._begin()
        self._untouched = False
        try:
            return await statement(connection, sql, *args)
        except BaseException as error:
            self._fail(connection, error)

    def _fail(self, connection: Connection, error: BaseException) -> NoReturn:
        """A transaction whose connection is lost or was cut off is given up at once."""
        if is_cut_off(error) or is_connection_lost(error, connection):
            self._connection = None
            self._state = _LOST
            self._pool.take_back(connection, error)
        raise_translated(error, connection)

    async def _begin(self) -> Connection:
        pool = self._pool
        last_try = False
        while True:
            connection = pool.take()
            if connection is None:
                connection = await pool.wait()
            try:
                await connection.execute("BEGIN")
            except BaseException as error:
                pool.take_back(connection, error)
                if last_try or not is_connection_lost(error, connection):
                    raise_translated(error, connection)
                last_try = True
            else:
                self._connection = connection
                self._untouched = True
                break
        if self._first is not None:
            try:
                await self._first(connection)
            except BaseException as error:
                self._fail(connection, error)
        return connection

    async def _parts(self, connection: Connection, own: Sequence[Part] = ()) -> list[Part]:
        """All that is to be written with the commit, after `own`."""
        parts = [*own, *([self._deferred] if self._deferred else ()), *(self._joined or ())]
        if self._pending is not None and not self._pending.written:
            if not self._outboxes:
                raise RuntimeError("signals, jobs or announcements were collected, but the pool has no outbox")
            for outbox in self._outboxes:
                parts += await outbox.parts(connection, self._pending)
        return parts

    async def _flush(self, connection: Connection) -> None:
        """Writes what was deferred and collected, inside the transaction, and then what comes last."""
        try:
            parts = await self._parts(connection)
            if parts:
                sql, args = one_statement(parts)
                await connection.execute(sql, *args)
            last, self._last = self._last, None
            for statement in last or ():
                await statement(connection)
        except BaseException as error:
            self._fail(connection, error)

    async def _write_at_once(self, own: Sequence[Part] = ()) -> Record | None:
        """Without BEGIN and COMMIT: one statement is a transaction of its own."""
        pool = self._pool
        connection = pool.take() or await pool.wait()
        try:
            parts = await self._parts(connection, own)
        except BaseException as error:
            pool.take_back(connection, error)
            raise_translated(error, connection)
        row = None
        last_try = False
        while parts:
            sql, args = one_statement(parts, concluding=bool(own))
            try:
                row = await connection.fetchrow(sql, *args)
            except BaseException as error:
                if last_try or not is_undone(error):
                    self._commit_failed(connection, error)
                pool.take_back(connection, error)
                connection = pool.take() or await pool.wait()
                last_try = True
            else:
                break
        pool.give(connection)
        return row

    async def _commit(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise _lost()
        self._connection = None
        try:
            status = await connection.execute("COMMIT")
        except BaseException as error:
            self._commit_failed(connection, error)
        self._pool.give(connection)
        self._first = None
        if status != "COMMIT":
            # PostgreSQL answers COMMIT with ROLLBACK after a failed statement: not to be taken for success.
            raise RuntimeError("a statement of this transaction failed and its error was ignored")
        self._committed()

    def _commit_failed(self, connection: Connection, error: BaseException) -> NoReturn:
        if self._pending is not None:
            self._pending.outcome_known = False
        if is_cut_off(error):
            # The server may be committing just now: those who wait for it hear of it when it has finished.
            self._pool.recover(connection, self._detached_hooks())
        elif is_connection_lost(error, connection):
            self._pool.take_back(connection, error)
            self._committed()
        else:
            self._pool.take_back(connection, error)
            raise_translated(error, connection)
        if isinstance(error, asyncio.CancelledError):
            raise error
        raise OutcomeUnknown(retry_after_seconds=1) from error

    def _detached_hooks(self) -> Callable[[], None]:
        """What is left to do after the commit, apart from this work, which is over by then."""
        rest = Work(self._pool, self._outboxes)
        rest._pending, rest._after_commit = self._pending, self._after_commit
        return rest._committed

    def _committed(self) -> None:
        self._deferred = self._joined = None
        pending, self._pending = self._pending, None
        callbacks, self._after_commit = self._after_commit, None
        for callback in callbacks or ():
            call_safely(callback)
        if pending is not None:
            for outbox in self._outboxes:
                call_safely(outbox.committed, pending)

    async def _roll_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.is_closed():
            self._pool.give(connection)
            return
        try:
            await connection.execute("ROLLBACK")
        except CONNECT_ERRORS:
            # Dead, dying, or busy with a statement that another task started: all of which recovery sorts out.
            self._pool.recover(connection)
        except BaseException:
            self._pool.recover(connection)
            raise
        else:
            self._pool.give(connection)


async def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=rows)


def _lost() -> DatabaseUnavailable:
    return DatabaseUnavailable("The connection was lost; nothing was changed.", retry_after_seconds=1)
