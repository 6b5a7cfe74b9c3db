"""The indexes that declarations ask for: made beside the migrations, without stopping anybody."""

from collections.abc import Callable, Mapping

import asyncpg
import structlog
from msgspec import Struct

from banyan.infra.attributes.settings import AttributeSettings
from banyan.infra.database.connect import CONNECT_ERRORS, connect
from banyan.infra.database.migrate import MigrationError
from banyan.infra.database.settings import DatabaseSettings

log = structlog.get_logger("banyan.database")

_STATE = """SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname = $1 AND c.relnamespace = 'public'::regnamespace"""


class AttributeTable(Struct, frozen=True):
    """Where the attributes of a kind are kept: in the column `attributes` of `table`, whose pages go by `id`."""

    kind: str
    table: str


TABLES = (AttributeTable("posts", "posts_posts"),)


async def make_indexes(
    settings: DatabaseSettings,
    declarations: Mapping[str, Mapping[str, AttributeSettings]],
    *,
    report: Callable[[str], None] = lambda name: None,
) -> list[str]:
    """Makes those that are missing, the names come back; `report` is called before each. Run it after `migrate`.

    CONCURRENTLY, so that writes go on; one that a crash left half made is made anew. An index whose declaration is
    gone stays, like the data: dropping it is the operator's decision. Raises MigrationError.
    """
    made: list[str] = []
    wanted = [
        (table, name) for table in TABLES for name, one in declarations.get(table.kind, {}).items() if one.indexed
    ]
    if not wanted:
        return made
    try:
        connection = await connect(settings, bounded=False)
        try:
            for table, name in wanted:
                index = f"{table.table}_attribute_{name}"
                if await _make(connection, table, name, index, report):
                    made.append(index)
        finally:
            await connection.close()
    except CONNECT_ERRORS as error:
        raise MigrationError(f"indexes of attributes: {error or type(error).__name__}") from error
    return made


async def _make(
    connection: asyncpg.Connection, table: AttributeTable, name: str, index: str, report: Callable[[str], None]
) -> bool:
    valid = await connection.fetchval(_STATE, index)
    if valid:
        return False
    report(index)
    if valid is False:
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
    # With the id behind the value, a page of things of one value is read in its order. Rows without it cost nothing.
    await connection.execute(
        f"""CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table.table} ((attributes -> '{name}'), id)
            WHERE attributes -> '{name}' IS NOT NULL"""
    )
    log.info("index made", index=index)
    return True
