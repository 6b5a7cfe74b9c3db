"""What streams do by the clock."""

from datetime import timedelta

from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.infra.streams import queries
from banyan.kernel.signals import Job

# Whoever comes back later begins anew.
_KEPT = timedelta(days=90)
_BATCH = 100


class ForgetUnusedStreams(Job, frozen=True):
    """Removes the streams of clients that stay away."""


async def _forget(work: Work, job: ForgetUnusedStreams) -> None:
    if await queries.delete_unused(work, _KEPT, _BATCH) == _BATCH:
        work.enqueue(job)


JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(ForgetUnusedStreams, _forget),)
SCHEDULES = (Schedule("streams.forget_unused", 86_400, ForgetUnusedStreams()),)
