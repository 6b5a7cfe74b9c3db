"""SQL of what two people are to each other: connections, requests, blocks, and all of it at once."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from struct import unpack
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from banyan.features.people.models import Block, Card, Connection, ConnectionState, IdSet, Relations
from banyan.features.people.queries.parts import BLOCKED, THERE, read_card
from banyan.infra.database.arrays import array_text
from banyan.infra.database.work import Work
from banyan.kernel.clock import instants
from banyan.kernel.ids import FIRST_ID, LAST_ID

# Every write of the row gives it another xmin, whatever columns there are.
_VERSION = "hash_record_extended(ROW(c.xmin), 0)"
# The newest of each state, and of these the newest, each column in one piece: what comes as rows is made into as many
# objects of Python, one by one. All columns are in the same order.
_NEWEST = """SELECT {columns} FROM (
        SELECT newest.* FROM unnest(ARRAY['sent', 'received', 'connected']) AS wanted (state)
        CROSS JOIN LATERAL (
            SELECT connection_id, other_id, c.state, c.created_at, hash_record_extended(ROW(c.xmin), 0) AS version
            FROM people_connections c
            WHERE c.person_id = $1 AND c.state = wanted.state ORDER BY connection_id DESC LIMIT $2) newest
        ORDER BY newest.connection_id DESC LIMIT $2) one"""
_MARK_COLUMNS = """string_agg(connection_id::text, ','), string_agg(uuid_send(other_id), ''),
    string_agg(int8send(version), '')"""
_NEWEST_MARKS = _NEWEST.format(columns=_MARK_COLUMNS)
_NEWEST_WHOLE = _NEWEST.format(
    columns=f"{_MARK_COLUMNS}, string_agg(state, ','), string_agg(float8send(date_part('epoch', created_at)), '')"
)


class Tie(Struct, frozen=True):
    """One side's row of a pair: `id` and `state` are None where there is neither connection nor request."""

    person: Card
    id: UUID | None
    state: ConnectionState | None
    created_at: datetime | None


class ConnectionMarks(NamedTuple):
    """Connections and requests by columns: ids as text, the others' ids as 16 bytes, versions."""

    ids: Sequence[str]
    other_ids: Sequence[bytes]
    versions: Sequence[int]


class ConnectionColumns(NamedTuple):
    """With each one's state and time."""

    marks: ConnectionMarks
    states: Sequence[ConnectionState]
    created: Sequence[datetime]


async def find_relations(work: Work, person_id: UUID) -> Relations:
    # Packed by PostgreSQL: not one UUID object is made of them.
    row = await work.row(
        f"""SELECT coalesce((SELECT string_agg(uuid_send(other_id), '') FROM people_connections c
                             WHERE person_id = $1 AND state = 'connected'
                               AND {THERE.format(person="c.other_id")}), '') AS connected,
                  coalesce((SELECT string_agg(uuid_send(id), '') FROM (
                      SELECT blocked_id AS id FROM people_blocks WHERE person_id = $1
                      UNION SELECT person_id FROM people_blocks WHERE blocked_id = $1) hidden), '') AS hidden,
                  coalesce((SELECT string_agg(uuid_send(muted_id), '') FROM people_mutes
                            WHERE person_id = $1), '') AS muted,
                  coalesce((SELECT string_agg(uuid_send(list_id), '') FROM people_list_members
                            WHERE person_id = $1), '') AS listed,
                  coalesce((SELECT string_agg(uuid_send(id), '') FROM people_people
                            WHERE hidden_at IS NOT NULL), '') AS away""",
        person_id,
    )
    return Relations() if row is None else Relations(*map(IdSet, row))


