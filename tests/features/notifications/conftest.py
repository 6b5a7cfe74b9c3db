"""Fixtures of notifications."""

import pytest

from banyan.infra.database.pool import Pool
from tests.features.notifications.square import Square


@pytest.fixture
async def square(pool: Pool) -> Square:
    return Square(pool)
