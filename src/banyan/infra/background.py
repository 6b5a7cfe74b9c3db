"""Parts of a process that work beside its requests, from their start to their stop."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar


class Background(ABC):
    """Between `start` and `stop` its `_run` goes on, as often side by side as `_at_once` says."""

    _at_once: ClassVar[int] = 1
    _tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        self._tasks = tuple(asyncio.create_task(self._run(), name=type(self).__name__) for _ in range(self._at_once))

    async def stop(self) -> None:
        """Cancels it wherever it waits; nothing where it was never started."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    @abstractmethod
    async def _run(self) -> None:
        """Never returns; what goes wrong in a turn is its own affair."""
