"""How a build shows what it does, on stderr: a bar for people at a terminal, plain lines for everything else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_LINE_EVERY_SECONDS = 5.0

# Called with how many are there by now.
Advance = Callable[[int], None]


class ProgressLog:
    """Shows one step at a time."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self._plain = plain or not console.is_terminal

    @contextmanager
    def step(self, title: str, unit: str, done: int, total: int) -> Iterator[Advance]:
        """A step of which `done` of `total` are there already."""
        if self._plain:
            with self._lines(title, unit, done, total) as advance:
                yield advance
        else:
            with self._bar(title, unit, done, total) as advance:
                yield advance

    def note(self, text: str) -> None:
        """One line beside the steps."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def _bar(self, title: str, unit: str, done: int, total: int) -> Iterator[Advance]:
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            TaskProgressColumn(),
            RateColumn(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(title, total=total, completed=done)
            yield lambda reached: bar.update(task, completed=reached)

    @contextmanager
    def _lines(self, title: str, unit: str, done: int, total: int) -> Iterator[Advance]:
        started = last = time.monotonic()

        def advance(reached: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY_SECONDS:
                last = time.monotonic()
                self.note(f"{title}: {reached:,} of {total:,} {unit}")

        yield advance
        took = time.monotonic() - started
        rate = f" ({_per_second(total - done, took)})" if total > 1 else ""
        self.note(f"{title}: {total:,} {unit} in {took:.1f} s{rate}")


class RateColumn(ProgressColumn):
    """How many units a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        if task.total == 1:
            return Text()
        speed = task.finished_speed or task.speed or 0.0
        return Text(f"{speed:,.0f} {self._unit}/s", style="progress.data.speed")


def _per_second(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-3):,.0f} per second"
