"""Kinds of which only so many run at once: what waits for its lane is not claimed, and holds up nobody."""

import asyncio
import os
import platform
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from banyan.infra.database.giving_way import NICENESS, SLICE_NANOSECONDS
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind, Lane, Priority, Subscriber
from banyan.infra.jobs import operator_queries, queries
from banyan.infra.jobs.lanes import Lanes, stored_class, stored_priority
from banyan.infra.jobs.registry import BadDeclaration, Registry
from banyan.kernel.ids import new_id
from banyan.kernel.signals import Job, Signal
from tests.infra.jobs.kinds import (
    QUICK,
    CountThing,
    OtherJob,
    ThingMade,
    count_jobs,
    do_nothing,
    everything_of,
    registry_of,
    rows_of,
)
from tests.support.eventually import eventually
from tests.support.process import Process, process

SLOW = Lane("tests.slow")


class Gate:
    """A handler that holds its jobs until it is opened, and counts those that run together."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.done = 0
        self.opened = asyncio.Event()

    async def pass_through(self, _work: Work, _job: Job | Signal) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.opened.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        self.done += 1


async def enqueue(made: Process, *jobs: Job) -> None:
    async with made.pool.work() as work:
        for job in jobs:
            work.enqueue(job)


async def states_of(made: Process) -> Counter[tuple[str, str]]:
    return Counter((row["kind"], row["state"]) for row in await rows_of(made.pool))


async def test_a_full_lane_is_left_alone_and_others_pass(database_settings: DatabaseSettings) -> None:
    gate = Gate()
    registry = registry_of(JobKind(CountThing, gate.pass_through, lane=SLOW), JobKind(OtherJob, do_nothing))
    async with process(database_settings, registry, QUICK, works=True) as made:
        await enqueue(made, *(CountThing(thing) for thing in range(20)))
        await eventually(lambda: gate.running == 1)
        await enqueue(made, *(OtherJob() for _ in range(50)))

        async def only_the_lane_is_left() -> bool:
            return (await states_of(made)).keys() == {("jobs.CountThing", "running"), ("jobs.CountThing", "waiting")}

        await eventually(only_the_lane_is_left)
        assert (await states_of(made))["jobs.CountThing", "running"] == 1
        assert {row["attempts"] for row in await rows_of(made.pool) if row["state"] == "waiting"} == {0}
        gate.opened.set()
        await eventually(lambda: gate.done == 20)
    assert gate.most == 1


async def test_the_next_of_a_lane_starts_when_the_one_before_has_ended(database_settings: DatabaseSettings) -> None:
    gate = Gate()
    gate.opened.set()
    patient = QUICK.model_copy(update={"poll_seconds": 600})
    registry = registry_of(JobKind(CountThing, gate.pass_through, lane=SLOW))
    async with process(database_settings, registry, patient, works=True) as made:
        # With a poll between two of them this would never end.
        await enqueue(made, *(CountThing(thing) for thing in range(10)))
        await eventually(lambda: gate.done == 10)


async def test_kinds_share_a_lane(database_settings: DatabaseSettings) -> None:
    gate, lane = Gate(), Lane("tests.pair", at_once=2)
    registry = Registry(
        [Subscriber(ThingMade, "tests.on_thing", gate.pass_through, lane=lane)],
        [JobKind(CountThing, gate.pass_through, lane=lane), JobKind(OtherJob, do_nothing)],
    )
    async with process(database_settings, registry, QUICK, works=True) as made:
        async with made.pool.work() as work:
            for thing in range(5):
                work.emit(ThingMade(thing))
                work.enqueue(CountThing(thing))
        await eventually(lambda: gate.running == 2)
        gate.opened.set()
        await eventually(lambda: gate.done == 10)
    assert gate.most == 2


@pytest.mark.parametrize("crowded", ["lane", "rest"])
async def test_neither_a_lane_nor_the_rest_starves(database_settings: DatabaseSettings, crowded: str) -> None:
    """One place for both, and far more of one of them, all due before the single job of the other."""
    order: list[str] = []

    async def laned(_work: Work, _job: CountThing) -> None:
        order.append("lane")

    async def free(_work: Work, _job: OtherJob) -> None:
        order.append("rest")

    alone = QUICK.model_copy(update={"concurrency": 1, "batch": 1})
    registry = registry_of(JobKind(CountThing, laned, lane=SLOW), JobKind(OtherJob, free))
    async with process(database_settings, registry, alone) as made:
        jobs: list[Job] = [CountThing(1) if crowded == "lane" else OtherJob() for _ in range(30)]
        await enqueue(made, *jobs)
        await enqueue(made, OtherJob() if crowded == "lane" else CountThing(1))
        await made.worker.start()
        await eventually(lambda: len(order) == 31)
        await made.worker.stop()
    assert order.index("rest" if crowded == "lane" else "lane") < 4


async def test_each_worker_has_its_own_room_in_a_lane(database_settings: DatabaseSettings) -> None:
    one, two = Gate(), Gate()
    async with (
        process(
            database_settings, registry_of(JobKind(CountThing, one.pass_through, lane=SLOW)), QUICK, works=True
        ) as made,
        process(database_settings, registry_of(JobKind(CountThing, two.pass_through, lane=SLOW)), QUICK, works=True),
    ):
        await enqueue(made, *(CountThing(thing) for thing in range(12)))
        await eventually(lambda: one.running == two.running == 1)
        assert (await states_of(made))["jobs.CountThing", "waiting"] == 10
        one.opened.set()
        # The other worker's place is taken all the time.
        await eventually(lambda: one.done == 11)
        two.opened.set()
        await eventually(lambda: two.done == 1)
    assert (one.most, two.most) == (1, 1)


async def test_a_worker_that_dies_with_its_lane_full_blocks_it_for_nobody(database_settings: DatabaseSettings) -> None:
    gate = Gate()
    registry = registry_of(JobKind(CountThing, gate.pass_through, lane=SLOW))
    async with process(database_settings, registry, QUICK) as made:
        await enqueue(made, CountThing(1), CountThing(2), CountThing(3))
        # Claimed by a worker that never says a word again.
        assert len(await queries.claim(made.pool, everything_of(registry), 10, new_id(), 0.2)) == 1
        await made.worker.start()
        await eventually(lambda: gate.running == 1)
        gate.opened.set()
        await eventually(lambda: gate.done == 3)
        await made.worker.stop()
    assert gate.most == 1


async def test_a_failing_job_gives_its_place_back(database_settings: DatabaseSettings) -> None:
    done: list[int] = []

    async def fail_once(_work: Work, job: CountThing) -> None:
        done.append(job.thing)
        if done.count(job.thing) == 1:
            raise ValueError

    registry = registry_of(JobKind(CountThing, fail_once, lane=SLOW))
    async with process(database_settings, registry, QUICK, works=True) as made:
        await enqueue(made, CountThing(1), CountThing(2), CountThing(3))
        await eventually(lambda: sorted(done) == [1, 1, 2, 2, 3, 3])


async def test_jobs_are_found_when_their_kind_has_moved(database_settings: DatabaseSettings) -> None:
    """Into a lane, out of one, to another priority: what another version wrote stands elsewhere."""
    gate = Gate()
    gate.opened.set()
    before = registry_of(JobKind(CountThing, do_nothing), JobKind(OtherJob, do_nothing, lane=SLOW))
    async with process(database_settings, before) as made:
        await enqueue(made, *(CountThing(thing) for thing in range(3)), *(OtherJob() for _ in range(3)))
    after = registry_of(
        JobKind(CountThing, gate.pass_through, lane=SLOW),
        JobKind(OtherJob, gate.pass_through, priority=Priority.LOW),
    )
    async with process(database_settings, after, QUICK, works=True) as made:
        await eventually(lambda: gate.done == 6)


async def test_what_an_older_version_writes_meanwhile_runs_too(database_settings: DatabaseSettings) -> None:
    gate = Gate()
    gate.opened.set()
    older, newer = JobKind(CountThing, do_nothing), JobKind(CountThing, gate.pass_through, lane=SLOW)
    async with process(database_settings, registry_of(newer), QUICK, works=True) as made:
        await enqueue(made, CountThing(1))
        await eventually(lambda: gate.done == 1)
        async with process(database_settings, registry_of(older)) as writer:
            await enqueue(writer, CountThing(2))
        await eventually(lambda: gate.done == 2)


async def test_operators_see_the_priority_and_the_age_of_what_waits(database_settings: DatabaseSettings) -> None:
    registry = registry_of(JobKind(CountThing, do_nothing, priority=Priority.LOW, lane=SLOW))
    async with process(database_settings, registry, QUICK) as made:
        await enqueue(made, CountThing(1))
        async with made.pool.work() as work:
            (seen,) = await operator_queries.list_jobs(work, state="waiting", kind=None, limit=10)
            assert seen.priority == "low"
            await work.write("UPDATE jobs SET run_at = now() - interval '1 hour'")
        state = await queries.measure(made.pool, registry.names, registry.stored_classes)
        assert state.lag_seconds >= 3600
        # Nobody's job in a lane stays one after a retry.
        async with made.pool.work() as work:
            assert await operator_queries.retry(work, [seen.id]) == [seen.id]
        await made.worker.start()

        async def is_empty() -> bool:
            return await count_jobs(made.pool) == 0

        await eventually(is_empty)
        await made.worker.stop()


def test_rooms_leave_full_lanes_out_and_take_turns() -> None:
    wide = Lane("tests.wide", at_once=3)
    lanes = Lanes([Priority.NORMAL, Priority.HIGH], [(Priority.NORMAL, SLOW), (Priority.NORMAL, wide)])
    slow_class, wide_class = stored_class(Priority.NORMAL, SLOW), stored_class(Priority.NORMAL, wide)
    first, second = lanes.rooms([wide, None]), lanes.rooms([wide, SLOW, None])
    assert [place for place, _ in first] == [Priority.HIGH, slow_class, wide_class, Priority.NORMAL]
    assert [place for place, _ in second] == [Priority.HIGH, Priority.NORMAL, wide_class]
    assert dict(first)[slow_class] == 1
    assert dict(first)[wide_class] == dict(second)[wide_class] == 2


def test_a_class_holds_its_priority_and_fits() -> None:
    for lane in (None, *(Lane(f"lane {number}") for number in range(300))):
        for priority in Priority:
            stored = stored_class(priority, lane)
            assert stored_priority(stored) is priority
            assert stored < 2**15
            assert (stored in tuple(Priority)) == (lane is None)


def test_a_lane_has_one_limit_and_one_priority() -> None:
    with pytest.raises(BadDeclaration, match="lets nothing run"):
        registry_of(JobKind(CountThing, do_nothing, lane=Lane("tests.shut", at_once=0)))
    wider = Lane(SLOW.name, at_once=2)
    with pytest.raises(BadDeclaration, match="one limit and one priority"):
        registry_of(JobKind(CountThing, do_nothing, lane=SLOW), JobKind(OtherJob, do_nothing, lane=wider))
    with pytest.raises(BadDeclaration, match="one limit and one priority"):
        registry_of(
            JobKind(CountThing, do_nothing, lane=SLOW), JobKind(OtherJob, do_nothing, priority=Priority.LOW, lane=SLOW)
        )


async def test_the_server_processes_of_lanes_give_way(database_settings: DatabaseSettings) -> None:
    niceness: dict[str, int] = {}
    slices: dict[str, int | None] = {}

    async def look(work: Work, job: Job) -> None:
        await work.begin()
        pid = await work.value("SELECT pg_backend_pid()")
        slices[type(job).__name__] = slice_nanoseconds(pid)
        niceness[type(job).__name__] = os.getpriority(os.PRIO_PROCESS, pid)

    registry = registry_of(JobKind(CountThing, look, lane=SLOW), JobKind(OtherJob, look))
    async with process(database_settings, registry, QUICK, works=True) as made:
        for _ in range(2):
            niceness.clear()
            await enqueue(made, CountThing(1))
            await eventually(lambda: "CountThing" in niceness)
            await enqueue(made, OtherJob())
            await eventually(lambda: len(niceness) == 2)
            usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
            assert niceness == {"CountThing": max(usual, NICENESS), "OtherJob": usual}
    if _takes_slices():
        assert slices["CountThing"] == SLICE_NANOSECONDS
    assert slices["OtherJob"] == slice_nanoseconds(os.getpid())


def slice_nanoseconds(pid: int) -> int | None:
    """How long a process keeps its core, where the kernel tells."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/sched").read_text().splitlines():
            if line.startswith("se.slice"):
                return int(line.rpartition(":")[2])
    return None


def _takes_slices() -> bool:
    version = tuple(map(int, platform.release().split(".")[:2]))
    return version >= (6, 12) and slice_nanoseconds(os.getpid()) is not None


async def test_jobs_of_lanes_leave_by_the_same_outboxes(database_settings: DatabaseSettings) -> None:
    gate = Gate()
    gate.opened.set()

    async def hand_on(work: Work, _job: Job) -> None:
        work.enqueue(OtherJob())

    registry = registry_of(JobKind(CountThing, hand_on, lane=SLOW), JobKind(OtherJob, gate.pass_through))
    async with process(database_settings, registry, QUICK, works=True) as made:
        await enqueue(made, CountThing(1))
        await eventually(lambda: gate.done == 1)
