"""nginx with a rendered file, before stand-ins for Banyan's processes."""

import asyncio
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from banyan.planner.deployment import Deployment
from banyan.planner.render.everything import render_deployment
from tests.support.banyan import find_port

PATIENCE_SECONDS = 60.0
DOMAIN = "neighbours.example"


class Front:
    """nginx on ports of a test; `place` holds certificate, logs and its file."""

    def __init__(self, deployment: Deployment, place: Path, backends: Mapping[int | str, int], host: int = 0) -> None:
        self.place, self.plain_port, self.port = place, find_port(), find_port()
        text = render_deployment(deployment)[f"{deployment.hosts[host].name}/nginx/nginx.conf"]
        for folder in ("/etc/letsencrypt/live/" + DOMAIN, "/var/log/nginx", "/var/www/html"):
            text = text.replace(folder, str(place))
        text = text.replace("/run/nginx.pid", str(place / "nginx.pid"))
        text = re.sub(r" *listen \[::\].*\n", "", text)
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.plain_port};")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl")
        for named, real in backends.items():
            address = named if isinstance(named, str) else f"127.0.0.1:{named}"
            text = re.sub(rf"{re.escape(address)}(?=[ ;])", f"127.0.0.1:{real}", text)
        self.file = place / "nginx.conf"
        self.file.write_text(text)

    def check(self) -> None:
        """What `nginx -t` says about it."""
        done = subprocess.run(["nginx", "-t", "-c", self.file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warn" not in done.stderr, done.stderr

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the end of the block it serves."""
        command = ["setpriv", "--pdeathsig=KILL", "--", "nginx", "-c", str(self.file), "-g", "daemon off;"]
        process = subprocess.Popen(command, cwd="/")
        try:
            self._await_ready()
            yield
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_SECONDS)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.plain_port}/", timeout=10)
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @property
    def trust(self) -> ssl.SSLContext:
        """Believes the certificate of this test."""
        return ssl.create_default_context(cafile=str(self.place / "fullchain.pem"))

    def client(self) -> httpx.AsyncClient:
        """Finds the domain here."""
        transport = _Here(self.port, self.trust)
        return httpx.AsyncClient(base_url=f"https://{DOMAIN}", transport=transport, timeout=PATIENCE_SECONDS)

    async def announce(self, body_bytes: int) -> int:
        """The status that a request gets which announces a body of that size."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname=DOMAIN)
        writer.write(f"POST /v1/posts HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: {body_bytes}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return int(answer.split()[1])

    async def upgrade(self, device: str) -> str:
        """Opens a socket as that device, says hello, and gives the name of the process that echoed it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname=DOMAIN)
        head = f"GET /v1/socket HTTP/1.1\r\nHost: {DOMAIN}\r\nUser-Agent: {device}\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Upgrade: websocket\r\n\r\n".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert answer.startswith("HTTP/1.1 101"), answer
        writer.write(b"hello")
        await writer.drain()
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        found = re.search("X-Name: (.*)\r", answer)
        assert found
        return found[1]


class _Here(httpx.AsyncHTTPTransport):
    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust, http2=True)
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": DOMAIN}
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """A server that says who it is and what it was asked; an upgrade is answered with 101. Its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            if length:
                await reader.readexactly(int(length[1]))
            if "upgrade: websocket" in head.lower():
                answer = (
                    f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Name: {name}\r\n\r\n"
                )
                writer.write(answer.encode())
                writer.write(await reader.read(100))
                break
            body = f"{name}\n{head}\n{'x' * 2000}".encode()
            kind = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            writer.write(kind + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[Front]:
    """nginx, without stopping the loop that its backends run on."""
    await asyncio.to_thread(front.check)
    context = front.running()
    await asyncio.to_thread(context.__enter__)
    try:
        yield front
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@asynccontextmanager
async def fronted(deployment: Deployment, place: Path) -> AsyncIterator[Front]:
    """nginx before a stand-in for each process, named NAME-PORT."""
    async with AsyncExitStack() as stack:
        found: dict[int | str, int] = {}
        for process in deployment.hosts[0].processes:
            for port in process.ports:
                found[port] = await stack.enter_async_context(backend(f"{process.name}-{port}"))
        yield await stack.enter_async_context(serving(Front(deployment, place, found)))
