"""A proxy between a client and a server that loses answers and gives some of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "content-encoding", "host"})


@dataclass(frozen=True)
class Seen:
    """One request as it came by."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")


@dataclass
class Fault:
    """What happens to the next `times` requests to `method path`: with no `status` their answers are lost."""

    method: str
    path: str
    times: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"busy"


class Proxy:
    """`faults` are used up in order; `seen` keeps every request."""

    def __init__(self, upstream: str, http: httpx.AsyncClient) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self._upstream = upstream
        self._http = http

    def tries(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection, so that nothing is retried below the client."""
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append(Seen(method, target.partition("?")[0], headers))
        fault = self._take_fault(self.seen[-1])
        if fault is not None and fault.status is not None:
            await _send(writer, fault.status, fault.headers, fault.body)
            return
        kept = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        answer = await self._http.request(method, self._upstream + target, headers=kept, content=body)
        if fault is not None:
            # The server has done its part; nobody hears of it.
            writer.transport.abort()
            return
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        await _send(writer, answer.status_code, kept, answer.content)

    def _take_fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if (fault.method, fault.path) == (seen.method, seen.path) and fault.times > 0:
                fault.times -= 1
                return fault
        return None


async def _send(writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str], body: bytes) -> None:
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    await writer.drain()


@asynccontextmanager
async def proxy_to(upstream: str) -> AsyncIterator[Proxy]:
    """A proxy on a free port of this machine."""
    async with httpx.AsyncClient(timeout=300) as http:
        proxy = Proxy(upstream, http)
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            await server.wait_closed()
