"""What presence does by the clock."""

from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.infra.presence import queries
from banyan.kernel.signals import Job


class ForgetDeadProcesses(Job, frozen=True):
    """Removes processes that died, with their people."""


async def _forget(work: Work, job: ForgetDeadProcesses) -> None:
    await queries.forget_dead(work)


JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(ForgetDeadProcesses, _forget),)
SCHEDULES = (Schedule("presence.forget_dead_processes", 60, ForgetDeadProcesses()),)
