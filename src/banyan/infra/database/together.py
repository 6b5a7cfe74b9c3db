"""Reads that many ask for at once, as one statement for all of them.

Every statement has its price, whatever it reads: a way to the server and back, a server process to wake, a plan to set
up. A page of a feed costs PostgreSQL a quarter less in company.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg

from banyan.infra.database.errors import Overloaded

# What one statement reads at most, so that nobody waits long for the others of it.
_MOST_AT_ONCE: Final = 16
# For so many who wait, one more statement may be under way: where a page is not in memory but on a disk, several have
# to be fetched at the same time.
_WAITING_FOR_ANOTHER: Final = 8

Row = asyncpg.Record
# Runs the statement with these lists as its parameters.
Fetch = Callable[[Sequence[list[object]]], Awaitable[list[Row]]]


class Together:
    """One statement, and who waits for a row of it.

    It takes a list for each parameter, and returns one row for each place, numbered from 1 in its first column. Who
    asks while one is under way goes with the next: alone at rest, in company under load, and nobody waits for company.
    """

    def __init__(self, fetch: Fetch, max_waiting: int) -> None:
        self._fetch = fetch
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[asyncio.Future[Row], tuple[object, ...]]] = deque()
        self._under_way = 0
        self._starting = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def row(self, *args: object) -> Row:
        """The row for these parameters, read after this was called. Raises what `Work.row` raises."""
        waiting = self._waiting
        if len(waiting) >= self._max_waiting + _MOST_AT_ONCE:
            raise Overloaded(retry_after_seconds=1)
        answer: asyncio.Future[Row] = self._loop.create_future()
        waiting.append((answer, args))
        if not self._starting and len(waiting) >= _WAITING_FOR_ANOTHER * self._under_way:
            # Not yet: whoever came in the same turn of the loop comes along.
            self._starting = True
            self._loop.call_soon(self._start)
        return await answer

    def _start(self) -> None:
        self._starting = False
        if self._waiting:
            self._under_way += 1
            task = self._loop.create_task(self._read())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """Reads until nobody waits."""
        try:
            while self._waiting:
                asked = [self._waiting.popleft() for _ in range(min(_MOST_AT_ONCE, len(self._waiting)))]
                asked = [one for one in asked if not one[0].done()]
                if asked:
                    await self._answer(asked)
        finally:
            self._under_way -= 1

    async def _answer(self, asked: Sequence[tuple[asyncio.Future[Row], tuple[object, ...]]]) -> None:
        try:
            rows = await self._fetch([list(values) for values in zip(*(args for _, args in asked), strict=True)])
        except BaseException as error:
            for answer, _ in asked:
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else Overloaded(retry_after_seconds=1))
            if not isinstance(error, Exception):
                raise
        else:
            for row in rows:
                answer = asked[row[0] - 1][0]
                if not answer.done():
                    answer.set_result(row)
