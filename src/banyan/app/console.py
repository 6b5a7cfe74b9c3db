"""The platform for commands of the shell: its rules on the installation's database, without serving anybody."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from banyan.app.settings import Settings, load_settings, names_secret
from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.features.accounts.service.administration import Administration
from banyan.infra.auth.digests import make_secret
from banyan.infra.auth.keys import make_signing_key
from banyan.infra.log import LogStream

# The command line knows a feature's models, and of its rules those that it is given here.
__all__ = ["Administration", "console_settings", "has_secret", "open_console"]


@asynccontextmanager
async def open_console(url: str, data: Path, public_url: str | None) -> AsyncIterator[Platform]:
    """What is announced in its transactions reaches running servers through the database, within a second.

    Raises BadSettings, DatabaseUnavailable.
    """
    settings = console_settings(url, data, public_url)
    async with open_platform(settings, Targets.read("api"), LogStream(io.BytesIO())) as platform:
        yield platform


def console_settings(url: str, data: Path, public_url: str | None) -> Settings:
    """The installation's settings, with one connection to the database at `url`. Raises BadSettings."""
    settings = load_settings(data, _defaults(url, data, public_url))
    database = settings.database.model_copy(update={"url": SecretStr(url), "pool_size": 1})
    return settings.model_copy(update={"database": database})


def has_secret(data: Path) -> bool:
    """Whether the installation's secret is in reach: e-mail addresses that failed to sign in are known by it alone."""
    return names_secret(data) or _read_secret(data, "secret") is not None


def _defaults(url: str, data: Path, public_url: str | None) -> dict[str, dict[str, Any]]:
    """As `up` has them. Secrets that are not in reach are made up: the console signs nothing that is ever shown."""
    return {
        "database": {"url": url},
        "http": {"public_url": public_url},
        "auth": {
            "signing_key": _read_secret(data, "signing-key") or make_signing_key(),
            "secret": _read_secret(data, "secret") or make_secret(),
        },
    }


def _read_secret(data: Path, name: str) -> str | None:
    try:
        return (data / "secrets" / name).read_text(encoding="utf-8")
    except OSError:
        return None
