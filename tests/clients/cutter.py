"""A proxy below HTTP that loses connections: cut in the middle of a frame, or gone silent without a word."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_CHUNK_BYTES = 4096


@dataclass
class Cuts:
    """`early`, `silent`: the share of connections that is cut before it is of any use, and that falls silent instead.
    The others are cut after `bytes` of what the server sent.
    """

    early: float = 0.15
    silent: float = 0.15
    bytes: tuple[int, int] = (600, 4000)


class Cutter:
    """Listens on `port`; `upstream` may be given later. With no `cuts` it passes everything on."""

    def __init__(self, draw: random.Random) -> None:
        self.port = 0
        self.upstream = 0
        self.cuts: Cuts | None = None
        self.lost = 0
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            # Reset, not closed: what was under way is lost with it.
            writer.transport.abort()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent = self.cuts is not None and self._draw.random() < self.cuts.silent
        there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        ways = [
            asyncio.create_task(self._pass(reader, back, None, silent=False)),
            asyncio.create_task(self._pass(there, writer, self._budget(), silent=silent)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()

    def _budget(self) -> int | None:
        if self.cuts is None:
            return None
        if self._draw.random() < self.cuts.early:
            return self._draw.randrange(400)
        return self._draw.randrange(*self.cuts.bytes)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None, *, silent: bool
    ) -> None:
        while True:
            try:
                data = await reader.read(_CHUNK_BYTES)
                if not data:
                    return
                writer.write(data if budget is None else data[:budget])
                await writer.drain()
            except ConnectionError:
                return
            if budget is not None:
                budget -= len(data)
                if budget <= 0:
                    self.lost += 1
                    if silent:
                        await self._swallow(reader)
                    return

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        """Nothing gets through any more, until the client gives up."""
        while await reader.read(_CHUNK_BYTES):
            pass


@asynccontextmanager
async def cutter_on_a_free_port(seed: int) -> AsyncIterator[Cutter]:
    cutter = Cutter(random.Random(seed))
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    cutter.port = server.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        server.close()
        await cutter.stop()
