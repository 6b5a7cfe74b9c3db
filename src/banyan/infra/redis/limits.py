"""Rate limits shared between processes: what each has let through is added up in Redis, ten times a second.

Each process decides by what it knows, so that no request waits for Redis; all know of each other within a tenth of a
second. While Redis is away each counts for itself.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import structlog
from prometheus_client import Counter
from redis.exceptions import ResponseError

from banyan.infra.ratelimit import RateLimiter, Spending
from banyan.infra.redis.connection import REDIS_ERRORS, Address, Link, SlotMap, find_slots
from banyan.infra.redis.settings import RedisSettings

log = structlog.get_logger("banyan.ratelimit")

_FAILURES = Counter("banyan_rate_limit_share_failures_total", "Times that limits could not be shared over Redis.")

_EVERY_SECONDS = 0.1
_RETRY_SECONDS = 1.0
_BATCH = 500
_CANCEL_SECONDS = 0.5
# The moment at which the bucket will be full again, by the server's clock; see infra/ratelimit.py. Answers how far away
# it is, in seconds, as text: a number would lose its fraction.
_SPEND = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + tonumber(ARGV[1])
full = math.min(full, now + tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.max(1, math.ceil((full - now) * 1000)))
return string.format('%.6f', full - now)
"""


class SharedLimits:
    """Tells Redis what one process has let through, and the process what all have."""

    def __init__(self, settings: RedisSettings, limiter: RateLimiter) -> None:
        self._settings = settings
        self._limiter = limiter
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._limiter.begin_sharing()
        self._task = asyncio.create_task(self._run(), name="shared limits")

    async def stop(self) -> None:
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_CANCEL_SECONDS)

    async def _run(self) -> None:
        while True:
            links: dict[Address | None, Link] = {}
            try:
                slots = await find_slots(self._settings)
                for address in slots.members:
                    links[address] = Link(self._settings, address)
                    await links[address].open()
                while True:
                    await asyncio.sleep(_EVERY_SECONDS)
                    await self._share(slots, links)
            except REDIS_ERRORS as error:
                log.debug("limits are not shared", error=type(error).__name__)
            except Exception:
                log.exception("limits cannot be shared")
            finally:
                for link in links.values():
                    with suppress(*REDIS_ERRORS):
                        await link.close()
            _FAILURES.inc()
            # What was let through meanwhile stays this process' own knowledge.
            self._limiter.take_spendings()
            await asyncio.sleep(_RETRY_SECONDS * random.uniform(0.5, 1.5))

    async def _share(self, slots: SlotMap, links: dict[Address | None, Link]) -> None:
        """Raises one of REDIS_ERRORS."""
        by_member: dict[Address | None, list[tuple[bytes, Spending]]] = {}
        for spending in self._limiter.take_spendings():
            name = f"banyan:limit:{spending.limit}:{spending.key}".encode()
            by_member.setdefault(slots.owner(name), []).append((name, spending))
        for address, spendings in by_member.items():
            for start in range(0, len(spendings), _BATCH):
                await self._spend(links[address], spendings[start : start + _BATCH])

    async def _spend(self, link: Link, spendings: Sequence[tuple[bytes, Spending]]) -> None:
        answers = await link.ask_many(
            [
                ("EVAL", _SPEND, 1, name, f"{spending.cost_seconds:.6f}", spending.window_seconds)
                for name, spending in spendings
            ]
        )
        for (_, spending), answer in zip(spendings, answers, strict=True):
            if isinstance(answer, ResponseError):
                raise answer
            self._limiter.adopt(spending, float(answer))
