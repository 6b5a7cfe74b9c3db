"""What commands that run a process share: the event loop, errors in words, progress on stderr."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvloop

from banyan.app.server import CannotListen, stopping_on_signals
from banyan.app.targets import BadTarget
from banyan.cli.output import console, refuse
from banyan.infra.database.migrate import MigrationError
from banyan.infra.log import LogSettings, LogStream, configure_logs
from banyan.infra.ratelimit import LimitsSettings
from banyan.infra.settings import BadSettings
from banyan.kernel.errors import Unavailable
from banyan.ops.errors import OpsError

T = TypeVar("T")

# Errors whose words tell an operator what would be right; anything else is a bug and shows its trace.
_EXPLAINED = (BadSettings, BadTarget, CannotListen, MigrationError, OpsError, Unavailable)

# The status of a shell command that Ctrl-C ended: 128 + SIGINT.
STOPPED = 130

_ANY_HOST = ("0.0.0.0", "::", "")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What a command's coroutine returns at its end; an expected error becomes one line on stderr and status 1.

    SIGINT and SIGTERM cancel what has no better answer to them (starting, migrating), with status 130. Unless the
    command says otherwise only warnings are logged, and to stderr: stdout is for the answer.
    """
    configure_logs(LogSettings(level="warning", format="console"), LogStream.to_stderr())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_until_stopped(main))
    except _EXPLAINED as error:
        refuse(_words(error))
    except asyncio.CancelledError:
        refuse("stopped before it was done", STOPPED)


async def _until_stopped(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(main)

    def stop() -> None:
        task.cancel()

    with stopping_on_signals(stop):
        try:
            return await task
        finally:
            # A thread may be in the middle of something, such as initdb: a second signal must not cut that off.
            await asyncio.get_running_loop().shutdown_default_executor()


def _words(error: BaseException) -> str:
    """What is wrong and what would be right."""
    title, detail = getattr(error, "title", ""), getattr(error, "detail", None) or str(error)
    if isinstance(error, OpsError):
        return f"{title}. {detail}"
    return detail or title


def host_in_url(host: str) -> str:
    """An address of IPv6 stands in brackets there (RFC 3986)."""
    return f"[{host}]" if ":" in host else host


def site_host(host: str) -> str:
    """What stands for `host` in links: an address that means all of this machine's is none that anybody can ask."""
    return "localhost" if host in _ANY_HOST else host_in_url(host)


def warn_if_unlimited(limits: LimitsSettings) -> None:
    """Says so where rate limits are off."""
    if not limits.enabled:
        console.print("[yellow]Rate limits are off (BANYAN_LIMITS__ENABLED=false): for benchmarks only.[/]")


@contextmanager
def step(words: str) -> Iterator[None]:
    """Shows on stderr what is being done, and how long it took."""
    started = time.monotonic()
    if console.is_terminal:
        with console.status(words + " …"):
            yield
    else:
        yield
    took = time.monotonic() - started
    console.print(f"[green]✓[/] {words} [dim]({took:.1f} s)[/]" if console.is_terminal else f"{words}: {took:.1f} s")
