"""Waiting for what happens in the background."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], object | Awaitable[object]], seconds: float = 300) -> None:
    """Returns once `condition` is true; fails after `seconds`, which only end what hangs."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        assert time.monotonic() < deadline, f"still not true after {seconds} s"
        await asyncio.sleep(0.01)
