"""The product as people run it: `banyan` commands in processes of their own, and `up` on one directory."""

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from banyan.app.targets import Targets
from banyan.cli.up import Running
from banyan.infra.auth.keys import make_signing_key
from banyan.ops.postgres import running_dsn

# A machine that runs much else may be fifty times slower than one at rest: this only ends what hangs.
PATIENCE_SECONDS = 300.0

# Quick on small machines; what a test measures it sets itself.
QUICK = {
    "BANYAN_LIMITS__ENABLED": "false",
    "BANYAN_AUTH__HASH_MEMORY_KIB": "8192",
    "BANYAN_AUTH__HASH_PASSES": "1",
}


class Child:
    """A `banyan` command with its output in files below `folder`; it ends with the process that started it."""

    def __init__(self, folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
        self.words = words
        self._stdout = _new_file(folder, "stdout")
        self._stderr = _new_file(folder, "stderr")
        # The shell that runs the tests may have a database of its own.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BANYAN_", "DATABASE_"))}
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "--", sys.executable, "-m", "banyan", *words],
                env={**inherited, **QUICK, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                # Not where an installation may lie by accident.
                cwd="/",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    async def said(self, pattern: str, *, on_stdout: bool = False) -> re.Match[str]:
        """The first match in what it prints. Fails when it ends without, or takes too long."""
        file = self._stdout if on_stdout else self._stderr
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, file.read_text())
            if found:
                return found
            assert not ended, f"{self} ended with {self.process.returncode}:\n{self.stdout}\n{self.stderr}"
            assert time.monotonic() < deadline, f"{self} has not said {pattern!r}:\n{self.stdout}\n{self.stderr}"
            await asyncio.sleep(0.01)

    async def ended(self, within_seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit status. Fails when it goes on for longer."""
        deadline = time.monotonic() + within_seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"{self} goes on after {within_seconds} s:\n{self.stderr}"
            await asyncio.sleep(0.01)
        return self.process.returncode

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it by SIGKILL, wherever it is."""
        self.process.kill()
        self.process.wait()

    def __str__(self) -> str:
        return f"banyan {' '.join(self.words)} (process {self.pid})"


async def run_banyan(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> Child:
    """A command that has run to its end."""
    child = Child(folder, *words, environment=environment)
    try:
        await child.ended()
    finally:
        child.kill()
    return child


class House:
    """`banyan up` on one directory, started again and again, always on the same port."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.port = find_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment or {}
        self._output = Path(tempfile.mkdtemp(prefix="output-", dir=directory.parent))
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        assert self._child is not None
        return self._child

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def facts(self) -> Running:
        """The line that `--format json` prints."""
        return msgspec.json.decode(self.child.stdout, type=Running)

    @property
    def postmaster(self) -> int | None:
        """Its process id as PostgreSQL notes it; None while it is not noted."""
        try:
            lines = (self.directory / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        return int(lines[0]) if lines and lines[0].isdigit() else None

    @property
    def database_url(self) -> str:
        """Raises LookupError while PostgreSQL does not run."""
        url = running_dsn(self.directory)
        if url is None:
            raise LookupError(f"no database runs for {self.directory}")
        return url

    def connected(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection to its database."""
        return connected(lambda: self.database_url)

    def begin(self, *options: str) -> None:
        """Starts the process without waiting for it."""
        words = ("up", "--data", str(self.directory), "--port", str(self.port), "--format", "json", *options)
        self._child = Child(self._output, *words, environment=self._environment)

    async def start(self, *options: str) -> None:
        """Returns once it serves."""
        self.begin(*options)
        await self.child.said(r"\n", on_stdout=True)

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """In order; the exit status."""
        self.child.send(number)
        return await self.child.ended()

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()


class Server:
    """One `banyan serve` process; `url` is empty for one that answers no requests."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    @property
    def pid(self) -> int:
        return self.child.pid


class Installation:
    """`banyan serve` processes that share a database and their secrets, as on several machines."""

    def __init__(self, folder: Path, database_url: str, environment: Mapping[str, str] | None = None) -> None:
        self.servers: list[Server] = []
        self._folder = folder
        signing_key = folder / "signing-key"
        signing_key.write_text(make_signing_key())
        self._environment = {
            "DATABASE_URL": database_url,
            "BANYAN_AUTH__SIGNING_KEY_FILE": str(signing_key),
            "BANYAN_AUTH__SECRET": "s" * 43,
            **(environment or {}),
        }

    async def start(self, target: str, *options: str, **environment: str) -> Server:
        """Returns once it answers."""
        words = ["serve", "--target", target, "--port", "0", *options]
        child = Child(self._folder, *words, environment=self._environment | environment)
        server = Server(child, "")
        self.servers.append(server)
        told = "Listening" if Targets.read(target).serves else "Running .*, health and metrics"
        server.url = (await child.said(rf"{told} on (http://\S+)"))[1]
        return server

    async def run(self, *words: str) -> Child:
        """Another command on the same database."""
        return await run_banyan(self._folder, *words, environment=self._environment)

    def kill(self) -> None:
        for server in self.servers:
            server.child.kill()


@asynccontextmanager
async def connected(find_url: Callable[[], str]) -> AsyncIterator[asyncpg.Connection]:
    """A connection, opened as soon as there is a server, and cut at the end: one left open holds up the loop's end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection = await asyncpg.connect(find_url(), timeout=10)
            break
        except (OSError, LookupError, TimeoutError, asyncpg.PostgresError):
            assert time.monotonic() < deadline, "no connection to the database"
            await asyncio.sleep(0.05)
    try:
        yield connection
    finally:
        connection.terminate()


def _ports() -> Iterator[int]:
    """This test process' share of the ports below those that the kernel gives out, from anywhere in it."""
    shares, share = (
        int(os.environ.get(f"PYTEST_XDIST_WORKER{name}", "1").removeprefix("gw")) for name in ("_COUNT", "")
    )
    ports = range(20_000 + share % shares, 32_000, shares)
    start = random.SystemRandom().randrange(len(ports))
    return itertools.cycle([*ports[start:], *ports[:start]])


_own_ports = _ports()


def find_port() -> int:
    """A free port that nobody else gets between two starts, and no other test has."""
    for port in _own_ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("not reached")


def _new_file(folder: Path, kind: str) -> Path:
    descriptor, path = tempfile.mkstemp(prefix=f"{kind}-", dir=folder)
    os.close(descriptor)
    return Path(path)
