"""A receiver of webhooks on a real port, which answers as a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct


class Heard(Struct):
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> Any:
        return msgspec.json.decode(self.body)


# What to send back, as bytes on the wire; it may take its time.
Answer = Callable[[Heard], Awaitable[bytes]]


def answering(status: int, body: bytes = b"", *headers: str) -> Answer:
    """Always the same."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]

    async def answer(heard: Heard) -> bytes:
        return "\r\n".join(lines).encode() + body

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one stays."""
    left = list(answers)

    async def answer(heard: Heard) -> bytes:
        return await (left.pop(0) if len(left) > 1 else left[0])(heard)

    return answer


async def never(heard: Heard) -> bytes:
    """Holds the connection."""
    await asyncio.Event().wait()
    return b""


class Receiver:
    """`heard` is everything that has come in so far."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heard: list[Heard] = []
        self.at_once = 0
        self.most_at_once = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heard = await _read(reader)
                if heard is None:
                    break
                self.heard.append(heard)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    writer.write(await self._answer(heard, reader))
                    await writer.drain()
                finally:
                    self.at_once -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, heard: Heard, reader: asyncio.StreamReader) -> bytes:
        """Raises ConnectionResetError when the other side gives up meanwhile."""
        answer = asyncio.ensure_future(self.answer(heard))
        try:
            while not (await asyncio.wait([answer], timeout=0.02))[0]:
                if reader.at_eof():
                    raise ConnectionResetError
            return answer.result()
        finally:
            answer.cancel()


@asynccontextmanager
async def receiving(answer: Answer | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that answers 204 unless told otherwise; with `tls` it speaks https."""
    receiver = Receiver(answer or answering(204))
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.wait([task])

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    receiver.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?of=banyan"
    try:
        yield receiver
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Heard | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Heard(request.split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))
