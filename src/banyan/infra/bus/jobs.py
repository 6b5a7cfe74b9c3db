"""What the table bus does by the clock."""

from banyan.infra.bus.table import RETENTION_MINUTES
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.kernel.signals import Job


class PruneBusMessages(Job, frozen=True):
    """Deletes announcements that every living process has heard."""


async def _prune(work: Work, job: PruneBusMessages) -> None:
    await work.write(f"DELETE FROM bus_messages WHERE created_at < now() - interval '{RETENTION_MINUTES} minutes'")


JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(PruneBusMessages, _prune),)
SCHEDULES = (Schedule("bus.prune", 60, PruneBusMessages()),)
