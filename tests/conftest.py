"""Fixtures for every test: a real PostgreSQL per test process, a freshly cloned database per test.

BANYAN_TEST_POSTGRES=15|18 chooses the server (18: the embedded one, as in production).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import hypothesis
import pytest
import uvloop
from pydantic import SecretStr

from banyan.app.wiring import Platform
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from tests.support.platform import Api, api_of, running_platform, serving, settings_for
from tests.support.postgres import Cluster, Templates

# Examples are not timed: a machine that has other things to do is no counterexample.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# The fixtures that choose a server, or the programs that make one.
_OF_POSTGRES = frozenset({"postgres_major", "binaries"})


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that production runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what may go otherwise on another PostgreSQL: dev/test runs all else on one of them only."""
    for item in items:
        if isinstance(item, pytest.Function) and not _OF_POSTGRES.isdisjoint(item.fixturenames):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_major() -> int:
    return int(os.environ.get("BANYAN_TEST_POSTGRES", "18"))


@pytest.fixture(scope="session")
def templates(postgres_major: int) -> Iterator[Templates]:
    """The server of this test process, with a migrated template database to clone."""
    cluster = Cluster(postgres_major)
    try:
        cluster.start()
        with Templates(cluster) as templates:
            yield templates
    finally:
        cluster.remove()


@pytest.fixture
def database_url(templates: Templates) -> Iterator[str]:
    """A migrated database of this test's own."""
    with templates.clone() as url:
        yield url


@pytest.fixture
def empty_database_url(templates: Templates) -> Iterator[str]:
    """A database without a single table."""
    with templates.clone("template0") as url:
        yield url


@pytest.fixture
def database_settings(database_url: str) -> DatabaseSettings:
    # Waits that only a machine with much else to do makes long.
    return DatabaseSettings(
        url=SecretStr(database_url),
        pool_size=4,
        acquire_timeout_seconds=60,
        connect_timeout_seconds=60,
        statement_timeout_seconds=60,
    )


@pytest.fixture
async def pool(database_settings: DatabaseSettings) -> AsyncIterator[Pool]:
    pool = await Pool.open(database_settings)
    yield pool
    await pool.close()


@pytest.fixture
async def work(pool: Pool) -> AsyncIterator[Work]:
    """One unit of work, rolled back at the end; `pool.work()` makes more."""
    work = pool.work()
    yield work
    await work.rollback()


@pytest.fixture
def own_cluster(postgres_major: int) -> Iterator[Cluster]:
    """A running server for this test alone, which may stop and start it."""
    yield from _own_cluster(Cluster(postgres_major))


@pytest.fixture
def durable_cluster(postgres_major: int) -> Iterator[Cluster]:
    """Like `own_cluster`, with fsync on: for tests that kill it and then count what is left."""
    yield from _own_cluster(Cluster(postgres_major, durable=True))


def _own_cluster(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    """The whole platform with its worker and scheduler, without limits, on a database of this test's own."""
    async with running_platform(settings_for(database_url)) as platform:
        yield platform


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[Api]:
    """An anonymous client of `platform` inside the process; `await api.sign_up("ada")` makes accounts."""
    async with api_of(platform) as api:
        yield api


@pytest.fixture
async def server_url(platform: Platform) -> AsyncIterator[str]:
    """The base URL of `platform` on a real port."""
    async with serving(platform) as url:
        yield url
