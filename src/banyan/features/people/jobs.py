"""Work of people in the background."""

from banyan.features.people.service.handles import Handles
from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.kernel.signals import Job

_EVERY_SECONDS = 24 * 3600.0


class ForgetHandles(Job, frozen=True):
    """Forget handles that were given up so long ago that they are free again."""


SCHEDULES = [Schedule("people.forget_handles", _EVERY_SECONDS, ForgetHandles())]


def job_kinds(handles: Handles) -> list[AnyJobKind]:
    """The jobs of people and who runs them."""

    async def forget_handles(work: Work, job: ForgetHandles) -> None:
        await handles.forget_old(work)

    return [JobKind(ForgetHandles, forget_handles)]
