"""Password hashes: argon2id, and bcrypt of imported accounts; in threads, so many at once, so many in the queue."""

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import Counter, Gauge

from banyan.infra.auth.errors import HashingBusy
from banyan.infra.auth.foreign import is_bcrypt, verify_bcrypt
from banyan.infra.auth.settings import AuthSettings

HASHES = Counter("banyan_password_hashes_total", "Password hashes computed.")
_UNDER_WAY = Gauge("banyan_password_hashes_under_way", "Passwords being hashed or waiting for it.")
_REFUSED = Counter("banyan_password_hashes_refused_total", "Passwords turned away because the queue was full.")

_M_MMAP_THRESHOLD = -3  # malloc.h
_MMAP_FROM_BYTES = 1 << 20

T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords off the event loop. A caller that gives up leaves the queue; a hash that has
    begun keeps its place until it ends, because a thread cannot be stopped.
    """

    def __init__(self, settings: AuthSettings) -> None:
        at_once = settings.hashes_at_once or os.cpu_count() or 1
        self._limit = at_once + settings.hashes_waiting
        self._under_way = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="password")
        self._hasher = PasswordHasher(settings.hash_passes, settings.hash_memory_kib, settings.hash_lanes)
        self._nobodys = _nobodys_hash(settings)
        _give_back_large_blocks()

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash. Raises HashingBusy."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str, like: str | None = None) -> bool:
        """Whether `password` is the one behind `stored`. Without a stored hash the answer is False after the
        same work, so that time does not tell who has an account: that of a hash `like` this one, since those of
        imported accounts may cost more or less than ours. Raises HashingBusy.
        """
        right = await self._run(self._verify, stored or like or self._nobodys, password)
        return right and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's, or by another function."""
        return is_bcrypt(stored) or self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Drops those who wait; hashes that have begun end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        if is_bcrypt(stored):
            return verify_bcrypt(stored, password)
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., T], *args: str) -> T:
        with self._lock:
            if self._under_way >= self._limit:
                _REFUSED.inc()
                raise HashingBusy("Try again in a moment.", retry_after_seconds=2)
            self._under_way += 1
        _UNDER_WAY.inc()
        future = self._threads.submit(_counted, function, *args)
        # Called when the thread is done, or at once when the caller gives up before it began.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._under_way -= 1
        _UNDER_WAY.dec()


def _counted(function: Callable[..., T], *args: str) -> T:
    HASHES.inc()
    return function(*args)


def _nobodys_hash(settings: AuthSettings) -> str:
    """A hash of no known password, in today's parameters: checking against it costs what a real one costs."""
    parameters = f"m={settings.hash_memory_kib},t={settings.hash_passes},p={settings.hash_lanes}"
    return f"$argon2id$v=19${parameters}$bm9ib2R5cyBzYWx0IDE2Qg$bm9ib2R5cyBoYXNoIG9mIHRoaXJ0eS10d28gYnl0ZXM"


def _give_back_large_blocks() -> None:
    """Has glibc return a hash's 19 MiB to the system at once.

    By default it raises its threshold after the first such block and keeps one per thread for good: measured
    40 MB resident with two threads, against 12 ms more CPU per hash for fresh pages.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES)
