"""PostgreSQL, PgBouncer and Redis, started with their files."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from msgspec import structs
from pydantic import SecretStr

from banyan.infra.redis.connection import find_slots
from banyan.infra.redis.settings import RedisSettings
from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.render.everything import render_deployment
from tests.planner.render.described import replicated, single, split
from tests.support.banyan import find_port
from tests.support.postgres import Cluster

PATIENCE_SECONDS = 60.0


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that servers may enter that do not run as root."""
    path = Path(tempfile.mkdtemp(prefix="br-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def files_of(deployment: Deployment, part: str) -> Mapping[str, str]:
    """The files of a tool, by name."""
    found = render_deployment(deployment)
    return {Path(path).name: text for path, text in found.items() if f"/{part}/" in path}


def with_port(text: str, line: str, port: int) -> str:
    """The file with a free port, and for this machine alone."""
    assert re.search(f"^{line}", text, re.MULTILINE), line
    text = re.sub(f"^{line}.*$", f"{line}{port}", text, flags=re.MULTILINE)
    return text.replace(",10.0.0.11", "").replace(" 10.0.0.10", "").replace(", 10.0.0.11", "")


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", "--", *command], cwd="/")
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def soon(look: Callable[[], Any], *errors: type[Exception]) -> Any:
    """What `look` gives as soon as it does not raise one of `errors` any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return look()
        except errors:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("shape", [single, split])
async def test_postgresql_starts_and_pgbouncer_lends_its_connections(
    shape: Callable[[], Deployment], place: Path, postgres_major: int
) -> None:
    files = files_of(shape(), "postgresql")
    configuration = place / "postgresql.conf"
    configuration.write_text(files["postgresql.conf"])
    cluster, port = Cluster(postgres_major), find_port()
    try:
        configuration.chmod(0o644)
        # The tests' own server is reached by its socket, so the wheel's or Debian's users need no password to set one.
        cluster.start(configuration, listen_addresses="127.0.0.1", port=str(port), fsync="off")
        url = f"postgresql://banyan@/postgres?host={cluster.directory}&port={port}"
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SHOW jit") == "off"
        assert await connection.fetchval("SHOW shared_preload_libraries") == "pg_stat_statements"
        wrong = await connection.fetch("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL")
        assert [row["name"] for row in wrong] == ["listen_addresses"]  # this test has said another
        await connection.execute("ALTER ROLE banyan PASSWORD 'a secret'")
        await connection.execute("CREATE DATABASE banyan")
        secret = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'banyan'")
        (cluster.directory / "data" / "pg_hba.conf").write_text(files["pg_hba.conf"])
        assert await connection.fetchval("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL") == 0
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        await _through_pgbouncer(shape(), place, port, secret)
    finally:
        cluster.remove()


async def _through_pgbouncer(deployment: Deployment, place: Path, database_port: int, secret: str) -> None:
    port = find_port()
    users = place / "userlist.txt"
    users.write_text(f'"banyan" "{secret}"\n')
    text = with_port(files_of(deployment, "pgbouncer")["pgbouncer.ini"], "listen_port = ", port)
    text = text.replace("/etc/pgbouncer/userlist.txt", str(users)).replace("port=5432", f"port={database_port}")
    configuration = place / "pgbouncer.ini"
    # Its socket has a place in /tmp by default, where another test's may be.
    configuration.write_text(text + f"unix_socket_dir = {place}\n")
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(place, "nobody")
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    with running(*user, program, "-q", str(configuration)):
        connection = await _connected(f"postgresql://banyan:a%20secret@127.0.0.1:{port}/banyan")
        assert await connection.fetchval("SELECT current_user || '@' || current_database()") == "banyan@banyan"
        await connection.close()
        with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
            await asyncpg.connect(f"postgresql://banyan:wrong@127.0.0.1:{port}/banyan", timeout=20)


async def _connected(url: str) -> asyncpg.Connection:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await asyncpg.connect(url, statement_cache_size=0, timeout=20)
        except (OSError, TimeoutError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("shape", "password"), [(single, None), (split, "a-secret")])
def test_redis_starts_and_evicts_instead_of_growing(
    shape: Callable[[], Deployment], password: str | None, place: Path
) -> None:
    port = find_port()
    text = with_port(files_of(shape(), "redis")["redis.conf"], "port ", port)
    (place / "password.conf").write_text(f"requirepass {password}\n")
    configuration = place / "redis.conf"
    configuration.write_text(text.replace("/etc/redis/password.conf", str(place / "password.conf")))
    with running("redis-server", str(configuration), "--dir", str(place), "--logfile", str(place / "log")):
        client = redis.Redis(port=port, password=password)
        assert soon(client.ping, redis.exceptions.ConnectionError)
        wanted = 96 if password is None else 192
        assert client.config_get("maxmemory") == {"maxmemory": str(wanted * 1024 * 1024)}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert client.config_get("save") == {"save": ""}
        client.close()
        if password:
            with pytest.raises(redis.exceptions.AuthenticationError):
                redis.Redis(port=port).ping()


def test_three_redis_share_the_keys_as_banyan_sees_them(place: Path) -> None:
    caches = [
        Host(f"redis-{number}", f"10.0.0.{20 + number}", 2, 1, 20, [], [Part.CACHE], 0, 64) for number in range(3)
    ]
    hosts = [host for host in replicated().hosts if not host.has(Part.BALANCER)]
    front = structs.replace(replicated().hosts[0], parts=[Part.BALANCER])
    files = render_deployment(replicated(hosts=[front, *hosts, *caches]))
    (place / "password.conf").write_text("requirepass a-secret\n")
    ports = [find_port() for _ in caches]
    with ExitStack() as stack:
        for host, port in zip(caches, ports, strict=True):
            text = with_port(files[f"{host.name}/redis/redis.conf"], "port ", port).replace(f" {host.address}", "")
            folder = place / host.name
            folder.mkdir()
            text = text.replace("/etc/redis/password.conf", str(place / "password.conf"))
            text = text.replace("/var/lib/redis", str(folder))
            (folder / "redis.conf").write_text(text + f"cluster-port {find_port()}\nlogfile {folder}/log\n")
            stack.enter_context(running("redis-server", str(folder / "redis.conf")))
            client = redis.Redis(port=port, password="a-secret")
            assert soon(client.ping, redis.exceptions.ConnectionError)
            client.close()
        members = [f"127.0.0.1:{port}" for port in ports]
        command = ["redis-cli", "-a", "a-secret", "--cluster", "create", *members, "--cluster-yes"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        settings = RedisSettings(url=SecretStr(f"redis://:a-secret@{members[0]}/0"))
        assert len(asyncio.run(find_slots(settings)).members) == 3
