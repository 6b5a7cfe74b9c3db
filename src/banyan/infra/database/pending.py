"""What a unit of work collects to leave with its commit, and the one statement that writes it."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

import asyncpg
import structlog
from msgspec import Struct, field

from banyan.kernel.signals import Job, Signal

log = structlog.get_logger("banyan.database")

_PARAMETER = re.compile(r"\$(\d+)")
# Texts of statements that parts made together; the parts are constants, so there are few.
_KEPT_TEXTS = 256


class Enqueued(Struct, frozen=True):
    """A job to be written with the commit: run at `run_at` (None: now); one waiting job at most per `key`."""

    job: Job
    run_at: datetime | None
    key: str | None


class Announcement(Struct, frozen=True):
    """What other processes must be told once the commit is done."""

    topic: str
    keys: tuple[str, ...]


class Publication(Struct, frozen=True):
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


class Part(NamedTuple):
    """A share of the statement that a unit of work ends with: what stands after WITH (`name AS (INSERT ...), ...`),
    a constant text with parameters from $1 on. No two parts of one statement have a name in common, and none sees what
    another writes.
    """

    sql: str
    args: Sequence[object]


class Outbox(Protocol):
    """Makes its share of what was collected into parts; the SQL belongs to the jobs and to the bus."""

    async def parts(self, connection: asyncpg.Connection, pending: Pending) -> Iterable[Part]:
        """What is to be written with the commit. It may read by `connection`, where a transaction may be open."""

    def committed(self, pending: Pending) -> None:
        """A hint to wake whoever takes it from there; also given when the commit's outcome is unknown."""


def one_statement(parts: Sequence[Part]) -> tuple[str, list[object]]:
    """The statement that all parts make together, and its parameters."""
    text = _text(tuple(part.sql for part in parts), tuple(len(part.args) for part in parts))
    return text, [arg for part in parts for arg in part.args]


def call_safely(hook: Callable[[], None]) -> None:
    """The commit is done: a failing hook must not turn it into an error."""
    try:
        hook()
    except Exception:
        log.exception("hook after a commit failed")


@lru_cache(_KEPT_TEXTS)
def _text(sqls: tuple[str, ...], counts: tuple[int, ...]) -> str:
    renumbered = []
    first = 0
    for sql, count in zip(sqls, counts, strict=True):
        renumbered.append(_renumber(sql, first))
        first += count
    return f"WITH {', '.join(renumbered)} SELECT"


def _renumber(sql: str, first: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + first}", sql)
