"""`banyan migrate`: bring the database to this version, before code that needs it serves."""

from typing import Annotated

import typer
from pydantic import SecretStr

from banyan.app.plugins import load_plugins, migration_sources
from banyan.app.settings import find_attributes_settings, find_plugins_settings
from banyan.cli.options import named_database
from banyan.cli.output import print_line
from banyan.cli.process import run
from banyan.infra.attributes.indexes import make_indexes
from banyan.infra.database.migrate import find_pending
from banyan.infra.database.migrate import migrate as apply_migrations
from banyan.infra.database.settings import DatabaseSettings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only list what is missing; status 1 when anything is.")
    ] = False,
) -> None:
    """Apply what is missing, each migration in one transaction. Safe to repeat, and while the old version serves."""
    run(_migrate(check))


async def _migrate(check: bool) -> None:
    settings = DatabaseSettings(url=SecretStr(named_database()))
    sources = migration_sources(load_plugins(find_plugins_settings(None)))
    if check:
        missing = await find_pending(settings, sources)
        for migration in missing:
            print_line(migration.label)
        raise typer.Exit(1 if missing else 0)
    await apply_migrations(settings, sources, report=lambda migration: print_line(f"applying {migration.label}"))
    declared = find_attributes_settings(None).by_kind()
    await make_indexes(settings, declared, report=lambda index: print_line(f"making index {index}"))
