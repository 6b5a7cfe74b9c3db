"""Small declarations that features make and wiring collects, so that lower code never imports upward."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Connection, Work
from banyan.kernel.signals import Job, Signal

# Announce on it the tags under which anonymous answers are kept (`request.share`), to have them made anew.
ANSWERS_TOPIC = "http.answers"

S = TypeVar("S", bound=Signal)
J = TypeVar("J", bound=Job)


class Priority(IntEnum):
    """A ready job of a higher class always goes first; stored as this number.

    OUTGOING stands apart: jobs that mostly wait for servers of others, such as webhooks. A worker of its own runs
    them, so that slow servers hold up nothing else.
    """

    HIGH = 0
    NORMAL = 1
    LOW = 2
    OUTGOING = 3


@dataclass(frozen=True, slots=True)
class Subscriber(Generic[S]):
    """Calls `handler` once for each signal, in a job's transaction. `name` is stable: it stands in the database.

    `wanted`, where given, is asked on the transaction's own connection before a job is written for a signal.
    """

    signal: type[S]
    name: str
    handler: Callable[[Work, S], Awaitable[None]]
    max_attempts: int = 12
    timeout_seconds: float = 60
    priority: Priority = Priority.NORMAL
    wanted: Callable[[Connection], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class JobKind(Generic[J]):
    """Says who runs a kind of job, how often it is tried and how long one try may take."""

    job: type[J]
    handler: Callable[[Work, J], Awaitable[None]]
    max_attempts: int = 12
    timeout_seconds: float = 60
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Schedule:
    """Enqueues `job` every `every_seconds`, once over all schedulers."""

    name: str
    every_seconds: float
    job: Job


@dataclass(frozen=True, slots=True)
class SyncedKind:
    """What a client keeps offline: things of one kind that a person may see.

    `versions`: all of them (bounded), each with a number that changes when the value does; it is read at every
    request for changes, so it has to be cheap. `values`: of those of the ids that the person may see at this moment.
    """

    name: str
    versions: Callable[[Work, UUID], Awaitable[dict[UUID, int]]]
    values: Callable[[Work, UUID, list[UUID]], Awaitable[Mapping[UUID, Struct]]]


AnySubscriber = Subscriber[Any]
AnyJobKind = JobKind[Any]
