"""One platform for a whole test file, where a test cleans up after itself or brings people of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.platform import Api, api_of, running_platform, serving, settings_for
from tests.support.postgres import Templates


@pytest.fixture(scope="module")
def shared_database_url(templates: Templates) -> Iterator[str]:
    with templates.clone() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(shared_database_url: str) -> AsyncIterator[Api]:
    """An anonymous client of a platform that all rows share: each gathers a cast of its own."""
    async with running_platform(settings_for(shared_database_url)) as platform, api_of(platform) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_url(everybody: Api) -> AsyncIterator[str]:
    """The base URL of that platform on a real port."""
    async with serving(everybody.platform) as url:
        yield url
