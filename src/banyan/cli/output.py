"""How commands answer: tables and messages for people, lines for scripts. Light, so that an answer is there at once."""

import sys
from enum import StrEnum

from rich.console import Console


class Format(StrEnum):
    """How a command prints its answer: for people, or one line for scripts."""

    table = "table"
    json = "json"


# Messages go to stderr: stdout is for the answer.
console = Console(stderr=True, highlight=False)


def print_line(text: str) -> None:
    """One line for a script, on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
