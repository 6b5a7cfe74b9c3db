"""What processes share over Redis, where it is configured: events of sockets, and what is spent of rate limits."""

from typing import TYPE_CHECKING

from banyan.app.loading import load
from banyan.app.settings import Settings
from banyan.infra.bus.detour import Detour
from banyan.infra.database.pool import Pool
from banyan.infra.health import Health
from banyan.infra.ratelimit import RateLimiter
from banyan.infra.realtime.gateway import Realtime
from banyan.infra.realtime.lines import Lines
from banyan.infra.realtime.outbox import EVENTS_TOPIC, RealtimeOutbox

if TYPE_CHECKING:
    from banyan.infra.bus.redis_bus import RedisBus
    from banyan.infra.redis.limits import SharedLimits


class Ephemeral:
    """The bus over Redis, the way round it, and the gateway's lines on it; and the limits."""

    def __init__(self, settings: Settings, pool: Pool, realtime: Realtime, limiter: RateLimiter) -> None:
        self._detour = Detour(EVENTS_TOPIC, pool.work)
        # By name: redis-py takes 11 MB, which nobody without Redis should pay for.
        self.bus: RedisBus = load("banyan.infra.bus.redis_bus:RedisBus")(settings.redis, self._detour.take)
        self._limits: SharedLimits = load("banyan.infra.redis.limits:SharedLimits")(settings.redis, limiter)
        self.outbox = RealtimeOutbox(realtime.publish, realtime.look, self.bus)
        self._lines = Lines(realtime.hub, self.bus, pool.work, self.outbox.take, realtime.reader.prompt)

    def report(self, health: Health) -> None:
        """Whether it carries; nothing stops where it does not."""

        async def check() -> str | None:
            return None if self.bus.sure else "away, events go over the database"

        health.add("redis", check, dispensable=True)

    async def start(self) -> None:
        await self._detour.start()
        await self.bus.start()
        await self._lines.start()
        await self._limits.start()

    async def stop(self) -> None:
        await self._limits.stop()
        await self._lines.stop()
        await self.bus.stop()
        await self._detour.stop()


def build_ephemeral(settings: Settings, pool: Pool, realtime: Realtime, limiter: RateLimiter) -> Ephemeral | None:
    """None where no Redis is configured."""
    return Ephemeral(settings, pool, realtime, limiter) if settings.redis.url is not None else None
