"""A worker process of its own, for tests that kill it: `python -m tests.infra.jobs.working DATABASE_URL`."""

import asyncio
import random
import sys

import uvloop
from pydantic import SecretStr

from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind, Lane
from banyan.infra.jobs.registry import Registry
from tests.infra.jobs.kinds import QUICK, CountThing, OtherJob, registry_of
from tests.support.process import process

# What a killed worker held is soon taken over.
SHORT_LEASES = QUICK.model_copy(update={"lease_seconds": 1})


async def count_thing(work: Work, job: CountThing) -> None:
    """One effect, at an uncertain moment, and one more job that has an effect too."""
    await work.write("INSERT INTO effects VALUES ($1)", job.thing)
    await asyncio.sleep(random.uniform(0, 0.01))
    work.enqueue(OtherJob(str(job.thing)))


async def follow(work: Work, job: OtherJob) -> None:
    await work.write("INSERT INTO effects VALUES ($1)", -int(job.text))


def registry() -> Registry:
    """Killed workers cost tries: there are more than kills."""
    return registry_of(
        JobKind(CountThing, count_thing, max_attempts=100),
        JobKind(OtherJob, follow, max_attempts=100, lane=Lane("tests.follow")),
    )


async def main(url: str) -> None:
    settings = DatabaseSettings(url=SecretStr(url), pool_size=4)
    async with process(settings, registry(), SHORT_LEASES, works=True):
        print("working", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
