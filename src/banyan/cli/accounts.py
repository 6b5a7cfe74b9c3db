"""`banyan accounts import`: take over the accounts of another system."""

from pathlib import Path
from typing import Annotated

import typer

from banyan.app.account_import import ImportReport, count_import_lines, import_accounts
from banyan.cli.options import HERE, Data, Output, Url, database_url, open_pool
from banyan.cli.output import Format, console, print_json, print_line
from banyan.cli.process import run
from banyan.demo.progress import ProgressLog

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Take over accounts of another system.",
)

_SHOWN = 50


@app.callback()
def accounts() -> None:
    """Makes `import` a command of its own: with only one, Typer would leave its name out."""


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="CSV with a first line of column names, or JSON lines.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    data: Data = HERE,
    url: Url = None,
    format: Output = Format.table,
) -> None:
    """Import accounts with their bcrypt or argon2 password hashes, while the server runs or not.

    Columns: email, handle, display_name, and if there are any password_hash, email_verified, role, created_at,
    language. Good lines go in; the others are listed with what would be right, and the status is then 1. Run it again
    after a kill, or with the mended file: what is there already stays as it is.
    """
    report = run(_import(file, dry_run, data, url, format))
    if format is Format.json:
        print_json(report)
    else:
        _print(report)
    if report.refused:
        raise typer.Exit(1)


async def _import(file: Path, dry_run: bool, data: Path, url: str | None, format: Format) -> ImportReport:
    url = database_url(data, url)
    total = count_import_lines(file)
    async with open_pool(url) as pool:
        log = ProgressLog(console, plain=format is Format.json)
        with log.step("Accounts", "lines", 0, total) as advance:
            return await import_accounts(pool, file, advance, dry_run=dry_run)


def _print(report: ImportReport) -> None:
    for refused in report.refused[:_SHOWN]:
        place = f"{refused.field}: " if refused.field else ""
        console.print(f"line {refused.line}: {place}{refused.detail}", soft_wrap=True, markup=False)
    if len(report.refused) > _SHOWN:
        console.print(f"and {len(report.refused) - _SHOWN:,} more; --format json lists all")
    verb = "would be made" if report.dry_run else "made"
    print_line(f"{report.made:,} {verb}, {report.there:,} there already, {len(report.refused):,} refused")
