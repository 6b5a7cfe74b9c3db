"""Making a cluster with initdb, writing its settings, and making the one database in it."""

import pwd
import secrets
import shutil
from os import geteuid
from pathlib import Path

import asyncpg

from banyan.ops.binaries import Binaries
from banyan.ops.datadir import explained, sync_directory, write_durably
from banyan.ops.errors import from_server_output
from banyan.ops.placement import Home
from banyan.ops.processes import run
from banyan.ops.tuning import memory_bytes, settings_text

DATABASE = "banyan"
USER = "banyan"
SUPERUSER = "postgres"
PORT = 5432  # only a part of the socket's file name

_HBA = """\
# The kernel names the caller of a Unix socket, so no password exists that could leak: pg_ident.conf has the names.
local  all          all  peer  map=banyan
local  replication  all  peer  map=banyan
"""


def initialise(home: Home, binaries: Binaries) -> None:
    """Run initdb beside the final place and move the finished cluster there: all of it or nothing."""
    for unfinished in home.postgres.glob("data.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    fresh = home.postgres / f"data.new-{secrets.token_hex(4)}"
    with explained(fresh):
        fresh.mkdir(mode=0o700)
        home.own(fresh)
        try:
            _initdb(home, binaries, fresh)
            fresh.rename(home.data)
            sync_directory(home.postgres)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _initdb(home: Home, binaries: Binaries, fresh: Path) -> None:
    # The builtin provider sorts and compares alike on every machine; before 17, libc's C.UTF-8 does so on one.
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if binaries.major >= 17
        else ["--locale=C.UTF-8"]
    )
    options = ["--encoding=UTF8", "--data-checksums", "--auth=peer", "--no-instructions", f"--username={SUPERUSER}"]
    answer = run([binaries.program("initdb"), "-D", fresh, *options, *locale], account=home.account, cwd=home.postgres)
    if answer.code != 0:
        raise from_server_output(answer.output, home.postgres)


def write_settings(home: Home) -> None:
    """Write the three files that PostgreSQL reads at every start; they change with the machine and its users."""
    mode = 0o644 if home.account is not None else 0o600
    with explained(home.config):
        for name, text in (
            ("postgresql.conf", settings_text(memory_bytes())),
            ("pg_hba.conf", _HBA),
            ("pg_ident.conf", _ident(home)),
        ):
            path = home.config / name
            if not path.exists() or path.read_text() != text:
                write_durably(path, text, mode)


def _ident(home: Home) -> str:
    """Which users of the operating system may sign in: Banyan's own, the cluster's owner, and root."""
    callers = {"root", pwd.getpwuid(geteuid()).pw_name}
    if home.account is not None:
        callers.add(home.account.name)
    return "".join(f'banyan "{caller}" {name}\n' for caller in sorted(callers) for name in (USER, SUPERUSER))


async def ensure_database(home: Home, socket: Path) -> None:
    """Make the role and the database where they are missing.

    The platform signs in without superuser rights, so that a hole in it is none in the server; it may read the
    statistics and make scratch databases (a restore test needs one).
    """
    try:
        connection = await asyncpg.connect(host=str(socket), port=PORT, user=SUPERUSER, database="postgres", timeout=30)
        try:
            await _make_missing(connection)
        finally:
            await connection.close(timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise from_server_output(f"The database {DATABASE} could not be made: {error}", home.postgres) from None


async def _make_missing(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", USER):
        await connection.execute(f"CREATE ROLE {USER} LOGIN CREATEDB IN ROLE pg_monitor")
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
