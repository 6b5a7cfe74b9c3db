"""Installations and servers that the tests may kill."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from banyan.infra.database.migrate import migrate
from banyan.infra.database.settings import DatabaseSettings
from banyan.ops import processes
from banyan.ops.binaries import find_binaries
from banyan.ops.postgres import EmbeddedPostgres
from tests.support.banyan import House, Installation

# Times short enough to see what follows them, and a mailbox that keeps everything.
ENVIRONMENT = {
    "BANYAN_JOBS__LEASE_SECONDS": "2",
    "BANYAN_JOBS__POLL_SECONDS": "0.3",
    "BANYAN_JOBS__BACKOFF_BASE_SECONDS": "0.2",
    "BANYAN_JOBS__BACKOFF_CAP_SECONDS": "1",
    "BANYAN_MAIL__MAILBOX_MESSAGES": "100000",
    "BANYAN_ACCOUNTS__REFRESH_RETRY_SECONDS": "300",
    "BANYAN_HTTP__LINGER_SECONDS": "0.7",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that PostgreSQL's unprivileged user can reach (pytest's own are 0700)."""
    path = Path(tempfile.mkdtemp(prefix="bf-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def begun(postgres_major: int) -> Iterator[Path]:
    """A data directory after its first start, with the PostgreSQL that the tests are to run on."""
    folder = Path(tempfile.mkdtemp(prefix="bf-", dir="/tmp"))
    folder.chmod(0o755)
    asyncio.run(_begin(folder / "data", postgres_major))
    yield folder / "data"
    shutil.rmtree(folder)


async def _begin(directory: Path, major: int) -> None:
    async with await EmbeddedPostgres.open(directory, find_binaries(major)) as server:
        await migrate(DatabaseSettings(url=SecretStr(server.dsn)))


@pytest.fixture
def house(place: Path, begun: Path) -> Iterator[House]:
    """An installation that has run before; `await house.start()`."""
    subprocess.run(["cp", "-a", begun, place / "data"], check=True)
    house = House(place / "data", ENVIRONMENT)
    yield house
    house.kill()
    asyncio.run(_wait_for_postgres(house))
    # Seen only where the test has failed.
    log = house.directory / "banyan.log"
    lines = log.read_text().splitlines() if log.exists() else []
    print(*[line for line in lines if "request_failed" in line or "Traceback" in line][-20:], sep="\n")


async def _wait_for_postgres(house: House) -> None:
    """It ends by itself with its owner; its files can go only then."""
    assert await processes.gone(house.directory / "postgres" / "data", within_seconds=300)


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """Processes on a migrated database of this test's own: `await installation.start("api")`."""
    # On a machine that has much else to do a connection may be waited for, and a greeting take its time.
    patience = {"BANYAN_DATABASE__ACQUIRE_TIMEOUT_SECONDS": "60", "BANYAN_REALTIME__HELLO_SECONDS": "300"}
    installation = Installation(tmp_path, database_url, ENVIRONMENT | patience)
    yield installation
    installation.kill()
