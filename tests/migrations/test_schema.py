"""The migrations together make exactly the schema that schema.txt shows, on every PostgreSQL we support."""

from banyan.infra.database.pool import Pool
from tests.support.schema import FILE, describe


async def test_the_migrations_make_the_schema_that_is_written_down(pool: Pool) -> None:
    async with pool.connection() as connection:
        found = await describe(connection)
    assert found == FILE.read_text("utf-8"), "if the change is meant: python -m tests.support.schema"


async def test_the_description_notices_changes(pool: Pool) -> None:
    async with pool.connection() as connection:
        descriptions = [await describe(connection)]
        for change in (
            "CREATE TYPE mood AS ENUM ('sad', 'glad')",
            "CREATE TYPE spot AS (x int, y int)",
            "ALTER TYPE spot ADD ATTRIBUTE z int",
            "CREATE DOMAIN price AS bigint CHECK (VALUE >= 0)",
            "CREATE TABLE shown (id int, mood mood NOT NULL DEFAULT 'sad', price price)",
            "ALTER TABLE shown ALTER COLUMN id TYPE bigint",
            "ALTER TABLE shown ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED",
            "ALTER TABLE shown ADD CONSTRAINT positive CHECK (id > 0)",
            "CREATE INDEX ON shown (id) WHERE price IS NOT NULL",
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE SEQUENCE counted",
            "ALTER TABLE shown SET (fillfactor = 80)",
            "CREATE VIEW seen AS SELECT id FROM shown",
        ):
            await connection.execute(change)
            descriptions.append(await describe(connection))
    assert len(set(descriptions)) == len(descriptions)
