"""A table for the effects of handlers."""

import pytest

from banyan.infra.database.pool import Pool


@pytest.fixture
async def effects(pool: Pool) -> None:
    """`effects(thing)`: the same thing may be there twice, which is what the tests look for."""
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE effects (thing int NOT NULL)")