async def list_connected_pairs(work: Work, people: Sequence[UUID], others: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """Which of the pairs (people[i], others[i]) are connected now."""
    rows = await work.rows(
        """SELECT c.person_id, c.other_id FROM unnest($1::uuid[], $2::uuid[]) AS pair (person_id, other_id)
           JOIN people_connections c USING (person_id, other_id) WHERE c.state = 'connected'""",
        people,
        others,
    )
    return {(row[0], row[1]) for row in rows}


async def list_askers_among(work: Work, person_id: UUID, others: Sequence[UUID]) -> list[UUID]:
    """Which of these people wait for this one's answer to their request."""
    rows = await work.rows(
        """SELECT other_id FROM people_connections
           WHERE person_id = $1 AND other_id = ANY ($2::uuid[]) AND state = 'received'""",
        person_id,
        others,
    )
    return [row[0] for row in rows]


async def list_hidden_pairs(work: Work, people: Sequence[UUID], others: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """Which of the pairs (people[i], others[i]) a block hides from each other, whoever made it."""
    rows = await work.rows(
        """SELECT pair.person_id, pair.other_id
           FROM unnest($1::uuid[], $2::uuid[]) AS pair (person_id, other_id)
           JOIN people_blocks b ON b.person_id = pair.person_id AND b.blocked_id = pair.other_id
           UNION
           SELECT pair.person_id, pair.other_id
           FROM unnest($1::uuid[], $2::uuid[]) AS pair (person_id, other_id)
           JOIN people_blocks b ON b.person_id = pair.other_id AND b.blocked_id = pair.person_id""",
        people,
        others,
    )
    return {(row[0], row[1]) for row in rows}


async def list_hidden_among(work: Work, person_ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """Of these people the pairs that a block hides from each other, either way round."""
    rows = await work.rows(
        "SELECT person_id, blocked_id FROM people_blocks WHERE person_id = ANY($1) AND blocked_id = ANY($1)", person_ids
    )
    return {pair for row in rows for pair in ((row[0], row[1]), (row[1], row[0]))}


async def list_connection_ids(work: Work, person_id: UUID, after: UUID | None, limit: int) -> IdSet:
    """Those connected with a person now, in the order of their ids."""
    packed = await work.value(
        """SELECT string_agg(uuid_send(other_id), '' ORDER BY other_id) FROM (
               SELECT other_id FROM people_connections
               WHERE person_id = $1 AND state = 'connected' AND other_id > $2 ORDER BY other_id LIMIT $3) page""",
        person_id,
        after or FIRST_ID,
        limit,
    )
    return IdSet(packed or b"")


async def count_connections(work: Work, person_id: UUID, most: int) -> int:
    """How many people somebody is connected with now; counts no further than `most`."""
    count: int = await work.value(
        """SELECT count(*) FROM (
               SELECT FROM people_connections WHERE person_id = $1 AND state = 'connected' LIMIT $2) counted""",
        person_id,
        most,
    )
    return count


async def list_connections_of(work: Work, person_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    rows = await work.rows(
        """SELECT person_id, array_agg(other_id) FROM people_connections
           WHERE person_id = ANY($1) AND state = 'connected' GROUP BY person_id""",
        person_ids,
    )
    return {row[0]: row[1] for row in rows}


async def lock_pair(work: Work, one: UUID, other: UUID) -> None:
    """Until the transaction ends nobody else changes what these two are to each other.

    An advisory lock, because the rows it stands for may not exist yet.
    """
    low, high = sorted((one.bytes, other.bytes))
    digest = blake2b(low + high, digest_size=8, person=b"people.pair").digest()
    await work.write("SELECT pg_advisory_xact_lock($1)", int.from_bytes(digest, "big", signed=True))


async def find_tie(work: Work, person_id: UUID, other_id: UUID) -> Tie | None:
    """None when there is no such person, they are hidden, or a block stands between the two."""
    row = await work.row(
        f"""SELECT p.id, p.handle, p.display_name, p.avatar_url, c.connection_id, c.state, c.created_at
            FROM people_people p
            LEFT JOIN people_connections c ON c.person_id = $1 AND c.other_id = p.id
            WHERE p.id = $2 AND p.hidden_at IS NULL AND NOT {BLOCKED.format(viewer="$1", person="p.id")}""",
        person_id,
        other_id,
    )
    return None if row is None else Tie(read_card(row), row["connection_id"], row["state"], row["created_at"])


async def find_other_side(work: Work, person_id: UUID, connection_id: UUID) -> UUID | None:
    """The other person of one's connection or request."""
    found: UUID | None = await work.value(
        """SELECT other_id FROM people_connections
           WHERE person_id = $1 AND state IN ('sent', 'received', 'connected') AND connection_id = $2""",
        person_id,
        connection_id,
    )
    return found


async def insert_request(work: Work, connection_id: UUID, sender_id: UUID, receiver_id: UUID, at: datetime) -> None:
    await work.write(
        """INSERT INTO people_connections (person_id, other_id, connection_id, state, created_at)
           VALUES ($2, $3, $1, 'sent', $4), ($3, $2, $1, 'received', $4)""",
        connection_id,
        sender_id,
        receiver_id,
        at,
    )


async def connect_pair(work: Work, one: UUID, other: UUID) -> None:
    await work.write(
        """UPDATE people_connections SET state = 'connected'
           WHERE (person_id, other_id) IN (($1, $2), ($2, $1))""",
        one,
        other,
    )


async def delete_pair(work: Work, one: UUID, other: UUID) -> bool:
    """Removes connection or request; True when they were connected."""
    rows = await work.write(
        """DELETE FROM people_connections WHERE (person_id, other_id) IN (($1, $2), ($2, $1))
           RETURNING state = 'connected'""",
        one,
        other,
    )
    return any(row[0] for row in rows)


async def list_connections(
    work: Work, person_id: UUID, state: ConnectionState, before: UUID | None, limit: int
) -> list[Connection]:
    """Newest request first."""
    rows = await work.rows(
        """SELECT c.connection_id, c.state, c.created_at, p.id, p.handle, p.display_name, p.avatar_url
           FROM people_connections c
           CROSS JOIN LATERAL (SELECT * FROM people_people WHERE id = c.other_id AND hidden_at IS NULL LIMIT 1) p
           WHERE c.person_id = $1 AND c.state = $2 AND c.connection_id < $3
           ORDER BY c.connection_id DESC LIMIT $4""",
        person_id,
        state,
        before or LAST_ID,
        limit,
    )
    return [Connection(row["connection_id"], row["state"], read_card(row), row["created_at"]) for row in rows]


async def list_connection_marks(work: Work, person_id: UUID, newest: int) -> ConnectionMarks:
    """The newest connections and requests, newest first."""
    row = await work.row(_NEWEST_MARKS, person_id, newest)
    return ConnectionMarks([], [], []) if row is None or row[0] is None else _marks(*row)


async def list_connections_whole(work: Work, person_id: UUID, newest: int) -> ConnectionColumns:
    """As `list_connection_marks`, with their content."""
    row = await work.row(_NEWEST_WHOLE, person_id, newest)
    if row is None or row[0] is None:
        return ConnectionColumns(ConnectionMarks([], [], []), [], [])
    ids, others, versions, states, created = row
    marks = _marks(ids, others, versions)
    return ConnectionColumns(marks, states.split(","), instants(unpack(f">{len(marks.ids)}d", created)))


async def list_connections_by_id(
    work: Work, person_id: UUID, connection_ids: Sequence[str]
) -> list[tuple[str, ConnectionState, UUID, datetime]]:
    """Id, state, other person and time of those of the ids that are a person's connections or requests."""
    rows = await work.rows(
        """SELECT connection_id::text, state, other_id, date_part('epoch', created_at) FROM people_connections
           WHERE person_id = $1 AND state IN ('sent', 'received', 'connected')
             AND connection_id IN (SELECT unnest($2::text::uuid[]))""",
        person_id,
        array_text(connection_ids),
    )
    created = instants([row[3] for row in rows])
    return [(row[0], row[1], row[2], at) for row, at in zip(rows, created, strict=True)]


async def insert_block(work: Work, block_id: UUID, person_id: UUID, blocked_id: UUID, at: datetime) -> bool:
    """False when it stood already."""
    added = await work.write_value(
        """INSERT INTO people_blocks (id, person_id, blocked_id, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING RETURNING true""",
        block_id,
        person_id,
        blocked_id,
        at,
    )
    return added is not None


async def delete_block(work: Work, person_id: UUID, blocked_id: UUID) -> bool:
    """False when there was none."""
    removed = await work.write_value(
        "DELETE FROM people_blocks WHERE person_id = $1 AND blocked_id = $2 RETURNING true", person_id, blocked_id
    )
    return removed is not None


async def list_blocks(work: Work, person_id: UUID, before: UUID | None, limit: int) -> list[tuple[UUID, Block]]:
    """Newest first, each with its page key."""
    rows = await work.rows(
        """SELECT b.id AS block_id, b.created_at, p.id, p.handle, p.display_name, p.avatar_url
           FROM people_blocks b
           CROSS JOIN LATERAL (SELECT * FROM people_people WHERE id = b.blocked_id AND hidden_at IS NULL LIMIT 1) p
           WHERE b.person_id = $1 AND b.id < $2 ORDER BY b.id DESC LIMIT $3""",
        person_id,
        before or LAST_ID,
        limit,
    )
    return [(row["block_id"], Block(read_card(row), row["created_at"])) for row in rows]


def _marks(ids: str, others: bytes, versions: bytes) -> ConnectionMarks:
    found = ids.split(",")
    return ConnectionMarks(found, unpack("16s" * len(found), others), unpack(f">{len(found)}q", versions))
