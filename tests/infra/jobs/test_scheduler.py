"""Each due time runs once over all schedulers, and missed ones do not come back in a burst."""

import asyncio

import pytest

from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.scheduler import Scheduler
from tests.infra.jobs.kinds import CountThing, OtherJob, count_jobs, do_nothing, rows_of
from tests.support.eventually import eventually
from tests.support.process import process

KINDS: list[AnyJobKind] = [JobKind(CountThing, do_nothing), JobKind(OtherJob, do_nothing)]


def registry_with(*schedules: Schedule) -> Registry:
    return Registry(kinds=KINDS, schedules=schedules)


HOURLY = registry_with(Schedule("hourly", 3600, CountThing(1)))


async def let_pass(pool: Pool, seconds: float) -> None:
    """As if that time went by."""
    async with pool.work() as work:
        await work.write("UPDATE jobs_schedules SET next_run_at = next_run_at - make_interval(secs => $1)", seconds)


async def seconds_left(pool: Pool, name: str) -> float:
    async with pool.work() as work:
        left: float = await work.value(
            "SELECT extract(epoch FROM next_run_at - now())::float8 FROM jobs_schedules WHERE name = $1", name
        )
    return left


async def test_runs_at_once_and_then_at_each_due_time(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, HOURLY) as made:
        scheduler = Scheduler(made.pool, HOURLY)
        assert await scheduler.tick() == ["hourly"]
        assert [(row["kind"], row["key"]) for row in await rows_of(made.pool)] == [
            ("jobs.CountThing", "schedule hourly")
        ]
        assert await scheduler.tick() == []
        await let_pass(made.pool, 3600)
        assert await scheduler.tick() == ["hourly"]


async def test_missed_times_are_not_made_up_for_and_the_rhythm_stays(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, HOURLY) as made:
        scheduler = Scheduler(made.pool, HOURLY)
        await scheduler.tick()
        await let_pass(made.pool, 10 * 3600 + 600)
        assert await scheduler.tick() == ["hourly"]
        assert await scheduler.tick() == []
        assert 2000 < await seconds_left(made.pool, "hourly") <= 3000


async def test_a_schedule_that_still_waits_is_not_added_again(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, HOURLY) as made:
        scheduler = Scheduler(made.pool, HOURLY)
        for _ in range(3):
            await scheduler.tick()
            await let_pass(made.pool, 3600)
        assert await count_jobs(made.pool) == 1


async def test_many_schedulers_run_each_time_once(database_settings: DatabaseSettings) -> None:
    names = [f"schedule {number}" for number in range(10)]
    registry = registry_with(*(Schedule(name, 3600, CountThing(1)) for name in names))
    async with (
        process(database_settings, registry) as one,
        process(database_settings, registry) as two,
    ):
        schedulers = [Scheduler(made.pool, registry) for made in (one, two, one, two)]
        for _ in range(5):
            ran = await asyncio.gather(*(scheduler.tick() for scheduler in schedulers))
            assert sorted(name for names in ran for name in names) == sorted(names)
            await let_pass(one.pool, 3600)


async def test_a_tick_that_is_rolled_back_comes_again(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, HOURLY) as made:
        scheduler = Scheduler(made.pool, HOURLY)
        with pytest.MonkeyPatch.context() as patch:

            async def fail(*_args: object) -> None:
                raise ConnectionResetError

            patch.setattr(made.outbox, "parts", fail)
            with pytest.raises(ConnectionResetError):
                await scheduler.tick()
        assert await scheduler.tick() == ["hourly"]


async def test_a_changed_interval_counts_from_now_and_others_are_left_alone(
    database_settings: DatabaseSettings,
) -> None:
    older = registry_with(Schedule("hourly", 3600, CountThing(1)), Schedule("gone", 60, OtherJob()))
    newer = registry_with(Schedule("hourly", 60, CountThing(1)))
    async with process(database_settings, older) as made:
        await Scheduler(made.pool, older).tick()
        await let_pass(made.pool, 30)
        changed = Scheduler(made.pool, newer)
        assert await changed.tick() == []
        assert 0 < await seconds_left(made.pool, "hourly") <= 60
        await let_pass(made.pool, 60)
        assert await changed.tick() == ["hourly"]
        assert await seconds_left(made.pool, "gone") < 0


async def test_runs_by_itself_and_survives_errors(database_settings: DatabaseSettings) -> None:
    async with process(database_settings, HOURLY) as made:
        scheduler = Scheduler(made.pool, HOURLY)
        original, calls = scheduler.tick, 0

        async def fail_once() -> list[str]:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ValueError("a bug")
            return await original()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scheduler, "tick", fail_once)
            await scheduler.start()

            async def has_run() -> bool:
                return await count_jobs(made.pool) == 1

            await eventually(has_run)
            await scheduler.stop()
