"""Fixtures of people and posts."""

import pytest

from banyan.infra.database.pool import Pool
from tests.features.town import Town


@pytest.fixture
async def town(pool: Pool) -> Town:
    return Town(pool)
