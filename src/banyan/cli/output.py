"""How commands answer: tables and messages for people, lines for scripts. Light, so that an answer is there at once."""

import sys
from enum import StrEnum
from typing import NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Format(StrEnum):
    """How a command prints its answer: for people, or one line for scripts."""

    table = "table"
    json = "json"


# Messages go to stderr: stdout is for the answer.
console = Console(stderr=True, highlight=False)

_PIPE_COLUMNS = 1_000


def print_line(text: str) -> None:
    """One line for a script, on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(facts: object) -> None:
    """The answer as one line of JSON."""
    print_line(msgspec.json.encode(facts).decode())


def print_answer(facts: object, words: str, format: Format) -> None:
    """One line: the facts for scripts, or words for people."""
    if format is Format.json:
        print_json(facts)
    else:
        print_line(words)


def print_table(table: Table) -> None:
    """In a pipe nobody asked for 80 columns: one line per row there, for grep."""
    screen = Console()
    (screen if screen.is_terminal else Console(width=_PIPE_COLUMNS)).print(table)


def duration(seconds: float) -> str:
    """In its two largest units: nobody reads 1,234,567 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counted = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    largest = next((place for place, (count, _) in enumerate(counted) if count), len(counted) - 1)
    return " ".join(f"{count} {unit}" for count, unit in counted[largest : largest + 2])


def refuse(words: str, status: int = 1) -> NoReturn:
    """Says what is wrong and what would be right, and ends the command with that status."""
    console.print(f"[bold red]banyan:[/] {escape(words)}", soft_wrap=True)
    raise typer.Exit(status)
