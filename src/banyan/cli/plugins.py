"""`banyan plugins`: which plug-ins would run, and whether a folder keeps the contract."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from banyan.app.plugins import load_plugins, migration_sources
from banyan.app.settings import find_plugins_settings
from banyan.cli.options import HERE, Output
from banyan.cli.output import Format, print_json, print_line, refuse
from banyan.infra.database.migrate import MigrationError, newest
from banyan.infra.settings import BadSettings
from banyan.plugin.contract import complaints

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="List the plug-ins of an installation, and hold one to the contract.",
)


@app.command("list")
def list_plugins(
    data: Annotated[Path, typer.Option(help="Directory of the installation.")] = HERE,
    format: Output = Format.table,
) -> None:
    """Show the plug-ins that this installation's settings ask for. Status 1 when one cannot be used."""
    try:
        loaded = load_plugins(find_plugins_settings(data))
        numbers = {source.package: newest(source) for source in migration_sources(loaded)}
    except (BadSettings, MigrationError) as error:
        refuse(str(error))
    rows = [
        {
            "name": one.plugin.name,
            "version": one.plugin.version,
            "origin": one.origin,
            "newest_migration": numbers.get(one.plugin.name),
        }
        for one in loaded
    ]
    if format is Format.json:
        print_json(rows)
        return
    table = Table("Name", "Version", "From", "Migrations up to")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(highlight=False).print(table if rows else "No plug-ins.")


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="The package that has plugin.py.")]) -> None:
    """Hold a plug-in's folder to the contract: imports, SQL, names of tables. Status 1 when it breaks it."""
    found = list(complaints(folder.resolve()))
    for line in found:
        print_line(line)
    if not found:
        print_line(f"{folder.resolve().name} keeps the contract")
    raise typer.Exit(1 if found else 0)
