"""Options that several commands share, and what they mean."""

import json
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from banyan.app.settings import find_database_url
from banyan.cli.output import Format
from banyan.infra.audit.models import Actor
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.settings import BadSettings
from banyan.ops.postgres import running_dsn

HERE = Path("banyan-data")

Data = Annotated[Path, typer.Option(help="Directory of the installation that `up` runs.")]
Url = Annotated[
    str | None, typer.Option("--database-url", help="Another database: postgresql://user:password@host/name")
]
Output = Annotated[Format, typer.Option(help="`json`: one line, for scripts.")]


def database_url(data: Path, named: str | None) -> str:
    """The installation's database. Raises BadSettings where none runs."""
    url = named or find_database_url(data) or running_dsn(data)
    if url is None:
        raise BadSettings(
            f"No database: none runs for {data}. Start it with `banyan up --data {data}`, or name one with "
            "--database-url."
        )
    return url


def named_database() -> str:
    """The database that the settings name. Raises BadSettings where they name none."""
    url = find_database_url(None)
    if url is None:
        raise BadSettings("Name the database: DATABASE_URL=postgresql://user:password@host/name.")
    return url


@asynccontextmanager
async def open_pool(url: str) -> AsyncIterator[Pool]:
    """One connection to that database. Raises DatabaseUnavailable."""
    pool = await Pool.open(DatabaseSettings(url=SecretStr(url), pool_size=1))
    try:
        yield pool
    finally:
        await pool.close()


def shell_actor() -> Actor:
    """Whoever sits at the shell, for the audit log: the user's name, and who they were before sudo."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    before = os.environ.get("SUDO_USER")
    return Actor(via="shell", via_id=f"{before} as {user}" if before and before != user else user)


def running_url(data: Path) -> str | None:
    """Where the server of this directory last listened, on this machine."""
    try:
        return str(json.loads((data / "running.json").read_text())["url"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
