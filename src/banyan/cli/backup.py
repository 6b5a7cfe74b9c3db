"""`banyan backup`: take a backup while serving, check one, restore one."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from banyan.app.plugins import load_plugins, migration_sources
from banyan.app.settings import DATABASE_VARIABLE, find_database_url, find_plugins_settings
from banyan.cli.options import HERE, Data, Output, Url
from banyan.cli.output import Format, console, print_json
from banyan.cli.process import run
from banyan.infra.database.migrate import Source, newest
from banyan.infra.settings import BadSettings
from banyan.ops.backup.create import Backup, create_backup
from banyan.ops.backup.rehearse import Rehearsal, rehearse_restore
from banyan.ops.backup.restore import check_backup, restore_into_database, restore_into_directory
from banyan.ops.datadir import DataDirectory
from banyan.ops.placement import find_home
from banyan.ops.postgres import EmbeddedPostgres, running_dsn

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Take, check and restore backups of database and files.",
)

File = Annotated[Path, typer.Argument(help="A backup, as `create` made it.")]


class Checked(Struct, frozen=True):
    """A backup that is whole; RPO and RTO only of one that was restored on trial."""

    backup: Backup
    restored: bool
    rpo_seconds: float | None
    rto_seconds: float | None
    audit_entries: int | None


@app.command("create")
def create_command(
    to: Annotated[Path, typer.Option(help="Directory that the new file is put in.")] = Path("banyan-backups"),
    data: Data = HERE,
    database_url: Url = None,
    format: Output = Format.table,
) -> None:
    """Back up the database and the files of the data directory, as one snapshot, while the installation serves.

    The file holds the installation's secrets: keep it where only you can read it, and on another machine.
    """
    run(_create(to.expanduser().absolute(), data, database_url, format))


@app.command("verify")
def verify_command(
    file: File,
    restore: Annotated[bool, typer.Option("--restore", help="Restore it on trial, into a temporary database.")] = False,
    format: Output = Format.table,
) -> None:
    """Check that a backup is whole; with --restore also that it works, how old it is and how long a restore takes."""
    run(_verify(file, restore, format))


@app.command("restore")
def restore_command(
    file: File,
    data: Annotated[
        Path | None, typer.Option(help="Directory to make the installation in: empty, or not there yet.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="An empty database, instead of an embedded one in --data.")
    ] = None,
    format: Output = Format.table,
) -> None:
    """Make an installation of a backup. Nothing is changed unless all of it works."""
    url = database_url or os.environ.get(DATABASE_VARIABLE)
    if data is None and url is None:
        raise typer.BadParameter("say where to: --data DIRECTORY, --database-url URL, or both")
    run(_restore(file, data, url, format))


async def _create(to: Path, data: Path, database_url: str | None, format: Format) -> None:
    directory = DataDirectory(data)
    has_files = (directory.path / "lock").exists()
    async with _database(directory, database_url) as url:
        with _progress(format) as report:
            backup = await create_backup(
                url, directory.path if has_files else None, to, lambda words, count: report(words, count, 0)
            )
    if not has_files:
        console.print(
            "[yellow]Without files: there is no data directory here. Keep the secrets of your settings too.[/]"
        )
    _print(backup, [*_rows(backup), ("Took", f"{backup.seconds:.1f} s")], format)


async def _verify(file: Path, restore: bool, format: Format) -> None:
    began = time.monotonic()
    sources = _sources()
    rehearsal: Rehearsal | None = None
    with _progress(format) as report:
        if restore:
            rehearsal = await rehearse_restore(file, sources, _known(sources), report=report)
            backup = rehearsal.backup
        else:
            manifest = check_backup(file, _known(sources), report)
            backup = Backup.of(file, manifest, began)
    checked = Checked(
        backup,
        restore,
        rehearsal.rpo_seconds if rehearsal else None,
        rehearsal.rto_seconds if rehearsal else None,
        rehearsal.audit_entries if rehearsal else None,
    )
    rows = [("Whole", "yes, every checksum is right"), *_rows(backup)]
    if rehearsal:
        rows += [
            ("Restored", "yes, every table has the rows that it had"),
            ("RPO", f"{_duration(rehearsal.rpo_seconds)} of changes would be lost if all else were lost now"),
            ("RTO", f"{_duration(rehearsal.rto_seconds)} from this file to a database that answers"),
        ]
    _print(checked, rows, format)


async def _restore(file: Path, data: Path | None, url: str | None, format: Format) -> None:
    known = _known(_sources())
    with _progress(format) as report:
        if data is None:
            assert url is not None
            backup = await restore_into_database(file, url, known, report=report)
        else:
            place = DataDirectory(data).path
            backup = await restore_into_directory(file, place, known, url=url, report=report)
    if data is None:
        console.print("[yellow]Only the database was restored: the files are put where --data says.[/]")
    start = "banyan migrate, and start your processes" if url else f"banyan up --data {data}"
    _print(backup, [*_rows(backup), ("Took", f"{backup.seconds:.1f} s"), ("Next", start)], format)


@asynccontextmanager
async def _database(directory: DataDirectory, database_url: str | None) -> AsyncIterator[str]:
    """The URL of the installation's database; an embedded one that does not run is started for this."""
    url = database_url or find_database_url(directory.path) or running_dsn(directory.path)
    if url is not None:
        yield url
    elif find_home(directory) is not None:
        async with await EmbeddedPostgres.open(directory) as postgres:
            yield postgres.dsn
    else:
        raise BadSettings(
            f"No database: {directory.path} is no installation. Name its directory with --data, or a database with "
            "--database-url."
        )


def _sources() -> list[Source]:
    """The migrations of Banyan and of the plug-ins that the environment names."""
    return migration_sources(load_plugins(find_plugins_settings(None)))


def _known(sources: Sequence[Source]) -> dict[str, int]:
    """The newest migration of each package that this program knows."""
    return {source.package: newest(source) for source in sources}


def _rows(backup: Backup) -> list[tuple[str, str]]:
    migrations = ", ".join(f"{package} {number:04d}" for package, number in backup.migrations.items())
    return [
        ("File", backup.file),
        ("Size", f"{backup.bytes / 2**20:,.1f} MiB"),
        ("Made", f"{backup.made_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Versions", f"Banyan {backup.banyan}, PostgreSQL {backup.postgresql}, migrations {migrations}"),
        ("Holds", f"{backup.rows:,} rows in {backup.tables} tables, {backup.files} files"),
    ]


def _print(answer: Struct, rows: list[tuple[str, str]], format: Format) -> None:
    if format is Format.json:
        print_json(answer)
        return
    table = Table.grid(padding=(0, 2))
    for name, words in rows:
        table.add_row(f"[dim]{name}[/]", words)
    Console(highlight=False, soft_wrap=True).print(table)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@contextmanager
def _progress(format: Format) -> Iterator[Callable[[str, int, int], None]]:
    """Shows on a terminal what is being done and how far it is."""
    if format is Format.json or not console.is_terminal:
        yield lambda words, count, total: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Starting", total=None)

        def report(words: str, count: int, total: int) -> None:
            progress.update(task, description=words, completed=count, total=total or None)

        yield report
