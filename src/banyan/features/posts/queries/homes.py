"""SQL of the home feeds."""

import struct
from collections.abc import Callable, Sequence, Sized
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import asyncpg

from banyan.features.people.models import IdSet
from banyan.features.posts.models import FOR_CONNECTIONS, IN_DOUBT, OWN, FeedMark, FeedPage
from banyan.features.posts.queries.posts import COLUMNS, JOINS, SHARED_VERSION, post_rows
from banyan.infra.database.work import Work

# A page of the feed in one statement; what lies below the floor is not complete and therefore not looked at.
_PAGE = """SELECT {columns}
    FROM posts_home h
    CROSS JOIN LATERAL (SELECT *, xmin FROM posts_posts WHERE id = h.post_id LIMIT 1) p
    {joins}
    WHERE h.person_id = $1 AND h.post_id < $2
      AND h.post_id > coalesce((SELECT floor_id FROM posts_home_floors WHERE person_id = $1),
                               '00000000-0000-0000-0000-000000000000')
    ORDER BY h.post_id DESC LIMIT $3"""
# The same with the posts of some authors beside the home's, which may be in the home as well: each once. Ids first,
# by indexes alone; then what is shown of them.
_MERGED = """SELECT {columns}
    FROM (
        SELECT either.id FROM (
            (SELECT p.id FROM posts_home h
             CROSS JOIN LATERAL (SELECT id FROM posts_posts WHERE id = h.post_id LIMIT 1) p
             WHERE h.person_id = $1 AND h.post_id < $2
               AND h.post_id > coalesce((SELECT floor_id FROM posts_home_floors WHERE person_id = $1),
                                        '00000000-0000-0000-0000-000000000000')
             ORDER BY h.post_id DESC LIMIT $3)
            UNION ALL
            (SELECT one.id FROM unnest($4::uuid[]) AS source (author_id)
             CROSS JOIN LATERAL (
                 SELECT q.id FROM posts_posts q
                 WHERE q.author_id = source.author_id AND q.id < $2 AND q.audience IN ('public', 'connections')
                   AND q.id > coalesce((SELECT floor_id FROM posts_home_floors WHERE person_id = $1),
                                       '00000000-0000-0000-0000-000000000000')
                 ORDER BY q.id DESC LIMIT $3) one
             ORDER BY one.id DESC LIMIT $3)) either
        GROUP BY either.id ORDER BY either.id DESC LIMIT $3) newest
    CROSS JOIN LATERAL (SELECT *, xmin FROM posts_posts WHERE id = newest.id LIMIT 1) p
    {joins}
    ORDER BY p.id DESC"""
# Below the floor posts are pulled from their authors. Without a floor the statement ends at its first look.
_OLDER = """SELECT {columns}
    FROM posts_home_floors f
    CROSS JOIN LATERAL (
        SELECT one.* FROM unnest($4::uuid[]) AS source (author_id)
        CROSS JOIN LATERAL (
            SELECT q.*, q.xmin FROM posts_posts q
            WHERE q.author_id = source.author_id AND q.id < $2 AND q.id <= f.floor_id
              AND (q.audience <> 'self' OR q.author_id = $1)
              AND (q.list_id IS NULL OR q.author_id = $1 OR q.list_id = ANY($5::uuid[]))
            ORDER BY q.id DESC LIMIT $3) one
        ORDER BY one.id DESC LIMIT $3) p
    {joins}
    WHERE f.person_id = $1 ORDER BY p.id DESC"""
# What one reader's copy of a post depends on.
_VERSION = "hash_record_extended(ROW(p.xmin, c.xmin, r.xmin), 0)"
_SHORT_JOINS = """CROSS JOIN LATERAL (SELECT xmin FROM posts_counters WHERE post_id = p.id LIMIT 1) c
    LEFT JOIN LATERAL (
        SELECT kind, saved_id, xmin FROM posts_reactions WHERE post_id = p.id AND person_id = $1 LIMIT 1) r ON true"""
# A whole page comes as one value: to make a row of each post takes the driver as long as PostgreSQL takes to find them.
_ENTRY_COLUMNS = f"""uuid_send(p.id) || int8send({SHARED_VERSION})
        || CASE WHEN p.author_id = $1 THEN '\\x{OWN:02}'::bytea
                WHEN p.audience IN ('public', 'connections') THEN '\\x{FOR_CONNECTIONS:02}' ELSE '\\x{IN_DOUBT:02}' END
        || uuid_send(p.author_id) AS entry,
    concat(r.kind, CASE WHEN r.saved_id IS NOT NULL THEN '*' END) AS mine"""
# `feed_version`, of which whose the post is comes last, and the author.
_ENTRY: Final = struct.Struct("25s16s")
_WHOSE: Final = 24
_IN_ONE = "SELECT string_agg(page.entry, ''), string_agg(page.mine, ',') FROM ({page}) page"


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


H = TypeVar("H", bound=_Identified)
P = TypeVar("P", bound=Sized)


