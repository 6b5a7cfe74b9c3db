"""The people of the bench of feeds, made from the demo's: authors with very many connections, and their readers."""

from uuid import UUID

import asyncpg
import msgspec

from banyan.app.wiring import Platform
from banyan.kernel.ids import new_id

MANY = 5_000
FEW = 5
LARGE = 10
SYNCED = 500
_POSTS_EACH = 40
_READERS = 200


class Crowd(msgspec.Struct, frozen=True):
    """Ids of people. `few` has FEW connections, each of `many` MANY; `follower` follows LARGE very large accounts and
    otherwise is like `plain`; `synced` has SYNCED connections and a full home.
    """

    few: UUID
    many: list[UUID]
    plain: list[UUID]
    followers: list[UUID]
    synced: UUID


async def gather_crowd(platform: Platform) -> Crowd:
    """The same people every time; what is missing of their ties and posts is made."""
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT id FROM people_people ORDER BY md5(id::text || 'feeds')")
        ids = [row[0] for row in rows]
        if len(ids) < MANY + 1000:
            raise SystemExit(f"the bench of feeds needs {MANY + 1000:,} people at least")
        few, synced, many, large = ids[0], ids[1], ids[2:5], ids[5 : 5 + LARGE]
        followers, plain = ids[20 : 20 + _READERS], ids[20 + _READERS : 20 + 2 * _READERS]
        readers = ids[-MANY:]
        await connection.execute("DELETE FROM people_connections WHERE $1 IN (person_id, other_id)", few)
        await _connect(connection, few, readers[:FEW])
        for author in many:
            await _connect(connection, author, readers)
        await _connect(connection, synced, readers[:SYNCED])
        for author in large:
            await _connect(connection, author, followers)
            await _publish(connection, author)
        await connection.execute(
            "INSERT INTO posts_large_authors (author_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING", large
        )
        await connection.execute("ANALYZE people_connections, posts_posts, posts_counters, posts_large_authors")
    async with platform.pool.work() as work:
        await platform.features.homes.build_homes(work, [synced, few, *many])
    return Crowd(few, many, plain, followers, synced)


async def _connect(connection: asyncpg.Connection, one: UUID, others: list[UUID]) -> None:
    known = await connection.fetch("SELECT other_id FROM people_connections WHERE person_id = $1", one)
    missing = sorted(set(others) - {row[0] for row in known} - {one})
    await connection.executemany(
        """INSERT INTO people_connections (person_id, other_id, connection_id, state, created_at)
           VALUES ($1, $2, $3, 'connected', now()), ($2, $1, $3, 'connected', now())""",
        [(one, other, new_id()) for other in missing],
    )


async def _publish(connection: asyncpg.Connection, author: UUID) -> None:
    written = await connection.fetchval("SELECT count(*) FROM posts_posts WHERE author_id = $1", author)
    ids = [new_id() for _ in range(_POSTS_EACH - written)]
    await connection.execute(
        """WITH post AS (
               INSERT INTO posts_posts (id, author_id, body, audience, created_at)
               SELECT id, $2, 'Of a very large account', 'public', now() FROM unnest($1::uuid[]) AS id)
           INSERT INTO posts_counters (post_id) SELECT unnest($1::uuid[])""",
        ids,
        author,
    )
