"""`banyan up`: everything in one process, on an embedded PostgreSQL unless another one is named."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from banyan import __version__
from banyan.app.loading import load
from banyan.app.modules import running
from banyan.app.plugins import load_plugins, migration_sources
from banyan.app.server import listen, serve
from banyan.app.settings import Settings, find_database_url, load_settings
from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.cli.options import HERE
from banyan.cli.output import Format, console, print_json, print_line
from banyan.cli.process import run, site_host, step, warn_if_unlimited
from banyan.demo.queries import find_build
from banyan.demo.size import CommunitySize
from banyan.infra.attributes.indexes import make_indexes
from banyan.infra.auth.keys import make_signing_key
from banyan.infra.database.migrate import migrate, newest
from banyan.infra.log import LogStream, configure_logs
from banyan.infra.push.keys import make_private_key
from banyan.ops.datadir import DataDirectory, write_durably
from banyan.ops.postgres import EmbeddedPostgres

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

# 96 random bits: short enough to type.
_DEMO_PASSWORD_BYTES = 12
_DEMO = CommunitySize()


class DemoAccount(Struct, frozen=True):
    """The one demo account that has a password."""

    email: str
    handle: str
    password: str


class Running(Struct, frozen=True):
    """What `up` prints once it serves; `first_admin_url` is null when there is an admin."""

    site_url: str
    app_url: str
    docs_url: str
    openapi_url: str
    metrics_url: str
    mailbox_url: str | None
    first_admin_url: str | None
    demo_account: DemoAccount | None
    data: str
    log: str
    pid: int
    version: str


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty installation with a demo community.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    data: Annotated[Path, typer.Option(help="Directory of the installation.")] = HERE,
    people: Annotated[int, typer.Option(min=2, max=1_000_000, help="People of the demo.")] = _DEMO.people,
    posts: Annotated[int, typer.Option(min=0, max=10_000_000, help="Posts of the demo.")] = _DEMO.posts,
    connections: Annotated[
        int, typer.Option(min=0, max=5_000, help="Connections each, on average.")
    ] = _DEMO.connections,
    # The database remembers it as a bigint.
    seed: Annotated[
        int, typer.Option(min=-(2**63), max=2**63 - 1, help="The same seed makes the same demo.")
    ] = _DEMO.seed,
    format: Annotated[Format, typer.Option(help="`json`: one line with all URLs, for scripts.")] = Format.table,
) -> None:
    """Run the platform: API, worker and scheduler in one process, until Ctrl-C."""
    size = CommunitySize(people=people, posts=posts, connections=connections, seed=seed)
    if not demo and size != _DEMO:
        console.print("[yellow]--people, --posts, --connections and --seed are for a demo: add --demo to have one.[/]")
    run(_up(DataDirectory(data), host, port, size if demo else None, format))


async def _up(directory: DataDirectory, host: str, port: int, demo: CommunitySize | None, format: Format) -> None:
    directory = DataDirectory.open(directory.path)
    directory.lock()
    listener = listen(host, port)
    base_url = _base_url(host, listener)
    async with _database(directory) as url:
        settings = load_settings(directory.path, _defaults(directory, url, base_url))
        log_path = directory.path / "banyan.log"
        log = LogStream.to_file(log_path)
        configure_logs(settings.log, log)
        with step("Database at this version"):
            await migrate(settings.database, migration_sources(load_plugins(settings.plugins)))
            await make_indexes(settings.database, settings.attributes.by_kind())
        async with open_platform(settings, Targets.read("all"), log) as platform:
            account = None
            if demo:
                account = await _build_demo(platform, directory, demo, plain=format is Format.json)
            else:
                await _warn_of_half_a_demo(platform)
            async with running(platform, platform.targets), _keeping_backups(settings, directory, url):
                facts = await _describe(platform, settings, directory, log_path, base_url, account)
                _remember(directory, base_url)
                await serve(
                    platform.asgi,
                    listener,
                    settings.http,
                    sockets=platform.sockets,
                    on_ready=lambda: _print(facts, settings, format),
                    on_stop=platform.stop,
                )


@asynccontextmanager
async def _database(directory: DataDirectory) -> AsyncIterator[str]:
    """The URL of the database: the one that settings name, else the embedded one, running."""
    named = find_database_url(directory.path)
    if named is not None:
        yield named
        return
    with step("PostgreSQL started"):
        postgres = await EmbeddedPostgres.open(directory)
    async with postgres:
        yield postgres.dsn


@asynccontextmanager
async def _keeping_backups(settings: Settings, directory: DataDirectory, url: str) -> AsyncIterator[None]:
    """Backups by the clock, where they are wanted."""
    if not settings.backup.every_hours:
        yield
        return
    known = {source.package: newest(source) for source in migration_sources(load_plugins(settings.plugins))}
    backups = load("banyan.ops.backup.keeping:KeptBackups")(settings.backup, url, directory.path, known)
    await backups.start()
    try:
        yield
    finally:
        await backups.stop()


def _defaults(directory: DataDirectory, url: str, base_url: str) -> dict[str, dict[str, object]]:
    """What an installation in one directory needs not be told: its secrets are made there at the first start."""
    return {
        "database": {"url": url},
        # Nobody else could take over what comes while it stops.
        "http": {"public_url": base_url, "linger_seconds": 0},
        "auth": {
            "signing_key": directory.secret("signing-key", make_signing_key),
            "secret": directory.secret("secret"),
        },
        "push": {"vapid_key": directory.secret("vapid-key", make_private_key)},
        "mail": {"mailbox_key": directory.secret("mailbox-key"), "templates_dir": str(directory.path)},
    }


def _base_url(host: str, listener: socket.socket) -> str:
    return f"http://{site_host(host)}:{listener.getsockname()[1]}"


async def _build_demo(platform: Platform, directory: DataDirectory, size: CommunitySize, *, plain: bool) -> DemoAccount:
    build = load("banyan.demo.build:build_demo")
    password = directory.secret("demo-password", lambda: secrets.token_urlsafe(_DEMO_PASSWORD_BYTES))
    email, handle = await build(platform, size, password, console, plain=plain)
    return DemoAccount(email, handle, password)


async def _warn_of_half_a_demo(platform: Platform) -> None:
    """Says so where a demo was begun and is not all there: what it lacks does not come by itself."""
    async with platform.pool.work() as work:
        build = await find_build(work)
    if build is not None and not build.is_finished:
        console.print(
            f"[yellow]A demo of {build.people:,} people was begun here and is not finished: some of it is missing. "
            "`banyan up --demo` finishes it; to do without it, delete the data directory or name another one.[/]",
            soft_wrap=True,
        )


async def _describe(
    platform: Platform,
    settings: Settings,
    directory: DataDirectory,
    log: Path,
    listens_at: str,
    account: DemoAccount | None,
) -> Running:
    base = (settings.http.public_url or "").rstrip("/")
    async with platform.pool.work() as work:
        first_admin_url = await platform.features.first_admin.make_link(work)
    mailbox = settings.mail.host is None and settings.mail.mailbox_key is not None
    return Running(
        site_url=f"{base}/",
        app_url=f"{base}/app",
        docs_url=f"{base}/docs",
        openapi_url=f"{base}/openapi.json",
        # Open to this machine: through a proxy it would be refused.
        metrics_url=f"{listens_at}/metrics",
        mailbox_url=f"{base}/dev/mailbox#key={directory.secret('mailbox-key')}" if mailbox else None,
        first_admin_url=first_admin_url,
        demo_account=account,
        data=str(directory.path),
        log=str(log),
        pid=os.getpid(),
        version=__version__,
    )


def _remember(directory: DataDirectory, listens_at: str) -> None:
    """Lets commands on this machine find this process, whatever its public address is; holds no secret."""
    write_durably(
        directory.path / "running.json",
        msgspec.json.encode({"pid": os.getpid(), "url": listens_at}).decode(),
    )


def _print(facts: Running, settings: Settings, format: Format) -> None:
    warn_if_unlimited(settings.limits)
    if format is Format.json:
        print_json(facts)
        return
    rows = [
        ("Site", facts.site_url),
        ("App", facts.app_url),
        ("API docs", facts.docs_url),
        ("Metrics", facts.metrics_url),
        ("Dev mailbox", facts.mailbox_url),
        ("Demo account", facts.demo_account and f"{facts.demo_account.email}  password {facts.demo_account.password}"),
        ("First admin", facts.first_admin_url and f"{facts.first_admin_url}  (works once)"),
        ("Data", facts.data),
        ("Log", facts.log),
    ]
    # Plain lines, however narrow the terminal: people copy these addresses.
    print_line(f"\nBanyan {facts.version} is running. Ctrl-C stops it.\n")
    for name, value in rows:
        if value:
            print_line(f"  {name:<14}{value}")
