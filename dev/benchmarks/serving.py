"""A server to be measured, people signed in to it, and the bytes of requests."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import msgspec

from banyan.app.server import listen
from banyan.app.settings import Settings
from banyan.app.wiring import Platform
from banyan.features.accounts.models import Account, Client, Role


@contextmanager
def serving(settings: Settings, target: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A `serve --target ...` process on the first core, and its port; this process takes the other cores."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    cores = sorted(os.sched_getaffinity(0))
    auth = settings.auth
    environment = os.environ | {
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "BANYAN_AUTH__SIGNING_KEY": auth.signing_key.get_secret_value() if auth.signing_key else "",
        "BANYAN_AUTH__SECRET": auth.secret.get_secret_value() if auth.secret else "",
        "BANYAN_LIMITS__ENABLED": "false",
    }
    command = [sys.executable, "-m", "banyan", "serve", "--target", target, "--port", str(port)]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            os.sched_setaffinity(process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            yield process, port
        finally:
            os.sched_setaffinity(0, cores)
            process.send_signal(signal.SIGINT)


async def reachable(port: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers. Raises SystemExit when it has ended."""
    while process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("banyan serve ended at its start")


async def sign_in(platform: Platform, people: Sequence[UUID]) -> list[str]:
    """An access token for each of these people."""
    tokens = []
    for person in people:
        account = Account(id=person, email="", handle="bench", display_name="", email_verified=True, role=Role.MEMBER)
        async with platform.pool.work() as work:
            opened = await platform.features.sessions.open_session(work, account, Client("127.0.0.1", "", "bench"))
        tokens.append(opened.access_token)
    return tokens


def get(path: str, token: str | None, *, compressed: bool = False) -> bytes:
    """The bytes of a GET."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    accepted = "Accept-Encoding: gzip\r\n" if compressed else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{authorization}{accepted}\r\n".encode()


def post(path: str, value: object, token: str | None = None) -> bytes:
    """The bytes of a POST of JSON."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    body = msgspec.json.encode(value)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def publish(number: int, token: str) -> bytes:
    """The bytes of a new public post."""
    return post("/v1/posts", {"body": f"Bench post {number}: who has a ladder to lend?", "audience": "public"}, token)


def progress(words: str) -> None:
    """To the terminal, beside the figures."""
    print(f"{words} ...", file=sys.stderr, flush=True)
