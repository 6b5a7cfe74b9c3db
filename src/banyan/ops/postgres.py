"""The embedded PostgreSQL: initialised once, started, watched, restarted when it ends, stopped in order."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from banyan.ops import processes
from banyan.ops.binaries import Binaries, find_binaries, other_major_detail, usable_by
from banyan.ops.datadir import DataDirectory, Lock
from banyan.ops.errors import NotStarted, OpsError, WrongMajor, from_server_output
from banyan.ops.initialise import DATABASE, PORT, SUPERUSER, USER, ensure_database, initialise, write_settings
from banyan.ops.leftovers import clear_leftovers, read_pid_file
from banyan.ops.placement import (
    SHARED_BASE,
    ClusterRecord,
    Home,
    find_home,
    made_major,
    read_record,
    settle,
    write_record,
)
from banyan.ops.sockets import ensure_socket_directory, remove_socket_directory, socket_directory

_log = logging.getLogger("banyan.postgres")

# After a kill, PostgreSQL refuses to start as long as it sees a process or shared memory of the last run.
_ATTEMPTS = 7
_FIRST_RETRY_SECONDS = 0.1
_STILL_HELD = ("already exists", "is still in use", "is being used by")
# Crash recovery replays up to max_wal_size, on a slow disk for minutes.
_READY_SECONDS = 600.0
_FAST_STOP_SECONDS = 60.0
_QUICK_STOP_SECONDS = 5.0
_FIRST_RESTART_SECONDS = 0.05
# A start that fails costs a third of a CPU-second; a longer pause would only prolong the outage.
_LONGEST_RESTART_SECONDS = 5.0
_STEADY_SECONDS = 60.0
_TIDY_SECONDS = 3600.0
_LOG_FILES = 5
_TAIL_BYTES = 8192


class EmbeddedPostgres:
    """A running PostgreSQL that belongs to one data directory. Made by `open`, ended by `stop`.

    `restarts` counts how often it ended by itself and was started again. Its process is started by the calling
    thread, and the kernel stops it when that thread ends: call `open` in the main thread.
    """

    def __init__(self, home: Home, binaries: Binaries, socket: Path) -> None:
        self.binaries = binaries
        self.home = home
        self.socket_directory = socket
        self.restarts = 0
        self._locks = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._guard: list[str] = []

    @classmethod
    async def open(
        cls,
        data_directory: Path | DataDirectory,
        binaries: Binaries | None = None,
        *,
        supervise: bool = True,
        on_restart: Callable[[], None] | None = None,
        shared_base: Path = SHARED_BASE,
    ) -> Self:
        """Start the directory's PostgreSQL, after initialising it the first time, and answer when it takes work.

        Takes the directory's lock, unless the caller holds it. Without `supervise` nothing is bound to this event
        loop, and `stop` may run in another one. Raises an OpsError that says what would be right.
        """
        directory = data_directory if isinstance(data_directory, DataDirectory) else DataDirectory.open(data_directory)
        with contextlib.ExitStack() as locks:
            if not directory.locked:
                directory.lock()
                locks.callback(directory.unlock)
            home = settle(directory, shared_base)
            if home.place != directory.path:
                locks.callback(Lock(home.place).release)
            chosen = await asyncio.to_thread(_choose_binaries, home, binaries)
            await asyncio.to_thread(_prepare, directory, home, chosen)
            server = cls(home, chosen, socket_directory(home))
            await server._begin()
            server._locks = locks.pop_all()
        if supervise:
            server._watch = asyncio.create_task(server._supervise(on_restart), name="embedded PostgreSQL")
        return server

    @property
    def dsn(self) -> str:
        """The address of the database for asyncpg and psql: a Unix socket, no password."""
        return _dsn(self.socket_directory, USER, DATABASE)

    @property
    def superuser_dsn(self) -> str:
        """For what the platform's own role may not do, such as extensions that are not trusted."""
        return _dsn(self.socket_directory, SUPERUSER, DATABASE)

    @property
    def major(self) -> int:
        return self.binaries.major

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None while it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End all sessions, write a checkpoint, stop, and release the directory."""
        try:
            if self._watch is not None and not self._watch.done():
                self._watch.cancel()
                await asyncio.wait([self._watch])
            await self._end()
            remove_socket_directory(self.home, self.socket_directory)
        finally:
            self._locks.close()

    async def _begin(self) -> None:
        self._guard = processes.ends_with_parent()
        try:
            await self._start()
            await ensure_database(self.home, self.socket_directory)
        except BaseException:
            await self._end()
            raise

    async def _start(self) -> None:
        """Start the server and wait until it takes connections."""
        delay_seconds = _FIRST_RETRY_SECONDS
        for attempts_left in reversed(range(_ATTEMPTS)):
            await clear_leftovers(self.home, self.socket_directory)
            _delete_old_logs(self.home.logs)
            seen_bytes = _log_sizes(self.home)
            self._process = self._launch()
            if await self._ready(self._process):
                return
            words = _said_since(self.home, seen_bytes) or _status_text(self._process.returncode)
            if attempts_left == 0 or not any(sign in words for sign in _STILL_HELD):
                raise from_server_output(words, self.home.postgres)
            await asyncio.sleep(delay_seconds)
            delay_seconds *= 2

    def _launch(self) -> subprocess.Popen[bytes]:
        home = self.home
        ensure_socket_directory(home, self.socket_directory)
        settings = {
            "config_file": home.config / "postgresql.conf",
            "hba_file": home.config / "pg_hba.conf",
            "ident_file": home.config / "pg_ident.conf",
            "unix_socket_directories": self.socket_directory,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*self._guard, self.binaries.program("postgres"), "-D", home.data, *options]
        output = os.open(home.startup_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            return processes.start(command, account=home.account, cwd=home.postgres, output=output)
        finally:
            os.close(output)

    async def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the word that PostgreSQL writes into postmaster.pid; False when it ended instead."""
        began = time.monotonic()
        announce_after_seconds = 10.0
        while process.poll() is None:
            state = read_pid_file(self.home.data)
            if state is not None and state.ready and state.pid == process.pid:
                return True
            waited_seconds = time.monotonic() - began
            if waited_seconds > _READY_SECONDS:
                raise NotStarted(f"It is not ready after {waited_seconds:.0f} s; its log is in {self.home.logs}.")
            if waited_seconds > announce_after_seconds:
                _log.info("PostgreSQL is still starting (%.0f s), it may be recovering from a crash", waited_seconds)
                announce_after_seconds *= 2
            await asyncio.sleep(processes.POLL_SECONDS)
        return False

    async def _end(self) -> None:
        """Stop our process: first in order, then at once, then by force. Nothing committed is lost by any."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        for number, seconds in (
            (signal.SIGINT, _FAST_STOP_SECONDS),
            (signal.SIGQUIT, _QUICK_STOP_SECONDS),
            (signal.SIGKILL, _QUICK_STOP_SECONDS),
        ):
            process.send_signal(number)
            if await processes.ended(process, within_seconds=seconds):
                await processes.gone(self.home.data, within_seconds=2)  # its log writer ends after it
                return
            _log.warning("PostgreSQL did not stop within %.0f s of %s", seconds, number.name)

    async def _supervise(self, on_restart: Callable[[], None] | None) -> None:
        delay_seconds = _FIRST_RESTART_SECONDS
        while self._process is not None:
            began = time.monotonic()
            status = await self._end_of(self._process)
            _log.error("PostgreSQL ended by itself (%s): starting it again", _status_text(status))
            if time.monotonic() - began > _STEADY_SECONDS:
                delay_seconds = _FIRST_RESTART_SECONDS
            delay_seconds = await self._restart(delay_seconds)
            self.restarts += 1
            _log.warning("PostgreSQL runs again (process %s)", self.pid)
            if on_restart is not None:
                _tell(on_restart)

    async def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return await asyncio.wait_for(processes.end_of(process), _TIDY_SECONDS)
            except TimeoutError:
                _delete_old_logs(self.home.logs)

    async def _restart(self, delay_seconds: float) -> float:
        """Try until it runs; answers how long to wait should it end again soon."""
        while True:
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(delay_seconds * 2, _LONGEST_RESTART_SECONDS)
            try:
                await self._start()
                return delay_seconds
            except OpsError as error:
                _log.error("%s: %s Next try in %.1f s", error.title, error.detail, delay_seconds)
            except OSError as error:
                _log.error("PostgreSQL cannot be started: %s. Next try in %.1f s", error, delay_seconds)


def _tell(on_restart: Callable[[], None]) -> None:
    try:
        on_restart()
    except Exception:  # whatever the listener does, PostgreSQL stays watched
        _log.exception("The listener for restarts of PostgreSQL failed")


def running_dsn(data_directory: Path) -> str | None:
    """The address of the database that another process runs for this directory; None when none does."""
    home = find_home(DataDirectory(data_directory))
    state = None if home is None else read_pid_file(home.data)
    if home is None or state is None or not state.ready or state.pid not in processes.of_cluster(home.data):
        return None
    return _dsn(Path(state.socket), USER, DATABASE)


def _dsn(socket: Path, user: str, database: str) -> str:
    return f"postgresql://{user}@/{database}?host={socket}&port={PORT}"


def _choose_binaries(home: Home, binaries: Binaries | None) -> Binaries:
    major = made_major(home)
    chosen = binaries or find_binaries(major)
    if major is not None and chosen.major != major:
        raise WrongMajor(other_major_detail(major, [chosen]))
    return chosen if home.account is None else usable_by(chosen, home.account, home.place)


def _prepare(directory: DataDirectory, home: Home, binaries: Binaries) -> None:
    if made_major(home) is None:
        initialise(home, binaries)
    record = read_record(directory)
    if record is None or record.major is None:
        place = "." if home.place == directory.path else str(home.place)
        write_record(directory, ClusterRecord(place, binaries.major, binaries.version))
    write_settings(home)


def _delete_old_logs(logs: Path) -> None:
    for path in sorted(logs.glob("server-*.log"))[:-_LOG_FILES]:
        path.unlink(missing_ok=True)


def _log_sizes(home: Home) -> dict[Path, int]:
    return {path: path.stat().st_size for path in home.logs.glob("server-*.log")}


def _said_since(home: Home, seen_bytes: dict[Path, int]) -> str:
    """What a start that failed said: before its log files were open, and then in those."""
    files = [home.startup_log, *sorted(home.logs.glob("server-*.log"))]
    return "\n".join(filter(None, (_tail(path, seen_bytes.get(path, 0)) for path in files)))


def _tail(path: Path, after_byte: int) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        file.seek(max(after_byte, os.fstat(descriptor).st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")


def _status_text(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
