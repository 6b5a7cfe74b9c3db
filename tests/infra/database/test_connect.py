"""What a connection brings along."""

from uuid import UUID

import asyncpg
import pytest

from banyan.infra.database.connect import connect
from banyan.infra.database.settings import DatabaseSettings

ID = UUID(int=7)


@pytest.mark.parametrize("prepared", [True, False])
async def test_a_second_connection_knows_arrays_without_asking(
    database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, prepared: bool
) -> None:
    settings = database_settings.model_copy(update={"prepared_statements": prepared})
    first, second = await connect(settings), await connect(settings)
    asked = "SELECT $1::uuid[], $2::text[]"
    try:
        assert [tuple(row) for row in await first.fetch(asked, [ID], ["a"])] == [([ID], ["a"])]

        async def fail(*_: object) -> None:
            raise AssertionError("it was told already")

        monkeypatch.setattr(asyncpg.Connection, "_introspect_types", fail)
        assert [tuple(row) for row in await second.fetch(asked, [ID], ["a"])] == [([ID], ["a"])]
    finally:
        await first.close()
        await second.close()


async def test_types_of_a_database_are_its_own(database_settings: DatabaseSettings) -> None:
    for words in (["glad", "sad"], ["calm"]):
        connection = await connect(database_settings)
        try:
            await connection.execute("DROP TYPE IF EXISTS mood")
            await connection.execute(f"CREATE TYPE mood AS ENUM ({', '.join(repr(word) for word in words)})")
            assert await connection.fetchval("SELECT $1::mood[]", words) == words
        finally:
            await connection.close()
