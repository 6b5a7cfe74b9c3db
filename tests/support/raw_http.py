"""HTTP by hand over a real socket: for requests that no client library would send."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Reply:
    """One answer; status 0 where the connection ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The stable code of a problem document."""
        problem: dict[str, str] = msgspec.json.decode(self.body)
        return problem["code"]


class RawConnection:
    """`async with RawConnection(url) as raw:` then `send` bytes and `receive` answers, in any order."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 0

    async def __aenter__(self) -> "RawConnection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def stop_sending(self) -> None:
        """Closes our half of the connection."""
        self._writer.write_eof()

    def is_answered(self) -> bool:
        """Whether some of an answer is here already."""
        return bool(self._reader._buffer)  # type: ignore[attr-defined]

    async def receive(self, *, of_head: bool = False) -> Reply:
        """The next answer that is final, after any 100 Continue. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                reply = await self._receive_one(of_head)
                if reply.status != 100:
                    return reply

    async def ended(self) -> bool:
        """Waits until the other side has closed the connection; False when it sends more instead."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self._reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def _receive_one(self, of_head: bool) -> Reply:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return Reply(0, {}, b"")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        length = 0 if of_head else int(headers.get("content-length", "0"))
        return Reply(int(first.split()[1]), headers, await self._reader.readexactly(length))


async def ask_raw(url: str, *parts: bytes) -> Reply:
    """Sends the parts one after another and returns the first final answer."""
    async with RawConnection(url) as raw:
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(0.02)
            await raw.send(part)
        return await raw.receive()


def request(
    method: str, target: bytes | str, body: bytes = b"", headers: Iterable[tuple[str, str | bytes]] = ()
) -> bytes:
    """A well-formed request around whatever the parts hold; Content-Length only where there is a body."""
    target = target.encode("latin-1") if isinstance(target, str) else target
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"host: banyan.test"]
    for name, value in headers:
        lines.append(name.encode() + b": " + (value.encode("latin-1") if isinstance(value, str) else value))
    if body:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
