"""What a unit of work collects to leave with its commit, and the one statement that writes it."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVarTuple

import asyncpg
import structlog
from msgspec import Struct, field

from banyan.kernel.signals import Job, Signal

log = structlog.get_logger("banyan.database")

Args = TypeVarTuple("Args")

_PARAMETER = re.compile(r"\$(\d+)")
# Texts of statements that parts made together; the parts are constants, so there are few.
_KEPT_TEXTS = 256


class Enqueued(Struct, frozen=True):
    """A job to be written with the commit: run at `run_at` (None: now); one waiting job at most per `key`."""

    job: Job
    run_at: datetime | None
    key: str | None


class Announcement(Struct):
    """What other processes must be told once the commit is done. Where the statement that concludes a work finds the
    keys, `found_in` is its CTE that has them in the column `key`; this process has to be given them then.
    """

    topic: str
    keys: tuple[str, ...]
    found_in: str | None = None


class Publication(Struct):
    """An event for those who have joined a realtime topic; `seq` is its offset where the topic is durable."""

    topic: str
    event: Struct
    seq: int | None


class Pending(Struct):
    """What a `Work` collected to leave with its commit."""

    signals: list[Signal] = field(default_factory=list)
    jobs: list[Enqueued] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    # What the outbox made of them, so that only those are woken for whom there is something.
    inner_jobs: bool = False
    outgoing_jobs: bool = False
    # False once COMMIT was cut off: what this process heard of it may still become visible a little later.
    outcome_known: bool = True
    # True once a statement has written all of it: only this process has still to hear of it.
    written: bool = False


class Part(NamedTuple):
    """A share of the statement that a unit of work ends with: what stands after WITH (`name AS (INSERT ...), ...`),
    a constant text with parameters from $1 on. No two parts of one statement have a name in common, and none sees in a
    table what another writes there; what stands before may be read by its name.
    """

    sql: str
    args: Sequence[object]


class Outbox(Protocol):
    """Makes its share of what was collected into parts; the SQL belongs to the jobs and to the bus."""

    async def parts(self, connection: asyncpg.Connection, pending: Pending) -> Iterable[Part]:
        """What is to be written with the commit, where `written` has a row. It may read by `connection`, where a
        transaction may be open.
        """

    def committed(self, pending: Pending) -> None:
        """A hint to wake whoever takes it from there; also given when the commit's outcome is unknown."""


class Collector:
    """Collects what is to leave with a commit."""

    __slots__ = ("_after_commit", "_pending")

    def __init__(self) -> None:
        self._pending: Pending | None = None
        self._after_commit: list[Callable[[], None]] | None = None

    def emit(self, signal: Signal) -> None:
        """Leaves with the commit as one job per subscriber."""
        self._collected().signals.append(signal)

    def enqueue(self, job: Job, *, run_at: datetime | None = None, key: str | None = None) -> None:
        """Leaves with the commit as one job."""
        self._collected().jobs.append(Enqueued(job, run_at, key))

    def announce(self, topic: str, *keys: str, found_in: str | None = None) -> Announcement:
        """Tells every process, this one too, once the commit is done: values of `keys` are outdated."""
        announcement = Announcement(topic, keys, found_in)
        self._collected().announcements.append(announcement)
        return announcement

    def publish(self, topic: str, event: Struct, *, seq: int | None = None) -> Publication:
        """Sends `event` to who has joined the realtime topic (`post:{id}`), once the commit is done.

        Of a durable topic `seq` is the offset that the event got in its log in this transaction: who misses one
        reads it there. What is published on a live topic is lost where nobody listens, so it is a pointer and holds
        nothing that only some may read.
        """
        publication = Publication(topic, event, seq)
        self._collected().publications.append(publication)
        return publication

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Calls back once the commit is done, or may be done (its outcome is unknown): so a callback gives a
        hint (wake someone, drop a cached value) and never has an effect of its own.
        """
        if self._after_commit is None:
            self._after_commit = []
        self._after_commit.append(callback)

    def _collected(self) -> Pending:
        if self._pending is None:
            self._pending = Pending()
        elif self._pending.written:
            raise RuntimeError("this work is concluded: collect before")
        return self._pending


def one_statement(parts: Sequence[Part], *, concluding: bool = False) -> tuple[str, list[object]]:
    """The statement that all parts make together, and its parameters. It returns the rows of `written`: of a
    statement that is not `concluding`, where no part has that name, one without columns.
    """
    sqls, counts, args = [], [], list[object]()
    for sql, own in parts:
        sqls.append(sql)
        counts.append(len(own))
        args += own
    return _text(tuple(sqls), tuple(counts), concluding), args


def call_safely(hook: Callable[[*Args], None], *args: *Args) -> None:
    """The commit is done: a failing hook must not turn it into an error."""
    try:
        hook(*args)
    except Exception:
        log.exception("hook after a commit failed")


@lru_cache(_KEPT_TEXTS)
def _text(sqls: tuple[str, ...], counts: tuple[int, ...], concluding: bool) -> str:
    renumbered = [] if concluding else ["written AS (SELECT)"]
    first = 0
    for sql, count in zip(sqls, counts, strict=True):
        renumbered.append(_renumber(sql, first))
        first += count
    return f"WITH {', '.join(renumbered)} SELECT * FROM written"


def _renumber(sql: str, first: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + first}", sql)
