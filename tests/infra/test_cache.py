"""Many keys at once: what is there, what is filled, and what is over."""

from banyan.infra.cache import Cache, Versions


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


async def test_an_era_ends_with_a_drop_and_with_the_time_to_live() -> None:
    cache: Cache[int, str] = Cache(max_entries=10, ttl_seconds=300)
    first = cache.era()
    cache.put(1, "one")
    assert cache.era() is first
    cache.drop(7)
    second = cache.era()
    assert second is not first
    assert cache.era() is second
    cache.clear()
    assert cache.era() is not second
    brief: Cache[int, str] = Cache(max_entries=10, ttl_seconds=0)
    assert brief.era() is not brief.era()


def test_versions_hold_what_was_asked_for_lately() -> None:
    versions: Versions[int, str] = Versions(max_entries=6)
    for key in range(3):
        versions.put(key, str(key))
    assert versions.find_many([2, 7, 0]) == ["2", None, "0"]
    # Three more, and the first three are old; the one that is asked for then stays.
    for key in range(3, 6):
        versions.put(key, str(key))
    assert versions.find_many([1]) == ["1"]
    assert len(versions) <= 6
    for key in range(6, 9):
        versions.put(key, str(key))
        assert len(versions) <= 6
    assert versions.find_many([0, 2, 1, 8]) == [None, None, "1", "8"]
    versions.clear()
    assert len(versions) == 0
    assert versions.find_many([1, 8]) == [None, None]
