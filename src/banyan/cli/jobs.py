"""`banyan jobs`: what waits, runs or has been given up, and what to do about it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar, cast
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from banyan.cli.options import HERE, Data, Output, Url, database_url, open_pool, shell_actor
from banyan.cli.output import Format, print_answer, print_json, print_table, refuse
from banyan.cli.process import run
from banyan.infra.database.work import Work
from banyan.infra.jobs import operations
from banyan.infra.jobs import operator_queries as queries
from banyan.infra.jobs.errors import JobNotFound
from banyan.infra.jobs.operator_queries import JobView

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="List, show, retry and drop background jobs.",
)

T = TypeVar("T")


class Shown(StrEnum):
    """Which jobs a list holds."""

    all = "all"
    waiting = "waiting"
    running = "running"
    dead = "dead"


SomeIds = Annotated[list[UUID] | None, typer.Argument(help="Ids of jobs, as `list` shows them.")]
AllDead = Annotated[bool, typer.Option("--all-dead", help="All that were given up.")]


@app.command("list")
def list_command(
    state: Annotated[Shown, typer.Option(help="Only jobs in this state.")] = Shown.all,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """List jobs, newest first, without their payloads."""
    wanted = None if state is Shown.all else cast(queries.State, state.value)
    jobs = _query(data, url, lambda work: queries.list_jobs(work, state=wanted, kind=kind, limit=limit))
    if format is Format.json:
        print_json(jobs)
    else:
        _print_list(jobs)


@app.command("show")
def show_command(
    id: Annotated[UUID, typer.Argument(help="Id of a job, as `list` shows it.")],
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Show one job: its payload may hold what people wrote; of a mail, recipient and subject."""
    try:
        job = _query(data, url, lambda work: operations.get_job(work, shell_actor(), id))
    except JobNotFound:
        refuse(f"there is no job {id}: it is done, or was dropped.")
    if format is Format.json:
        print_json(job)
    else:
        _print_job(job)


@app.command("retry")
def retry_command(
    ids: SomeIds = None,
    all_dead: AllDead = False,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Let dead or waiting jobs run now, with all their tries again."""
    chosen = _chosen(ids, all_dead)
    actor = shell_actor()

    def change(work: Work) -> Awaitable[list[UUID]]:
        if chosen is None:
            return operations.retry_all_dead(work, actor)
        return operations.retry_jobs(work, actor, chosen)

    _report(_query(data, url, change), chosen, "will run again", format)


@app.command("drop")
def drop_command(
    ids: SomeIds = None,
    all_dead: AllDead = False,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Delete dead or waiting jobs for good: what they were to do will not happen."""
    chosen = _chosen(ids, all_dead)
    actor = shell_actor()

    def change(work: Work) -> Awaitable[list[UUID]]:
        if chosen is None:
            return operations.drop_all_dead(work, actor)
        return operations.drop_jobs(work, actor, chosen)

    _report(_query(data, url, change), chosen, "dropped", format)


def _query(data: Path, url: str | None, question: Callable[[Work], Awaitable[T]]) -> T:
    """One transaction in the installation's database."""

    async def ask() -> T:
        async with open_pool(database_url(data, url)) as pool, pool.work() as work:
            return await question(work)

    return run(ask())


def _chosen(ids: list[UUID] | None, all_dead: bool) -> list[UUID] | None:
    """The named ids, or None for all dead ones."""
    if bool(ids) == all_dead:
        raise typer.BadParameter("name jobs by their ids, or give --all-dead")
    return None if all_dead else ids


def _report(done: list[UUID], chosen: list[UUID] | None, words: str, format: Format) -> None:
    """Status 1 when some of the named jobs could not be found, or run just now."""
    print_answer(done, f"{len(done)} job{'' if len(done) == 1 else 's'} {words}", format)
    missing = [str(id) for id in chosen or () if id not in done]
    if missing:
        refuse(f"not there, or running just now: {', '.join(missing)}")


def _print_list(jobs: list[JobView]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("ID", "KIND", "STATE", "TRIES", "RUN AT", "LAST ERROR"):
        table.add_column(column, no_wrap=column in ("ID", "STATE", "RUN AT"), overflow="fold")
    for job in jobs:
        table.add_row(
            str(job.id),
            job.kind,
            job.state,
            str(job.attempts),
            f"{job.run_at:%Y-%m-%d %H:%M:%S}",
            # Not markup, whatever an error says.
            Text(job.last_error or ""),
        )
    print_table(table)


def _print_job(job: JobView) -> None:
    table = Table.grid(padding=(0, 2))
    for name in job.__struct_fields__:
        value = getattr(job, name)
        text = bytes(value).decode() if name == "payload" else "" if value is None else str(value)
        table.add_row(name, Text(text))
    print_table(table)
