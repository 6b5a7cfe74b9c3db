"""Processes that share their limits know what the others let through; without Redis each counts for itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from banyan.infra.ratelimit import LimitsSettings, RateLimiter
from banyan.infra.redis.limits import SharedLimits
from banyan.infra.redis.settings import RedisSettings
from tests.support.eventually import eventually
from tests.support.redis import RedisServer

_PATIENCE_SECONDS = 300
# One request is earned back in so many seconds that a slow machine does not matter.
_SETTINGS = LimitsSettings(sign_in_per_minute=5)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def sharing(settings: RedisSettings) -> AsyncIterator[RateLimiter]:
    limiter = RateLimiter(_SETTINGS, lambda: 1000.0)
    shared = SharedLimits(settings, limiter)
    await shared.start()
    try:
        yield limiter
    finally:
        await shared.stop()


def _spend(limiter: RateLimiter, key: str, count: int) -> list[bool]:
    return [limiter.take("sign_in", key).allowed for _ in range(count)]


async def test_what_one_process_lets_through_counts_in_the_others(server: RedisServer) -> None:
    async with sharing(server.settings()) as one, sharing(server.settings()) as two:
        assert all(_spend(one, "ada", 4))
        await eventually(lambda: not one._spent, _PATIENCE_SECONDS)
        # The other has not asked for this key yet: its first request brings what all have spent.
        assert _spend(two, "ada", 1) == [True]
        await eventually(lambda: _knows_of_others(two, "ada"), _PATIENCE_SECONDS)
        assert all(_spend(two, "ben", 5))


async def test_without_redis_each_counts_for_itself(server: RedisServer) -> None:
    async with sharing(server.settings(timeout_seconds=0.5)) as one, sharing(server.settings()) as two:
        server.kill()
        assert _spend(one, "ada", 6) == [True] * 5 + [False]
        assert _spend(two, "ada", 6) == [True] * 5 + [False]
        server.start()
        numbers = iter(range(10_000))

        def is_told() -> bool:
            # What was spent while it was away is told to nobody, so always of another.
            key = f"ben {next(numbers) // 50}"
            return _told_of(one, two, key)

        await eventually(is_told, _PATIENCE_SECONDS)


def _told_of(one: RateLimiter, two: RateLimiter, key: str) -> bool:
    """Whether what one spends of a key reaches the other, which spends once."""
    if ("sign_in", key) not in two._full_at:
        _spend(one, key, 4)
        _spend(two, key, 1)
    return _knows_of_others(two, key)


def _knows_of_others(limiter: RateLimiter, key: str) -> bool:
    """Whether more of a key is spent than it has spent itself: once, at 12 seconds."""
    return limiter._full_at["sign_in", key] > 1000.0 + 13


def test_a_limiter_that_nobody_shares_keeps_nothing_for_others() -> None:
    limiter = RateLimiter(_SETTINGS)
    _spend(limiter, "ada", 5)
    assert limiter._spent is None
