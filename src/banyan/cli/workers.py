"""Several processes on one port: the kernel shares connections out among those that listen (SO_REUSEPORT)."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import typer

from banyan.app.server import bind, stopping_on_signals
from banyan.cli.output import console

# One that ends so soon never served: starting it again would change nothing.
_TOO_SOON_SECONDS = 5.0
_RESTART_SECONDS = 1.0


async def run_workers(count: int, target: str, host: str, port: int | None) -> None:
    """Runs `count` processes of `banyan serve` until a signal; one that dies is started again. Without a port they do
    not listen.

    Raises CannotListen, typer.Exit when one cannot even start.
    """
    arguments = ["serve", "--target", target, "--shared"]
    with ExitStack() as stack:
        if port is not None:
            # Holds the port (0 takes a free one) but does not listen, so no connection ends here.
            holder = stack.enter_context(bind(host, port, shared=True))
            arguments += ["--host", host, "--port", str(holder.getsockname()[1])]
        crew = _Crew(arguments)
        with stopping_on_signals(crew.stop):
            await asyncio.gather(*(crew.keep_running() for _ in range(count)))
    if crew.failed_status:
        raise typer.Exit(crew.failed_status)


class _Crew:
    """The processes at work."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._running: set[Process] = set()
        self._stopping = asyncio.Event()
        self.failed_status = 0

    def stop(self) -> None:
        """Asks all to end; again, to end at once."""
        self._stopping.set()
        for process in self._running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    async def keep_running(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            # Its standard input ends when this process does, however that comes about.
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", "banyan", *self._arguments, stdin=PIPE)
            self._running.add(process)
            if self._stopping.is_set():
                self.stop()
            status = await process.wait()
            self._running.discard(process)
            if self._stopping.is_set():
                return
            if status > 0 and time.monotonic() - started < _TOO_SOON_SECONDS:
                self.failed_status = status
                self.stop()
                return
            console.print(f"[yellow]A worker process ended with status {status}; another one takes its place.[/]")
            await asyncio.sleep(_RESTART_SECONDS)


async def leave_with_parent() -> None:
    """In a worker process: ends it, as SIGTERM would, when the process that started it is gone."""
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(_Parent, os.fdopen(0, "rb", buffering=0, closefd=False))


class _Parent(asyncio.Protocol):
    """The other end of standard input."""

    def connection_lost(self, exc: Exception | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
