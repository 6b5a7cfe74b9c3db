"""Every kind of job that this process knows, checked once at the start."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from banyan.infra.database.work import Connection, Work
from banyan.infra.declare import AnyJobKind, AnySubscriber, Lane, Priority, Schedule, Subscriber
from banyan.infra.jobs.lanes import lane_number, stored_class
from banyan.kernel.signals import Job, Signal, kind_of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")


class BadDeclaration(Exception):
    """Subscribers, job kinds and schedules do not fit together; the text says which."""


class Kind(Struct, frozen=True):
    """How to run the jobs of one kind."""

    name: str
    # Reads the payload; raises msgspec.ValidationError when it does not fit.
    decode: Callable[[str], Any]
    handler: Callable[[Work, Any], Awaitable[None]]
    max_attempts: int
    timeout_seconds: float
    priority: Priority
    lane: Lane | None
    # Priority and lane as they stand in the database.
    stored_class: int
    # Whether a signal needs its job at the moment; None: always.
    wanted: Callable[[Connection], Awaitable[bool]] | None


class Registry:
    """Made by wiring from the declarations of all features.

    Raises BadDeclaration for a name that is used twice or badly formed, and for a schedule whose job nobody runs.
    """

    def __init__(
        self,
        subscribers: Iterable[AnySubscriber] = (),
        kinds: Iterable[AnyJobKind] = (),
        schedules: Iterable[Schedule] = (),
    ) -> None:
        self.schedules = tuple(schedules)
        self._kinds: dict[str, Kind] = {}
        self._of_signal: dict[type[Signal], list[Kind]] = {}
        self._of_job: dict[type[Job], Kind] = {}
        self._lanes: dict[int, tuple[Priority, Lane]] = {}
        for subscriber in subscribers:
            kind = _kind(subscriber.name, subscriber.signal, subscriber)
            self._add(kind)
            self._of_signal.setdefault(subscriber.signal, []).append(kind)
        for declared in kinds:
            kind = _kind(kind_of(declared.job), declared.job, declared)
            self._add(kind)
            self._of_job[declared.job] = kind
        self.names = sorted(self._kinds)
        # Where their jobs stand, in the same order.
        self.stored_classes = [self._kinds[name].stored_class for name in self.names]
        self._check_schedules()

    def names_of(self, priorities: Collection[Priority]) -> list[str]:
        """The kinds that a worker for these classes runs."""
        return [name for name in self.names if self._kinds[name].priority in priorities]

    def lanes_of(self, priorities: Collection[Priority]) -> list[tuple[Priority, Lane]]:
        """The lanes of the kinds that a worker for these classes runs."""
        return [(priority, lane) for priority, lane in self._lanes.values() if priority in priorities]

    def find(self, name: str) -> Kind | None:
        """The kind with this name; None when another version of the program wrote it."""
        return self._kinds.get(name)

    def subscribers_of(self, signal: type[Signal]) -> list[Kind]:
        return self._of_signal.get(signal, [])

    def kind_of_job(self, job: type[Job]) -> Kind:
        """Raises BadDeclaration when no feature runs such jobs: nothing would ever take them."""
        try:
            return self._of_job[job]
        except KeyError:
            raise BadDeclaration(f"no JobKind is declared for {kind_of(job)}") from None

    def _add(self, kind: Kind) -> None:
        if not _NAME.fullmatch(kind.name):
            raise BadDeclaration(f"{kind.name!r} is no name for a job: letters, digits, dots, 100 at most")
        if kind.name in self._kinds:
            raise BadDeclaration(f"{kind.name} is declared twice")
        if kind.max_attempts < 1 or kind.timeout_seconds <= 0:
            raise BadDeclaration(f"{kind.name} needs at least one attempt and a time limit above 0")
        if kind.lane is not None:
            self._add_lane(kind.priority, kind.lane)
        self._kinds[kind.name] = kind

    def _add_lane(self, priority: Priority, lane: Lane) -> None:
        if lane.at_once < 1:
            raise BadDeclaration(f"lane {lane.name} lets nothing run")
        twin = self._lanes.setdefault(lane_number(lane), (priority, lane))
        if twin[1].name != lane.name:
            raise BadDeclaration(f"lanes {twin[1].name} and {lane.name} have the same number: rename one of them")
        if twin != (priority, lane):
            raise BadDeclaration(f"lane {lane.name} has one limit and one priority")

    def _check_schedules(self) -> None:
        seen: set[str] = set()
        for schedule in self.schedules:
            if schedule.name in seen:
                raise BadDeclaration(f"schedule {schedule.name} is declared twice")
            if schedule.every_seconds < 1:
                raise BadDeclaration(f"schedule {schedule.name} runs more often than every second")
            seen.add(schedule.name)
            self.kind_of_job(type(schedule.job))


def _kind(name: str, payload: type[Signal] | type[Job], declared: AnySubscriber | AnyJobKind) -> Kind:
    return Kind(
        name,
        msgspec.json.Decoder(payload).decode,
        declared.handler,
        declared.max_attempts,
        declared.timeout_seconds,
        declared.priority,
        declared.lane,
        stored_class(declared.priority, declared.lane),
        wanted=declared.wanted if isinstance(declared, Subscriber) else None,
    )
