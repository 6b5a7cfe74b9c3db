"""A bounded cache in the process: time to live per cache, one fill per key, invalidated on write."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _FillAbandoned(Exception):
    """The task that was filling an entry was cancelled."""


class Cache(Generic[K, V]):
    """Least recently used entries leave first. A `drop` while a fill is under way discards that fill:
    otherwise a value read before a write could outlive it.
    """

    def __init__(self, *, max_entries: int, ttl_seconds: float) -> None:
        self._max_entries = max_entries
        self._ttl_seconds = ttl_seconds
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._fills: dict[K, asyncio.Future[V]] = {}
        self._drops = 0
        self._era = object()
        self._era_ends = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def find(self, key: K) -> V | None:
        """The live value, or None."""
        entry = self._entries.get(key)
        if entry is None or entry[0] < time.monotonic():
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V) -> None:
        self._entries[key] = (time.monotonic() + self._ttl_seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    async def get(self, key: K, fill: Callable[[], Awaitable[V]]) -> V:
        """The cached value, or the one that `fill` makes: concurrent callers share one fill."""
        while True:
            value = self.find(key)
            if value is not None:
                return value
            under_way = self._fills.get(key)
            if under_way is None:
                return await self._fill(key, fill)
            try:
                return await asyncio.shield(under_way)
            except _FillAbandoned:
                # Whoever was filling has been cancelled: that is not our end.
                continue

    async def get_many(self, keys: Sequence[K], fill: Callable[[list[K]], Awaitable[dict[K, V]]]) -> list[V | None]:
        """One for each of `keys`, None where there is no value; `fill` is called once with those not cached."""
        now = time.monotonic()
        entries = self._entries
        held = list(map(entries.get, keys))
        # Who was used last only matters once somebody has to leave soon.
        if 2 * len(entries) > self._max_entries:
            for key in keys:
                if key in entries:
                    entries.move_to_end(key)
        missing = [key for key, entry in zip(keys, held, strict=True) if entry is None or entry[0] < now]
        if not missing:
            return [entry[1] for entry in held if entry is not None]
        drops = self._drops
        filled = await fill(list(dict.fromkeys(missing)))
        if drops == self._drops:
            for key, value in filled.items():
                self.put(key, value)
        return [
            filled.get(key) if entry is None or entry[0] < now else entry[1]
            for key, entry in zip(keys, held, strict=True)
        ]

    def era(self) -> object:
        """The same object as long as nothing was dropped, and no longer than values live: what was made of some of
        them holds as long.
        """
        now = time.monotonic()
        if now >= self._era_ends:
            self._era, self._era_ends = object(), now + self._ttl_seconds
        return self._era

    def drop(self, key: K) -> None:
        self._drops += 1
        self._era_ends = 0.0
        self._entries.pop(key, None)
        # Whoever asks from now on must not join a fill that began before the write.
        self._fills.pop(key, None)

    def clear(self) -> None:
        self._drops += 1
        self._era_ends = 0.0
        self._entries.clear()
        self._fills.clear()

    async def _fill(self, key: K, fill: Callable[[], Awaitable[V]]) -> V:
        future: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._fills[key] = future
        try:
            value = await fill()
        except BaseException as error:
            if not future.cancelled():
                future.set_exception(error if isinstance(error, Exception) else _FillAbandoned())
                future.exception()
            raise
        else:
            if self._fills.get(key) is future:
                self.put(key, value)
            future.set_result(value)
            return value
        finally:
            if self._fills.get(key) is future:
                del self._fills[key]


class Versions(Generic[K, V]):
    """What is never outdated, because its key names one version of it: without a time to live, and with nothing to
    write when something is found. Half of what it may hold leaves at once, what was not asked for since the last time.
    """

    def __init__(self, *, max_entries: int) -> None:
        self._most = max(1, max_entries // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find_many(self, keys: Sequence[K]) -> list[V | None]:
        """One for each of `keys`, None for those that are not here."""
        held = list(map(self._young.get, keys))
        return (
            held
            if None not in held
            else [self._find_old(key) if one is None else one for key, one in zip(keys, held, strict=True)]
        )

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def _find_old(self, key: K) -> V | None:
        value = self._old.pop(key, None)
        if value is not None:
            self.put(key, value)
        return value
