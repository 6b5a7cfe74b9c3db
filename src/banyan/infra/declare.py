"""Small declarations that features make and wiring collects, so that lower code never imports upward."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Connection, Work
from banyan.kernel.pages import Page
from banyan.kernel.signals import Job, Signal

# Announce on it the tags under which anonymous answers are kept (`request.share`), to have them made anew.
ANSWERS_TOPIC = "http.answers"
# Announce on it the ids of people whose own stream may have changed: sockets that have joined `me` look.
ME_TOPIC = "realtime.me"

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
class Lane:
    """Kinds of jobs of which a worker runs no more than `at_once` together, so that they leave room for the rest; their
    server processes give way to others where the server is on the same machine.

    `name` is stable: jobs are found in the database by a number made of it.
    """

    name: str
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Subscriber(Generic[S]):
    """Calls `handler` once for each signal, in a job's transaction. `name` is stable: it stands in the database.

    `wanted`, where given, is asked on the transaction's own connection before a job is written for a signal. `lane`
    limits how many run at once, together with the other kinds in it.
    """

    signal: type[S]
    name: str
    handler: Callable[[Work, S], Awaitable[None]]
    max_attempts: int = 12
    timeout_seconds: float = 60
    priority: Priority = Priority.NORMAL
    lane: Lane | None = None
    wanted: Callable[[Connection], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class JobKind(Generic[J]):
    """Says who runs a kind of job, how often it is tried, how long one try may take, and how many run at once."""

    job: type[J]
    handler: Callable[[Work, J], Awaitable[None]]
    max_attempts: int = 12
    timeout_seconds: float = 60
    priority: Priority = Priority.NORMAL
    lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Enqueues `job` every `every_seconds`, once over all schedulers."""

    name: str
    every_seconds: float
    job: Job


class Present(NamedTuple):
    """What a person may see of one kind: ids in their usual text, and beside each a number that changes when the value
    does.
    """

    ids: Sequence[str]
    versions: Sequence[int]


@dataclass(frozen=True, slots=True)
class SyncedKind:
    """What a client keeps offline: things of one kind that a person may see.

    `versions`: all of them (bounded); it is read at every request for changes, so it has to be cheap. `values`: of
    those of the ids that the person may see at this moment. `whole`: the versions of all and the values of the first
    so many at once, for a client that begins anew; a value may be newer than its version, never older. Ids are text
    from the database on, because nothing is done with them but to write them elsewhere: to make a UUID of one, and
    text of that, costs more than all else that is done with it.
    """

    name: str
    versions: Callable[[Work, UUID], Awaitable[Present]]
    values: Callable[[Work, UUID, Sequence[str]], Awaitable[Mapping[str, Struct]]]
    whole: Callable[[Work, UUID, int], Awaitable[tuple[Present, Mapping[str, Struct]]]] | None = None


class Place(NamedTuple):
    """Where a client stands in the log of a durable topic. Both are opaque to it; an epoch outlives no restored
    backup, and offsets of another epoch mean nothing.
    """

    epoch: str
    offset: int | str


class Logged(NamedTuple):
    """One event of a log; who has it stands at `offset`. Those in `hidden_from` are sent `instead`."""

    offset: int | str
    event: Struct
    instead: Struct | None = None
    hidden_from: frozenset[UUID] = frozenset()

    def seen_by(self, viewer_id: UUID | None) -> Struct:
        return self.instead if self.instead is not None and viewer_id in self.hidden_from else self.event


class TopicLog(Protocol):
    """What a durable topic is resumed from. `key` is what follows the topic's name. Without a key everybody has a log
    of their own, and only its owner reads it.
    """

    async def head(self, work: Work, viewer_id: UUID, key: str) -> Place:
        """Where somebody stands who begins anew by reading the present state after this."""

    async def read(
        self, work: Work, viewer_ids: Sequence[UUID], key: str, place: Place, limit: int
    ) -> Sequence[Logged] | None:
        """What follows `place`, in order, at most `limit`; empty at the end. None when the log no longer reaches
        back there, or `place` is of another epoch or was never given: then one begins anew.

        `viewer_ids` are all who will be sent it (one of them, where everybody has their own log): each event says from
        whom of them it is hidden.
        """


@dataclass(frozen=True, slots=True)
class StateSource:
    """What a topic of states tells: of each key that is read, the state at this moment.

    `may_join` gives those of many keys that a person may join. What is told may be older by `within_seconds`.
    """

    may_join: Callable[[Work, UUID, Sequence[str]], Awaitable[Collection[str]]]
    read: Callable[[Work, Sequence[str]], Awaitable[Mapping[str, Struct]]]
    within_seconds: int


