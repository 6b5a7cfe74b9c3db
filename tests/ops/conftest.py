"""Places that PostgreSQL's unprivileged user can reach (pytest's own are 0700), and both majors."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.postgres import EmbeddedPostgres

# Changing users and mounting small disks is for root; the other tests run as anybody.
collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory with a short path that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="bt-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=[int(os.environ["BANYAN_TEST_POSTGRES"])] if "BANYAN_TEST_POSTGRES" in os.environ else [15, 18])
def binaries(request: pytest.FixtureRequest) -> Binaries:
    return find_binaries(request.param)


@pytest.fixture(scope="session")
def begun() -> Iterator[Path]:
    """Data directories after their first start, one per major, made when first asked for."""
    path = Path(tempfile.mkdtemp(prefix="bt-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data(place: Path, begun: Path, binaries: Binaries) -> Path:
    """A data directory that was started before: a copy, which saves initdb's second."""
    original = begun / str(binaries.major)
    if not original.exists():
        asyncio.run(_start_and_stop(original, binaries))
    subprocess.run(["cp", "-a", original, place / "data"], check=True)
    return place / "data"


async def _start_and_stop(directory: Path, binaries: Binaries) -> None:
    async with await EmbeddedPostgres.open(directory, binaries):
        pass


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A living process that has nothing to do with PostgreSQL, of the user that PostgreSQL runs as."""
    user = "nobody" if os.geteuid() == 0 else None
    process = subprocess.Popen(["sleep", "600"], user=user, cwd="/")
    yield process
    process.kill()
    process.wait()
