"""SQL of people and connections that are taken over in bulk."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from banyan.features.people.models import ConnectionSide, PersonImport
from banyan.infra.database.work import Work


async def insert_people(work: Work, people: Sequence[PersonImport], reserved_since: datetime) -> int:
    """How many were added: those whose id or handle is taken, or was given up after `reserved_since`, are left out."""
    added: int = await work.write_value(
        """WITH added AS (
               INSERT INTO people_people (id, handle, display_name, bio, avatar_url, created_at)
               SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
                   AS new (id, handle, display_name, bio, avatar_url, created_at)
               WHERE NOT EXISTS (SELECT FROM people_handle_changes c
                   WHERE c.handle = new.handle AND c.changed_at > $7)
               ON CONFLICT DO NOTHING RETURNING 1)
           SELECT count(*) FROM added""",
        [person.id for person in people],
        [person.handle for person in people],
        [person.display_name for person in people],
        [person.bio for person in people],
        [person.avatar_url for person in people],
        [person.created_at for person in people],
        reserved_since,
    )
    return added


async def copy_connections(work: Work, sides: Sequence[ConnectionSide]) -> Literal["added", "taken", "nobody"]:
    """Anything but "added" loses the transaction: a pair was given twice or is there, or a person does not exist."""
    try:
        await work.copy(
            "people_connections",
            ("person_id", "other_id", "connection_id", "state", "created_at"),
            [(side.person_id, side.other_id, side.connection_id, "connected", side.created_at) for side in sides],
        )
    except asyncpg.UniqueViolationError:
        return "taken"
    except asyncpg.ForeignKeyViolationError:
        return "nobody"
    return "added"


async def digest_sides(work: Work, person_ids: Sequence[UUID]) -> int:
    """A digest of 64 bits of the connections of these people in which a connection with both sides counts for
    nothing: each side adds itself (xor) and what the other one has to look like.
    """
    digest: int = await work.value(
        """SELECT coalesce(bit_xor(hash_record_extended(ROW(person_id, other_id, connection_id), 0)
                                 # hash_record_extended(ROW(other_id, person_id, connection_id), 0)), 0)
           FROM people_connections WHERE person_id = ANY($1)""",
        person_ids,
    )
    return digest


async def analyze(work: Work) -> None:
    """Fresh statistics after a bulk load: without them the planner takes these tables for empty."""
    await work.write("ANALYZE people_people, people_connections")