class Reading(NamedTuple, Generic[P]):
    """One way to read a feed: its statements over the home alone, over the home and the authors that are pulled, and
    over all authors for what lies below the floor; what is made of their rows; and the id of the last.
    """

    home: str
    merged: str
    older: str
    page: Callable[[Sequence[Any]], P]
    last_id: Callable[[P], UUID]
    # The first for many readers at once, where a page is one row.
    together: str | None = None


def _statements(columns: str, joins: str, around: str = "{page}") -> tuple[str, str, str]:
    home, merged, older = (text.format(columns=columns, joins=joins) for text in (_PAGE, _MERGED, _OLDER))
    return around.format(page=home), around.format(page=merged), around.format(page=older)


def _rows(columns: str, joins: str, values: Callable[[Sequence[Any]], list[H]]) -> Reading[list[H]]:
    return Reading(*_statements(columns, joins), values, lambda rows: rows[-1].id)


def _for_many(page: str) -> str:
    """The statement of a page that is one row, over lists of its parameters."""
    for number, name in enumerate(("person_id", "before", "wanted"), 1):
        page = page.replace(f"${number}", f"asked.{name}")
    return f"""SELECT asked.place, answer.*
        FROM unnest($1::uuid[], $2::uuid[], $3::int[]) WITH ORDINALITY AS asked (person_id, before, wanted, place)
        CROSS JOIN LATERAL ({page}) answer"""


def _feed() -> Reading[FeedPage]:
    home, merged, older = _statements(_ENTRY_COLUMNS, _SHORT_JOINS, _IN_ONE)
    return Reading(home, merged, older, _feed_page, lambda page: page.last_id, _for_many(home))


def _feed_page(rows: Sequence[Any]) -> FeedPage:
    *_, packed, mine = rows[0]
    if packed is None:
        return FeedPage((), (), b"", [])
    versions, author_keys = zip(*_ENTRY.iter_unpack(packed), strict=True)
    return FeedPage(versions, author_keys, packed[_WHOSE :: _ENTRY.size], mine.split(","))


def _marks(rows: Sequence[Any]) -> list[FeedMark]:
    return [FeedMark(*row) for row in rows]


# What stands in it, and what the reader has made of that; the posts themselves are read by version.
FEED: Final = _feed()
# With versions.
WHOLE: Final = _rows(f"{COLUMNS}, {_VERSION}", JOINS, post_rows)
# No more than tells whether a copy is up to date.
MARKS: Final = _rows(f"p.id, p.author_id, p.audience, p.list_id, {_VERSION}", _SHORT_JOINS, _marks)

# Nearly always none of the homes has the post. To be ready for one that has costs half as much again: every row is then
# looked for first and confirmed afterwards. Readers come packed, as the database packed them: to make a thousand UUIDs
# here only to send them back takes the process longer than PostgreSQL needs to cut them apart.
_INTO_HOMES = """INSERT INTO posts_home (person_id, post_id)
    SELECT encode(substring($1::bytea FROM 16 * place + 1 FOR 16), 'hex')::uuid, $2
    FROM generate_series(0, octet_length($1::bytea) / 16 - 1) AS place
    WHERE EXISTS (SELECT FROM posts_posts WHERE id = $2 AND audience <> 'self')"""
_INTO_SOME_HOMES = f"{_INTO_HOMES} ON CONFLICT DO NOTHING"

_RAISE_FLOOR = """ON CONFLICT (person_id)
    DO UPDATE SET floor_id = greatest(posts_home_floors.floor_id, excluded.floor_id)"""


async def list_home(
    work: Work, reading: Reading[P], person_id: UUID, pulled: Sequence[UUID], before: UUID, limit: int
) -> P:
    """Candidates of a feed above its floor, newest first, those by the authors `pulled` among them; fewer than `limit`
    when there are no more.
    """
    if pulled:
        return reading.page(await work.rows(reading.merged, person_id, before, limit, pulled))
    if reading.together is not None:
        return reading.page([await work.row_together(reading.together, person_id, before, limit)])
    return reading.page(await work.rows(reading.home, person_id, before, limit))


async def list_older(
    work: Work,
    reading: Reading[P],
    person_id: UUID,
    author_ids: Sequence[UUID],
    listed: Sequence[UUID],
    before: UUID,
    limit: int,
) -> P:
    """What the authors published at or below the floor of a home, newest first; nothing without a floor.

    Of posts for a list only those of the lists `listed` and one's own.
    """
    return reading.page(await work.rows(reading.older, person_id, before, limit, author_ids, listed))


async def insert_home_rows(work: Work, post_id: UUID, person_ids: IdSet) -> None:
    """One post into many homes, unless it is gone or for its author alone by now; the first write of its
    transaction, which is begun anew where some of them have it already.
    """
    try:
        await work.write(_INTO_HOMES, person_ids.packed, post_id)
    except asyncpg.UniqueViolationError:
        await work.rollback()
        await work.write(_INTO_SOME_HOMES, person_ids.packed, post_id)


