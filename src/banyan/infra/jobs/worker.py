"""Claims jobs in batches, runs them side by side, keeps their leases, and takes over those of silent workers."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from uuid import UUID

import structlog

from banyan.infra.database.indexed import Source
from banyan.infra.database.pool import Pool
from banyan.infra.declare import Priority
from banyan.infra.jobs import metrics, queries
from banyan.infra.jobs.lanes import Lanes
from banyan.infra.jobs.queries import Claimed, Share
from banyan.infra.jobs.registry import Registry
from banyan.infra.jobs.settings import JobsSettings
from banyan.infra.jobs.tries import Tries, Try
from banyan.kernel.errors import Unavailable
from banyan.kernel.ids import new_id

log = structlog.get_logger("banyan.jobs")

# So much work is claimed ahead: enough for large batches of quick jobs, nothing worth mentioning of slow ones.
_AHEAD_SECONDS = 0.1
# Weight of the latest job in the running mean of durations.
_MEAN_WEIGHT = 0.2
_MEASURE_SECONDS = 10.0
# The pool refuses without asking the server while it is away, so trying is cheap.
_PAUSE_SECONDS = 0.5
# To hand back what was cut short at the end of a graceful stop.
_LAST_WORDS_SECONDS = 5.0


class Worker:
    """`start`, then `wake` whenever jobs were committed; `stop` ends without leaving anything to a lease.

    Heartbeats go over `line`, a connection of their own: in a crowded pool they might come too late. It takes jobs
    of `priorities` only; `concurrency` stands in for the setting.
    """

    def __init__(
        self,
        pool: Pool,
        line: Source,
        registry: Registry,
        settings: JobsSettings,
        priorities: Collection[Priority] = tuple(Priority),
        concurrency: int | None = None,
    ) -> None:
        self._pool = pool
        self._line = line
        self._registry = registry
        self._kinds = registry.names_of(priorities)
        lanes = registry.lanes_of(priorities)
        self._lanes = Lanes(priorities, lanes)
        # Once per process, over all kinds.
        self._measures = Priority.NORMAL in priorities
        self._settings = settings
        self._concurrency = concurrency or settings.concurrency
        self._tries = Tries(pool, settings, pool.background(sum(lane.at_once for _, lane in lanes)))
        # Everything claimed and not settled; its leases are prolonged.
        self._held: dict[UUID, Try] = {}
        self._waiting: deque[Try] = deque()
        # By try and not by job: a job whose lease was lost may have been claimed anew while its first try still runs.
        self._running: dict[Try, asyncio.Task[None]] = {}
        # Done without a write, to be deleted.
        self._done: list[Try] = []
        self._mean_seconds: float | None = None
        self._settled_at = 0.0
        self._stopping = False
        self._settled_classes = False
        self._healthy = True
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        self._any_done = asyncio.Event()
        self._deleting = asyncio.Lock()
        self._claiming: asyncio.Task[None] | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._strangers: set[str] = set()

    @property
    def running(self) -> int:
        """Jobs whose handlers run now."""
        return len(self._running)

    def wake(self) -> None:
        """There may be new jobs."""
        self._woken.set()

    async def start(self) -> None:
        settings = self._settings
        self._claiming = asyncio.create_task(self._claim_loop(), name="jobs claim")
        steps: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (settings.lease_seconds / 4, self._heartbeat),
            (settings.poll_seconds, self._sweep),
        ]
        if self._measures:
            steps.append((_MEASURE_SECONDS, self._measure))
        self._loops = [
            asyncio.create_task(_repeat(step, seconds), name=f"jobs {step.__name__}") for seconds, step in steps
        ]
        self._loops.append(asyncio.create_task(self._delete_loop(), name="jobs delete"))

    async def stop(self) -> None:
        """Hands back at once what has not begun, gives running jobs the grace time, then hands those back too."""
        self._stopping = True
        self._woken.set()
        self._room.set()
        if self._claiming is not None:
            # A claim under way is not cut off: its jobs would lie still until their leases run out.
            await _within(self._settings.stop_grace_seconds, asyncio.gather(self._claiming))
        await self._hand_back_waiting()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._settings.stop_grace_seconds)
        for one in tuple(self._held.values()):
            one.cut_short()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=_LAST_WORDS_SECONDS)
        # A sweep may have taken one in meanwhile.
        await self._hand_back_waiting()
        await _within(_LAST_WORDS_SECONDS, self._delete_done())
        rest = [*self._loops, *self._running.values()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    # ---- claiming and running -------------------------------------------------------------------------------

    async def _claim_loop(self) -> None:
        while not self._stopping:
            wanted = self._wanted()
            if wanted == 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._woken.clear()
            claimed = await self._claim(wanted)
            if claimed < wanted and not self._stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.poll_seconds):
                        await self._woken.wait()

    async def _claim(self, wanted: int) -> int:
        """How many were claimed; 0 after a pause when the database fails."""
        try:
            await self._settle_classes()
            jobs = await queries.claim(self._pool, self._share(), wanted, new_id(), self._settings.lease_seconds)
        except Exception as error:
            if self._healthy:
                log.warning("jobs cannot be claimed", error=type(error).__name__)
            self._healthy = False
            await _pause()
            return 0
        if not self._healthy:
            log.info("jobs are claimed again")
        self._healthy = True
        self._take_in(jobs)
        return len(jobs)

    def _share(self) -> Share:
        """Of lanes no more than may start: what waits for its lane is left to other workers."""
        at_hand = (*self._running, *self._waiting)
        return Share(self._kinds, self._lanes.rooms(one.kind.lane for one in at_hand))

    async def _settle_classes(self) -> None:
        """Once, before the first claim."""
        if not self._settled_classes:
            await queries.settle_classes(self._pool, self._registry.names, self._registry.stored_classes)
            self._settled_classes = True

    def _wanted(self) -> int:
        """How many jobs to claim now: those that can start at once, and a little work ahead."""
        concurrency = self._concurrency
        at_hand = len(self._running) + len(self._waiting)
        ahead = 0
        stuck = len(self._running) >= concurrency and time.monotonic() - self._settled_at > _AHEAD_SECONDS
        if self._mean_seconds is not None and not stuck:
            ahead = int(concurrency * _AHEAD_SECONDS / max(self._mean_seconds, 1e-6))
        target = min(concurrency + ahead, max(self._settings.batch, concurrency))
        # Many small claims cost more than one: wait until half is worked off, but never leave a place empty.
        if len(self._waiting) > 0 and at_hand > target / 2:
            return 0
        return max(min(target - at_hand, self._settings.batch), 0)

    def _take_in(self, jobs: list[Claimed]) -> None:
        now = time.monotonic()
        for job in jobs:
            kind = self._registry.find(job.kind)
            # Claims ask for known kinds only.
            assert kind is not None
            one = Try(job, kind, now)
            self._held[job.id] = one
            self._waiting.append(one)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._concurrency and not self._stopping:
            one = self._waiting.popleft()
            self._running[one] = asyncio.create_task(self._run(one))
            metrics.RUNNING.inc()
        self._room.set()

    async def _run(self, one: Try) -> None:
        started = time.monotonic()
        deleted_later = False
        try:
            deleted_later = await self._tries.run(one)
        finally:
            self._settled_at = time.monotonic()
            seconds = self._settled_at - started
            mean = self._mean_seconds
            self._mean_seconds = seconds if mean is None else mean + _MEAN_WEIGHT * (seconds - mean)
            if deleted_later:
                self._done.append(one)
                self._any_done.set()
            else:
                self._forget(one)
            del self._running[one]
            metrics.RUNNING.dec()
            if one.kind.lane is not None:
                # Others of its lane may wait, and no claim has seen them.
                self._woken.set()
            self._start_waiting()

    def _forget(self, one: Try) -> None:
        # The same job may have been claimed anew after its lease was lost.
        if self._held.get(one.job.id) is one:
            del self._held[one.job.id]

    # ---- deleting what wrote nothing ------------------------------------------------------------------------

    async def _delete_loop(self) -> None:
        while True:
            await self._any_done.wait()
            self._any_done.clear()
            try:
                await self._delete_done()
            except Exception as error:
                _report("delete finished jobs", error)
                await _pause()

    async def _delete_done(self) -> None:
        """Until then they stay held, so that nobody runs them again."""
        # The lock: who stops must not overlook the batch that is on its way.
        async with self._deleting:
            batch, self._done = self._done, []
            if not batch:
                return
            try:
                await queries.finish_many(self._pool, [(one.job.id, one.job.lease) for one in batch])
            except BaseException:
                self._done.extend(batch)
                self._any_done.set()
                raise
            for one in batch:
                self._forget(one)
        for name, done in Counter(one.kind.name for one in batch).items():
            metrics.DONE.labels(name).inc(done)

    # ---- leases ---------------------------------------------------------------------------------------------

    async def _heartbeat(self) -> None:
        held = [(one.job.id, one.job.lease) for one in self._held.values()]
        if not held:
            return
        for id in await queries.extend(self._line, held, self._settings.lease_seconds):
            one = self._held.get(id)
            if one is not None and (id, one.job.lease) in held:
                self._drop(one)

    def _drop(self, one: Try) -> None:
        """Another worker has the job: here it must end, whether it has begun or not."""
        if one in self._waiting:
            self._waiting.remove(one)
        elif one.limit is None:
            # Its row is gone because it is being settled just now.
            return
        metrics.LOST.inc()
        log.warning("job lost its lease", kind=one.kind.name, id=str(one.job.id))
        self._forget(one)
        one.cut_short()

    async def _sweep(self) -> None:
        """What claims do not see: leases that ran out, locked keys, and jobs that wait here behind slow ones."""
        settings = self._settings
        expired = await queries.take_expired(self._pool, self._kinds, settings.batch, new_id(), settings.lease_seconds)
        for job in expired:
            metrics.EXPIRED.inc()
            kind = self._registry.find(job.kind)
            assert kind is not None
            # With a backoff like every failure: a job that kills its process must not meet the same neighbours
            # again, or they would be given up with it.
            await self._tries.fail(job, kind, "The worker went silent: it crashed, or lost the database.")
        if self._stopping:
            return
        if self._waiting and time.monotonic() - self._waiting[0].claimed_at > settings.poll_seconds:
            await self._hand_back_waiting()
        elif len(self._running) < self._concurrency:
            self._take_in(await queries.claim_locked(self._pool, self._share(), new_id(), settings.lease_seconds))

    async def _hand_back_waiting(self) -> None:
        batch = tuple(self._waiting)
        self._waiting.clear()
        for one in batch:
            self._forget(one)
        if not batch:
            return
        try:
            await queries.hand_back(self._pool, [(one.job.id, one.job.lease) for one in batch])
        except Exception as error:
            log.warning("jobs left to their leases", jobs=len(batch), error=type(error).__name__)

    async def _measure(self) -> None:
        state = await queries.measure(self._pool, self._registry.names, self._registry.stored_classes)
        metrics.LAG.set(state.lag_seconds)
        metrics.DEAD_LETTERS.set(state.dead)
        metrics.UNKNOWN.set(sum(state.unknown.values()))
        for kind in state.unknown.keys() - self._strangers:
            log.warning("jobs of an unknown kind wait for another version of the program", kind=kind)
        self._strangers = set(state.unknown)


async def _repeat(step: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Never ends; what fails is tried again at the next turn."""
    while True:
        # Jitter: the workers of several processes need not all sweep at the same moment.
        await asyncio.sleep(seconds * random.uniform(0.8, 1.0))
        try:
            await step()
        except Exception as error:
            _report(step.__name__.strip("_"), error)


def _report(step: str, error: Exception) -> None:
    """An outage is the pool's news; anything else is a bug."""
    if isinstance(error, Unavailable):
        log.debug("worker waits for the database", step=step, error=type(error).__name__)
    else:
        log.exception("worker step failed", step=step)


async def _pause() -> None:
    # Jitter: the workers of all processes lost the server at the same moment.
    await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """Waits no longer than that, and never raises: what is left undone is left to its lease."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:
        log.warning("worker could not finish in time", error=type(error).__name__)
