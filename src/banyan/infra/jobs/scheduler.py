"""Adds the jobs that are due by the clock, once over all processes."""

import asyncio
import random

import structlog

from banyan.infra.background import Background
from banyan.infra.database.pool import Pool
from banyan.infra.jobs import queries
from banyan.infra.jobs.registry import Registry
from banyan.kernel.errors import Unavailable

log = structlog.get_logger("banyan.jobs")

_TICK_SECONDS = 1.0


class Scheduler(Background):
    """Looks every second. Any number may run: a due schedule is advanced and its job written in one transaction,
    and whoever comes second finds it advanced. After an outage each schedule runs once, not once per missed time.
    """

    def __init__(self, pool: Pool, registry: Registry) -> None:
        self._pool = pool
        self._schedules = {schedule.name: schedule for schedule in registry.schedules}
        self._saved = False

    async def tick(self) -> list[str]:
        """The names of the schedules that this call ran. Raises for the database's sake."""
        if not self._schedules:
            return []
        async with self._pool.work() as work:
            if not self._saved:
                await queries.save_schedules(work, tuple(self._schedules.values()))
            due = await queries.take_due_schedules(work, list(self._schedules))
            for name in due:
                # The key: while workers are away, a schedule waits once and does not pile up.
                work.enqueue(self._schedules[name].job, key=f"schedule {name}")
        self._saved = True
        return due

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except Unavailable as error:
                log.debug("scheduler waits for the database", error=type(error).__name__)
            except Exception:
                log.exception("scheduler cannot tick")
            # Jitter: several schedulers need not look at the same moment.
            await asyncio.sleep(_TICK_SECONDS * random.uniform(0.8, 1.0))