async def backfill_home(work: Work, person_id: UUID, author_id: UUID, newest: int) -> None:
    """The newest posts of an author into a home; with more than that the floor rises to the first left out.

    Posts for a list come with being put on it: `backfill_list`.
    """
    await work.write(
        f"""WITH candidate AS (
                SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM (
                    SELECT id FROM posts_posts WHERE author_id = $2 AND audience IN ('public', 'connections')
                    ORDER BY id DESC LIMIT $3 + 1) newest),
            added AS (
                INSERT INTO posts_home (person_id, post_id)
                SELECT $1, id FROM candidate WHERE place <= $3 ORDER BY id ON CONFLICT DO NOTHING)
            INSERT INTO posts_home_floors (person_id, floor_id)
            SELECT $1, id FROM candidate WHERE place > $3 {_RAISE_FLOOR}""",
        person_id,
        author_id,
        newest,
    )


async def backfill_list(work: Work, person_id: UUID, list_id: UUID, newest: int) -> None:
    """As `backfill_home`, with the posts for one list."""
    await work.write(
        f"""WITH candidate AS (
                SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM (
                    SELECT id FROM posts_posts WHERE list_id = $2 ORDER BY id DESC LIMIT $3 + 1) newest),
            added AS (
                INSERT INTO posts_home (person_id, post_id)
                SELECT $1, id FROM candidate WHERE place <= $3 ORDER BY id ON CONFLICT DO NOTHING)
            INSERT INTO posts_home_floors (person_id, floor_id)
            SELECT $1, id FROM candidate WHERE place > $3 {_RAISE_FLOOR}""",
        person_id,
        list_id,
        newest,
    )


async def remove_from_home(work: Work, person_id: UUID, author_id: UUID) -> None:
    """All posts of an author out of a home."""
    await work.write(
        """DELETE FROM posts_home h USING posts_posts p
           WHERE h.person_id = $1 AND p.id = h.post_id AND p.author_id = $2""",
        person_id,
        author_id,
    )


async def trim_homes(work: Work, person_ids: Sequence[UUID], keep: int) -> None:
    """Leaves at most the newest `keep` rows of each home: the floor rises to the first row that has to go."""
    await work.write(
        f"""WITH raised AS (
                INSERT INTO posts_home_floors (person_id, floor_id)
                SELECT reader, cut.floor_id FROM unnest($1::uuid[]) AS reader
                CROSS JOIN LATERAL (
                    SELECT h.post_id AS floor_id FROM posts_home h WHERE h.person_id = reader
                    ORDER BY h.post_id DESC OFFSET $2 LIMIT 1) cut
                {_RAISE_FLOOR}
                RETURNING person_id, floor_id)
            DELETE FROM posts_home h USING raised
            WHERE h.person_id = raised.person_id AND h.post_id <= raised.floor_id""",
        person_ids,
        keep,
    )


async def build_homes(
    work: Work,
    person_ids: Sequence[UUID],
    firsts: Sequence[int],
    lasts: Sequence[int],
    author_ids: Sequence[UUID],
    keep: int,
) -> None:
    """The newest `keep` posts for each person; their authors are `author_ids[first..last]`, counted from 1."""
    # To be ready for rows that are there already takes two thirds more, and hardly ever are there any. One look into
    # the index for each person: without statistics an ANY would read the whole table.
    begun = await work.value(
        """SELECT EXISTS (SELECT FROM unnest($1::uuid[]) AS reader CROSS JOIN LATERAL (
               SELECT FROM posts_home WHERE person_id = reader ORDER BY post_id LIMIT 1) one)""",
        person_ids,
    )
    await work.write(
        f"""WITH candidate AS (
                SELECT reader.person_id, one.id,
                       row_number() OVER (PARTITION BY reader.person_id ORDER BY one.id DESC) AS place
                FROM unnest($1::uuid[], $2::int[], $3::int[]) AS reader (person_id, first, last)
                CROSS JOIN LATERAL (
                    SELECT p.id FROM unnest(($4::uuid[])[reader.first:reader.last]) AS source (author_id)
                    CROSS JOIN LATERAL (
                        SELECT q.id FROM posts_posts q
                        WHERE q.author_id = source.author_id
                          AND (q.audience <> 'self' OR q.author_id = reader.person_id)
                        ORDER BY q.id DESC LIMIT $5 + 1) p
                    ORDER BY p.id DESC LIMIT $5 + 1) one),
            added AS (
                INSERT INTO posts_home (person_id, post_id)
                SELECT person_id, id FROM candidate WHERE place <= $5 ORDER BY person_id, id
                {"ON CONFLICT DO NOTHING" if begun else ""})
            INSERT INTO posts_home_floors (person_id, floor_id)
            SELECT person_id, id FROM candidate WHERE place > $5 {_RAISE_FLOOR}""",
        person_ids,
        firsts,
        lasts,
        author_ids,
        keep,
    )
