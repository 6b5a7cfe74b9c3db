"""What commands that run a process share: the event loop, errors in words, progress on stderr."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer
import uvloop
from rich.console import Console

from banyan.app.modules import BadTarget
from banyan.app.server import CannotListen
from banyan.infra.auth.errors import BadKeyFile
from banyan.infra.database.migrate import MigrationError
from banyan.infra.settings import BadSettings
from banyan.kernel.errors import Unavailable
from banyan.ops.errors import OpsError

# Errors whose words tell an operator what would be right; anything else is a bug and shows its trace.
_EXPLAINED = (BadSettings, BadTarget, BadKeyFile, CannotListen, MigrationError, OpsError, Unavailable)

console = Console(stderr=True, highlight=False)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a command's coroutine to its end; an expected error becomes one line on stderr and status 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    except _EXPLAINED as error:
        console.print(f"[bold red]banyan:[/] {getattr(error, 'detail', None) or error}", soft_wrap=True)
        raise typer.Exit(1) from None


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


def print_line(text: str) -> None:
    """One line for a script, on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
