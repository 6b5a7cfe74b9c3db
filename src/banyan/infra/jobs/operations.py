"""What operators may do about jobs, audited: for `banyan jobs` and the routes of admins."""

from collections.abc import Sequence
from uuid import UUID

from banyan.infra.audit.models import Actor
from banyan.infra.audit.trail import record
from banyan.infra.database.work import Work
from banyan.infra.jobs import operator_queries as queries
from banyan.infra.jobs.errors import JobNotFound, JobRunning
from banyan.infra.jobs.operator_queries import JobView, State
from banyan.kernel.pages import Page, cut_page, decode_cursor

_JOB = "job"


async def list_jobs(work: Work, state: State | None, kind: str | None, limit: int, cursor: str | None) -> Page[JobView]:
    """Newest first. Not audited: without payloads it tells of nobody."""
    jobs = await queries.list_jobs(work, state=state, kind=kind, before=decode_cursor(cursor), limit=limit + 1)
    return cut_page(jobs, limit, lambda job: job.id)


async def count_jobs(work: Work) -> dict[str, int]:
    """`jobs.waiting`, `jobs.running` and `jobs.dead`."""
    return {f"jobs.{state}": count for state, count in (await queries.count_by_state(work)).items()}


async def get_job(work: Work, actor: Actor, job_id: UUID) -> JobView:
    """With its payload, which may hold what people wrote; of a mail only to whom and about what. Raises JobNotFound."""
    job = await queries.find_job(work, job_id)
    if job is None:
        raise JobNotFound("It is done, or was dropped.")
    record(work, actor, "jobs.read", _JOB, job_id, kind=job.kind)
    return job


async def retry_job(work: Work, actor: Actor, job_id: UUID) -> None:
    """Raises JobNotFound, JobRunning."""
    if not await retry_jobs(work, actor, [job_id]):
        raise await _why_not(work, job_id)


async def drop_job(work: Work, actor: Actor, job_id: UUID) -> None:
    """Raises JobNotFound, JobRunning."""
    if not await drop_jobs(work, actor, [job_id]):
        raise await _why_not(work, job_id)


async def retry_jobs(work: Work, actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    """The ids of those that will run again: running ones and those that are gone are left out."""
    return _recorded(work, actor, "jobs.retry", await queries.retry(work, ids))


async def retry_all_dead(work: Work, actor: Actor) -> list[UUID]:
    return _recorded(work, actor, "jobs.retry", await queries.retry_all_dead(work))


async def drop_jobs(work: Work, actor: Actor, ids: Sequence[UUID]) -> list[UUID]:
    """The ids of those that are deleted: running ones and those that are gone are left out."""
    return _recorded(work, actor, "jobs.drop", await queries.drop(work, ids))


async def drop_all_dead(work: Work, actor: Actor) -> list[UUID]:
    return _recorded(work, actor, "jobs.drop", await queries.drop_all_dead(work))


async def _why_not(work: Work, job_id: UUID) -> JobNotFound | JobRunning:
    if await queries.find_job(work, job_id) is None:
        return JobNotFound("It is done, or was dropped.")
    return JobRunning("Wait until it is done or has failed.")


def _recorded(work: Work, actor: Actor, action: str, ids: list[UUID]) -> list[UUID]:
    if len(ids) == 1:
        record(work, actor, action, _JOB, ids[0])
    elif ids:
        record(work, actor, action, job_ids=ids)
    return ids
