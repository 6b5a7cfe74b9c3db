"""Many keys at once: what is there, what is filled, and what is over."""

from banyan.infra.cache import Cache


class _Source:
    """Values for even numbers, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def fill(self, keys: list[int]) -> dict[int, str]:
        self.asked.append(keys)
        return {key: f"{key}" for key in keys if key % 2 == 0}


async def test_many_are_one_for_each_key_in_their_order() -> None:
    cache: Cache[int, str] = Cache(max_entries=10, ttl_seconds=300)
    source = _Source()
    assert await cache.get_many([4, 1, 2, 4], source.fill) == ["4", None, "2", "4"]
    assert await cache.get_many([2, 4], source.fill) == ["2", "4"]
    assert await cache.get_many([2, 6, 1], source.fill) == ["2", "6", None]
    assert await cache.get_many([], source.fill) == []
    assert source.asked == [[4, 1, 2], [6, 1]]


async def test_what_is_over_is_filled_anew() -> None:
    cache: Cache[int, str] = Cache(max_entries=10, ttl_seconds=-1)
    source = _Source()
    assert await cache.get_many([2, 4], source.fill) == ["2", "4"]
    assert await cache.get_many([4], source.fill) == ["4"]
    assert source.asked == [[2, 4], [4]]


async def test_those_used_last_stay() -> None:
    cache: Cache[int, str] = Cache(max_entries=3, ttl_seconds=300)
    source = _Source()
    await cache.get_many([2, 4, 6], source.fill)
    await cache.get_many([2], source.fill)
    await cache.get_many([8], source.fill)
    assert [key in cache for key in (2, 4, 6, 8)] == [True, False, True, True]