@dataclass(frozen=True, slots=True)
class Topic:
    """What sockets may join under `name` or `name:key`; `key` is empty where the name stands alone."""

    name: str
    # For a person, or for anybody (None); who may not gets the same answer as for a topic that does not exist.
    may_join: Callable[[Work, UUID | None, str], Awaitable[bool]]
    # Makes the topic durable, and takes signed-in people only.
    log: TopicLog | None = None
    # Where the logs of many keys end.
    heads: Callable[[Work, Sequence[str]], Awaitable[Mapping[str, Place]]] | None = None
    # Handles what a client sends, in a transaction of its own; may refuse it by raising.
    publish: Callable[[Work, UUID, str, Any], Awaitable[None]] | None = None
    # Whether anonymous sockets may ask at all.
    anonymous: bool = False
    # What clients call it, such as `post:{post_id}`, and the type of its events: for the OpenAPI document.
    address: str = ""
    events: Any = None
    # Clients are told how things stand, and events only say that it may have changed: many in one frame.
    states: StateSource | None = None

    @property
    def durable(self) -> bool:
        return self.log is not None


class Notice(Struct, frozen=True, kw_only=True):
    """What somebody is to be told: `actor_id` has done something about `subject_id`, in a context that a client can
    open (`post_id`, for a comment the post that it stands under).

    `source_id` names what happened, such as the comment that was written: told once per person and subject, however
    often it is tried. Without `person_id` it is for all whom the kind's `recipients` gives.
    """

    subject_id: UUID
    source_id: UUID
    actor_id: UUID
    person_id: UUID | None = None
    post_id: UUID | None = None


class Gone(Struct, frozen=True, kw_only=True):
    """What need not be told any more: what came from a source, or is about a subject, or both; of one person only
    where that is given.
    """

    source_id: UUID | None = None
    subject_id: UUID | None = None
    person_id: UUID | None = None


class KindText(Struct, frozen=True):
    """The words of a kind in one language. `title` stands beside its settings; `one` and `many` tell what one or
    several people did, who stand in place of `{actors}`.
    """

    title: str
    one: str
    many: str


class ChannelDefaults(Struct, frozen=True):
    """By which ways a kind reaches people who have chosen nothing. `email`: now, daily or off."""

    in_app: bool = True
    email: str = "off"
    push: bool = True


_IN_APP_AND_PUSH = ChannelDefaults()

# How soon a push has to wake a device (RFC 8030 section 5.3): `low` may wait until it is used.
Urgency = Literal["low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class NotificationKind(Generic[S]):
    """A reason to tell people something, as the feature that knows it declares it in its `kinds.py`.

    `notice` makes it of a signal, or nothing where nobody is concerned; it may be asked again for the same signal.
    `visible` gives those of many subjects that a person may see at this moment: what they may not vanishes from their
    inbox and its count. `subject` says what the subject is an id of. `texts` by language, English always. Where
    notices name nobody, `recipients` gives the people in the order of their ids, after one of them, at most so many; it
    is asked `wait_seconds` later, when who is there has seen it already. `urgency` is that of its pushes.
    """

    name: str
    signal: type[S]
    subject: str
    notice: Callable[[Work, S], Awaitable[Notice | None]]
    visible: Callable[[Work, UUID, Sequence[UUID]], Awaitable[Collection[UUID]]]
    texts: Mapping[str, KindText]
    defaults: ChannelDefaults = _IN_APP_AND_PUSH
    recipients: Callable[[Work, Notice, UUID | None, int], Awaitable[Sequence[UUID]]] | None = None
    wait_seconds: float = 0
    urgency: Urgency = "normal"


@dataclass(frozen=True, slots=True)
class NoticeEnd(Generic[S]):
    """A signal after which something need not be told any more."""

    signal: type[S]
    gone: Callable[[S], Sequence[Gone]]


@dataclass(frozen=True, slots=True)
class DataSection:
    """One list in the export of a person's data. `read` gives a page of it: (work, person, cursor), where the cursor
    is `next_cursor` of the page before.
    """

    name: str
    title: str
    read: Callable[[Work, UUID, str | None], Awaitable[Page[Any]]]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What export and deletion of a person mean in one feature.

    `erase` removes a bounded part of what there is, in a transaction of its own, and says whether there is more; it is
    called until there is none, and may be called again after that.
    """

    feature: str
    sections: tuple[DataSection, ...]
    erase: Callable[[Work, UUID], Awaitable[bool]]


AnySubscriber = Subscriber[Any]
AnyJobKind = JobKind[Any]
AnyNotificationKind = NotificationKind[Any]
AnyNoticeEnd = NoticeEnd[Any]
