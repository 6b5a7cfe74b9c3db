"""Signals and jobs for the tests of the queue, and what there is in its table."""

import asyncpg

from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Priority
from banyan.infra.jobs.lanes import Lanes
from banyan.infra.jobs.queries import Share
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.settings import JobsSettings
from banyan.kernel.signals import Job, Signal

# Fast where production is patient.
QUICK = JobsSettings(
    # Long enough for a process that others hold up; who needs leases that run out ends them.
    lease_seconds=20,
    poll_seconds=0.1,
    backoff_base_seconds=0.05,
    backoff_cap_seconds=0.1,
    stop_grace_seconds=60,
)


class ThingMade(Signal, frozen=True):
    thing: int


class CountThing(Job, frozen=True):
    thing: int


class OtherJob(Job, frozen=True):
    text: str = ""


async def do_nothing(_work: Work, _job: object) -> None:
    """A handler without any effect."""


def registry_of(*kinds: AnyJobKind) -> Registry:
    return Registry(kinds=kinds)


def everything_of(registry: Registry) -> Share:
    """What a worker for all of a registry takes."""
    return Share(registry.names, Lanes(list(Priority), registry.lanes_of(list(Priority))).rooms([]))


NOTHING_TO_DO = registry_of(JobKind(CountThing, do_nothing), JobKind(OtherJob, do_nothing))


async def rows_of(pool: Pool) -> list[asyncpg.Record]:
    """The queue in the order of writing."""
    async with pool.work() as work:
        return await work.rows("SELECT * FROM jobs ORDER BY id")


async def count_jobs(pool: Pool) -> int:
    async with pool.work() as work:
        count: int = await work.value("SELECT count(*) FROM jobs")
    return count
