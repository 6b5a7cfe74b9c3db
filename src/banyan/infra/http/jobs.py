"""What the HTTP side does by the clock."""

from banyan.infra.database.work import Work
from banyan.infra.declare import AnyJobKind, JobKind, Schedule
from banyan.infra.http.idempotency import forget_expired
from banyan.kernel.signals import Job


class ForgetIdempotencyKeys(Job, frozen=True):
    """Removes answers whose time is over."""


async def _forget(work: Work, job: ForgetIdempotencyKeys) -> None:
    await forget_expired(work)


JOB_KINDS: tuple[AnyJobKind, ...] = (JobKind(ForgetIdempotencyKeys, _forget),)
SCHEDULES = (Schedule("http.forget_idempotency_keys", 3600, ForgetIdempotencyKeys()),)
