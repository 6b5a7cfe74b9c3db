"""One try of one job: run its handler, then settle what became of it."""

import asyncio
import time
import traceback

import structlog
from msgspec import Struct

from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.jobs import metrics, queries
from banyan.infra.jobs.backoff import backoff_seconds
from banyan.infra.jobs.queries import Claimed
from banyan.infra.jobs.registry import Kind
from banyan.infra.jobs.settings import JobsSettings

log = structlog.get_logger("banyan.jobs")

_LONGEST_ERROR = 500


class LeaseLost(Exception):
    """Another worker has the job: what this try wrote must not stay."""


class Try(Struct, eq=False):
    """A job in the hands of this process, from its claim until it is settled."""

    job: Claimed
    kind: Kind
    claimed_at: float
    # The handler's time limit while it runs; None before and after.
    limit: asyncio.Timeout | None = None
    # Set when the handler is cut short for our own sake, and so without blame.
    cut: bool = False

    def cut_short(self) -> None:
        """Ends the handler now; what follows it (settling the job) is never interrupted."""
        if self.limit is not None and not self.limit.expired():
            self.cut = True
            self.limit.reschedule(asyncio.get_running_loop().time())


class Tries:
    """Runs tries against one pool, those of lanes against `background`. Writes of a handler and the end of its job are
    one transaction.
    """

    def __init__(self, pool: Pool, settings: JobsSettings, background: Pool) -> None:
        self._pool = pool
        self._background = background
        self._settings = settings

    async def run(self, one: Try) -> bool:
        """Runs and settles. True when the job is done but still to be deleted: it wrote nothing, and such jobs
        are deleted in batches. Does not raise for what a handler or the database does; then the lease runs out
        and another worker takes the job.
        """
        started = time.monotonic()
        metrics.START_LATENCY.observe(one.job.waited_seconds + started - one.claimed_at)
        work = (self._pool if one.kind.lane is None else self._background).work()
        try:
            await self._handle(one, work)
            return await self._complete(one, work)
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await work.rollback()
            await self._settle_error(one, error)
            return False
        finally:
            metrics.DURATION.observe(time.monotonic() - started)

    async def fail(self, job: Claimed, kind: Kind, error: str) -> None:
        """Lets a failed job wait for its next try, or buries it after the last. Raises for the database's sake."""
        metrics.FAILED.labels(kind.name).inc()
        if job.attempts >= kind.max_attempts:
            await queries.bury(self._pool, job.id, job.lease, error)
            metrics.DEAD.labels(kind.name).inc()
            log.error("job given up", kind=kind.name, id=str(job.id), attempts=job.attempts)
            return
        settings = self._settings
        delay_seconds = backoff_seconds(job.attempts, settings.backoff_base_seconds, settings.backoff_cap_seconds)
        await queries.retry_later(self._pool, job.id, job.lease, delay_seconds, error)

    async def _handle(self, one: Try, work: Work) -> None:
        payload = one.kind.decode(one.job.payload)
        try:
            async with asyncio.timeout(one.kind.timeout_seconds) as one.limit:
                await one.kind.handler(work, payload)
        finally:
            one.limit = None

    async def _complete(self, one: Try, work: Work) -> bool:
        """True when nothing was written."""
        if not work.has_changes:
            await work.commit()
            return True
        if not await queries.finish(work, one.job.id, one.job.lease):
            raise LeaseLost
        await work.commit()
        metrics.DONE.labels(one.kind.name).inc()
        return False

    async def _settle_error(self, one: Try, error: BaseException) -> None:
        job, kind = one.job, one.kind
        if isinstance(error, LeaseLost):
            metrics.LOST.inc()
            log.warning("job lost its lease", kind=kind.name, id=str(job.id))
            return
        try:
            if one.cut:
                await queries.hand_back(self._pool, [(job.id, job.lease)])
                return
            log.warning("job failed", kind=kind.name, id=str(job.id), attempts=job.attempts, **described(error))
            await self.fail(job, kind, stored_text(error))
        except Exception as trouble:
            log.warning("job left to its lease", kind=kind.name, id=str(job.id), error=type(trouble).__name__)


def described(error: BaseException) -> dict[str, str]:
    """For the log: class and place only, since messages quote payloads and rows."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "at": place}


def stored_text(error: BaseException) -> str:
    """For the row, beside the payload."""
    text = f"{type(error).__name__}: {error}".replace("\0", "")
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}…"
