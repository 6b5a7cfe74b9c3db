"""nginx before the API: what a proxied request costs it, and what a proxied socket holds, with TLS and one worker.

The file has what `banyan plan render` writes of TLS, keep-alive, compression and logs; limits are left out.
"""

import asyncio
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from banyan.app.server import listen
from banyan.app.settings import Settings
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import load
from dev.benchmarks.processes import cpu_seconds, family, own_bytes
from dev.benchmarks.serving import get, progress, reachable, serving

_CLIENTS = 16
_SOCKETS = 1_000
_AT_ONCE = 50
_FILE = """
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; multi_accept on; }}
http {{
    default_type application/json;
    access_log {folder}/access.log combined buffer=64k flush=5s;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    keepalive_timeout 65s;
    keepalive_requests 100000;
    gzip on; gzip_proxied any; gzip_comp_level 5; gzip_min_length 1024; gzip_types application/json;
    upstream api {{ server 127.0.0.1:{api}; keepalive 32; }}
    upstream realtime {{ server 127.0.0.1:{sockets}; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/fullchain.pem;
        ssl_certificate_key {folder}/privkey.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location = /v1/socket {{
            proxy_pass http://realtime;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""
_UPGRADE = b"GET /v1/socket HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Front(msgspec.Struct, frozen=True):
    """A running nginx."""

    port: int
    workers: list[int]
    tls: ssl.SSLContext

    def spent(self) -> float:
        """CPU seconds of its workers until now."""
        return sum(map(cpu_seconds, self.workers))


async def measure_front(settings: Settings, tokens: list[str], seconds: float) -> list[Figure]:
    """With `seconds` of requests of each kind; nothing where nginx or openssl is not installed."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        progress("no nginx or openssl here: left out")
        return []
    progress("nginx")
    backend = await asyncio.start_server(_hold, "127.0.0.1", 0)
    with serving(settings, "api") as (process, port), _nginx(port, backend.sockets[0].getsockname()[1]) as front:
        await reachable(port, process)
        kinds: dict[str, Callable[[int], bytes]] = {
            "a proxied feed": lambda n: get("/v1/feed", tokens[n % len(tokens)]),
            "a proxied feed, compressed": lambda n: get("/v1/feed", tokens[n % len(tokens)], compressed=True),
            "a proxied small answer": lambda n: get("/healthz", None),
        }
        figures = [Figure("nginx at rest, one worker", sum(map(own_bytes, front.workers)) / 2**20, "MiB")]
        for name, make in kinds.items():
            await load(front.port, _CLIENTS, 1, make, tls=front.tls)
            before = front.spent()
            outcome = await load(front.port, _CLIENTS, seconds, make, tls=front.tls)
            each = (front.spent() - before) / outcome.requests
            figures.append(Figure(name, each * 1e3, "ms of nginx' CPU", note=f"[{outcome.statuses}]"))
        figures.append(await _sockets(front))
    backend.close()
    return figures


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A realtime process for what nginx sees of it: it upgrades, and then nothing happens."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_SWITCHED)
    await reader.read()
    writer.close()


async def _sockets(front: Front) -> Figure:
    """The kernel's own part of a connection is not in it."""
    held = await _upgrade(front, _AT_ONCE)
    before = sum(map(own_bytes, front.workers))
    for _ in range(_SOCKETS // _AT_ONCE):
        held += await _upgrade(front, _AT_ONCE)
    each = (sum(map(own_bytes, front.workers)) - before) / _SOCKETS
    for writer in held:
        writer.transport.abort()
    return Figure("a proxied socket with TLS", each / 1024, "KiB", note=f"[{len(held):,} of them]")


async def _upgrade(front: Front, count: int) -> list[asyncio.StreamWriter]:
    async def one() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=front.tls)
        writer.write(_UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        return writer

    return await asyncio.gather(*(one() for _ in range(count)))


@contextmanager
def _nginx(api: int, sockets: int) -> Iterator[Front]:
    """Before these two ports, on a core of its own kind's choice."""
    with tempfile.TemporaryDirectory(prefix="banyan-nginx-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        _certify(folder)
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        listener.close()
        file = folder / "nginx.conf"
        file.write_text(_FILE.format(folder=folder, api=api, sockets=sockets, port=port))
        with subprocess.Popen(["nginx", "-c", str(file), "-g", "daemon off;"], cwd="/") as process:
            try:
                while not (folder / "nginx.pid").exists() or len(family(process.pid)) < 2:  # the master and its worker
                    if process.poll() is not None:
                        raise SystemExit("nginx ended at its start")
                    time.sleep(0.05)
                yield Front(port, family(process.pid)[1:], _trusting(folder))
            finally:
                process.terminate()


def _certify(folder: Path) -> None:
    """As Let's Encrypt makes them now: ECDSA on P-256."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command, *files, "-days", "2", "-subj", "/CN=bench"], check=True, capture_output=True)


def _trusting(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    context.check_hostname = False
    return context
