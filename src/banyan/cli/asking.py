"""How the commands of `banyan admin` ask an installation, and how they show what it answers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from banyan.app.console import open_console
from banyan.app.wiring import Platform
from banyan.cli.options import database_url, running_url, shell_actor
from banyan.cli.output import Format, print_json, print_table, refuse
from banyan.cli.process import run
from banyan.infra.database.work import Work
from banyan.kernel.errors import BanyanError
from banyan.kernel.pages import MAX_LIMIT, Page

T = TypeVar("T")

Many = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")]


class Place:
    """The installation that a command works on, and who works."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.rules = platform.features.administration
        self.webhooks = platform.features.webhooks.webhooks
        self.actor = shell_actor()


def ask(data: Path, url: str | None, question: Callable[[Place], Awaitable[T]]) -> T:
    """What the question answers; a refusal is said in words, with status 1."""

    async def answer() -> T:
        async with open_console(database_url(data, url), data, running_url(data)) as platform:
            return await question(Place(platform))

    try:
        return run(answer())
    except BanyanError as error:
        refuse(error.detail)


async def pages(place: Place, limit: int, page: Callable[[Work, int, str | None], Awaitable[Page[T]]]) -> list[T]:
    """The first `limit` items of a list, of which `page` reads so many from a cursor on."""
    found: list[T] = []
    cursor: str | None = None
    async with place.platform.pool.work() as work:
        while len(found) < limit:
            part = await page(work, min(MAX_LIMIT, limit - len(found)), cursor)
            found += part.items
            cursor = part.next_cursor
            if cursor is None:
                break
    return found


def report(facts: msgspec.Struct, format: Format) -> None:
    """One thing with all that is known of it."""
    if format is Format.json:
        print_json(facts)
        return
    table = Table.grid(padding=(0, 2))
    for name in facts.__struct_fields__:
        value = getattr(facts, name)
        table.add_row(name, Text(shown_time(value) if isinstance(value, datetime) else shown_value(value)))
    print_table(table)


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Not markup, whatever somebody calls themselves.
        table.add_row(*(Text(str(cell)) for cell in row))
    print_table(table)


def shown_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def shown_value(value: object) -> str:
    """Text as it is, nothing for None, all else as JSON."""
    return "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
