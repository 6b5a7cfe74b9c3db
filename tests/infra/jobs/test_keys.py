"""Whatever happens in whatever order: at most one job waits per key, and each enqueued key runs afterwards."""

import asyncio
from collections.abc import Sequence
from typing import Literal, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import SecretStr

from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.jobs import operator_queries, queries
from banyan.infra.jobs.settings import JobsSettings
from banyan.kernel.ids import new_id
from tests.infra.jobs.kinds import NOTHING_TO_DO, CountThing, everything_of, rows_of
from tests.support.process import Process

KEYS = ("a", "b")

Action = Literal["enqueue", "roll back", "claim", "finish", "fail", "bury", "hand back", "expire", "retry dead"]


class Step(Struct, frozen=True):
    """`key` is what `enqueue` uses; `pick` chooses among the jobs that are held."""

    action: Action
    key: str
    pick: int


class Model:
    """For each key: whether the newest request is still to be seen by a run."""

    def __init__(self, made: Process) -> None:
        self.made = made
        self.owed: set[str] = set()
        self.held: list[tuple[queries.Claimed, str]] = []

    async def apply(self, step: Step) -> None:
        if step.action in ("enqueue", "roll back"):
            await self.enqueue(step.key, keep=step.action == "enqueue")
        elif step.action == "claim":
            await self.claim()
        elif step.action == "retry dead":
            async with self.made.pool.work() as work:
                await operator_queries.retry_all_dead(work)
        elif self.held:
            await self.settle(step)

    async def enqueue(self, key: str, *, keep: bool) -> None:
        work = self.made.pool.work()
        work.enqueue(CountThing(1), key=key)
        if keep:
            await work.commit()
            self.owed.add(key)
        else:
            await work.rollback()

    async def claim(self) -> None:
        keys = {row["id"]: row["key"] for row in await rows_of(self.made.pool)}
        for job in await queries.claim(self.made.pool, everything_of(self.made.registry), 1, new_id(), 600):
            self.held.append((job, keys[job.id]))
            self.owed.discard(keys[job.id])

    async def settle(self, step: Step) -> None:
        job, key = self.held.pop(step.pick % len(self.held))
        pool = self.made.pool
        if step.action == "finish":
            await queries.finish_many(pool, [(job.id, job.lease)])
        elif step.action == "fail":
            await queries.retry_later(pool, job.id, job.lease, 0, "no luck")
            self.owed.add(key)
        elif step.action == "bury":
            await queries.bury(pool, job.id, job.lease, "no luck")
        elif step.action == "hand back":
            await queries.hand_back(pool, [(job.id, job.lease)])
            self.owed.add(key)
        else:
            async with pool.work() as work:
                await work.write("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = $1", job.id)
            (taken,) = await queries.take_expired(pool, self.made.registry.names, 10, new_id(), 600)
            self.held.append((taken, key))

    async def check(self) -> None:
        rows = await rows_of(self.made.pool)
        waiting = [row["key"] for row in rows if row["state"] == "waiting"]
        assert len(waiting) == len(set(waiting))
        assert self.owed <= set(waiting)
        assert {row["id"] for row in rows if row["state"] == "running"} == {job.id for job, _ in self.held}


async def run(url: str, steps: Sequence[Step]) -> None:
    pool = await Pool.open(DatabaseSettings(url=SecretStr(url), pool_size=1))
    try:
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM jobs")
        model = Model(Process(pool, NOTHING_TO_DO, JobsSettings()))
        for step in steps:
            await model.apply(step)
            await model.check()
    finally:
        await pool.close()


STEPS = st.lists(
    st.builds(Step, st.sampled_from(get_args(Action)), st.sampled_from(KEYS), st.integers(0, 3)), max_size=30
)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_keys_hold_in_every_order(database_url: str, steps: list[Step]) -> None:
    asyncio.run(run(database_url, steps))
