"""SQL of lists of connections and their members."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.features.people.models import ConnectionList, IdSet, ListMember
from banyan.features.people.queries.parts import THERE, read_card
from banyan.infra.database.work import Work
from banyan.kernel.ids import FIRST_ID, LAST_ID

_LIST = f"""SELECT l.id, l.name, l.created_at,
        (SELECT count(*) FROM people_list_members m
         WHERE m.list_id = l.id AND {THERE.format(person="m.person_id")}) AS member_count
    FROM people_lists l"""


async def insert_list(work: Work, list_id: UUID, owner_id: UUID, name: str, at: datetime, most: int) -> bool:
    """False when the owner has `most` lists already, also when two add one at once: each waits for the other."""
    await work.write("SELECT FROM people_people WHERE id = $1 FOR NO KEY UPDATE", owner_id)
    added = await work.write_value(
        """INSERT INTO people_lists (id, owner_id, name, created_at)
           SELECT $1, $2::uuid, $3, $4
           WHERE (SELECT count(*) FROM people_lists WHERE owner_id = $2::uuid) < $5 RETURNING true""",
        list_id,
        owner_id,
        name,
        at,
        most,
    )
    return added is not None


async def find_list(work: Work, owner_id: UUID, list_id: UUID) -> ConnectionList | None:
    row = await work.row(f"{_LIST} WHERE l.id = $2 AND l.owner_id = $1", owner_id, list_id)
    return None if row is None else ConnectionList(row["id"], row["name"], row["member_count"], row["created_at"])


async def list_lists(work: Work, owner_id: UUID, before: UUID | None, limit: int) -> list[ConnectionList]:
    """Newest first."""
    rows = await work.rows(
        f"{_LIST} WHERE l.owner_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3", owner_id, before or LAST_ID, limit
    )
    return [ConnectionList(row["id"], row["name"], row["member_count"], row["created_at"]) for row in rows]


async def rename_list(work: Work, owner_id: UUID, list_id: UUID, name: str) -> bool:
    """False when the owner has no such list."""
    found = await work.write_value(
        "UPDATE people_lists SET name = $3 WHERE id = $2 AND owner_id = $1 RETURNING true", owner_id, list_id, name
    )
    return found is not None


async def delete_list(work: Work, owner_id: UUID, list_id: UUID) -> list[UUID] | None:
    """Who was on it; None when the owner has no such list."""
    # Whoever adds a member meanwhile holds the row: the members are read once nobody does.
    found = await work.write_value(
        "SELECT true FROM people_lists WHERE id = $2 AND owner_id = $1 FOR UPDATE", owner_id, list_id
    )
    if found is None:
        return None
    rows = await work.write("DELETE FROM people_list_members WHERE list_id = $1 RETURNING person_id", list_id)
    await work.write("DELETE FROM people_lists WHERE id = $1", list_id)
    return [row[0] for row in rows]


async def owns_list(work: Work, owner_id: UUID, list_id: UUID) -> bool:
    found: bool = await work.value(
        "SELECT EXISTS (SELECT FROM people_lists WHERE id = $2 AND owner_id = $1)", owner_id, list_id
    )
    return found


async def insert_member(
    work: Work, owner_id: UUID, list_id: UUID, person_id: UUID, membership_id: UUID, at: datetime
) -> bool | None:
    """False when that person is on the list already, None when the owner has no such list."""
    row = await work.write_row(
        """WITH list AS (SELECT id FROM people_lists WHERE id = $2 AND owner_id = $1 FOR KEY SHARE),
            added AS (
                INSERT INTO people_list_members (list_id, person_id, owner_id, id, created_at)
                SELECT list.id, $3, $1, $4, $5 FROM list ON CONFLICT DO NOTHING RETURNING 1)
           SELECT (SELECT count(*) FROM added) > 0 FROM list""",
        owner_id,
        list_id,
        person_id,
        membership_id,
        at,
    )
    return None if row is None else bool(row[0])


async def delete_member(work: Work, owner_id: UUID, list_id: UUID, person_id: UUID) -> bool:
    """False when that person was not on the owner's list."""
    removed = await work.write_value(
        """DELETE FROM people_list_members WHERE list_id = $2 AND person_id = $3 AND owner_id = $1
           RETURNING true""",
        owner_id,
        list_id,
        person_id,
    )
    return removed is not None


async def delete_memberships(work: Work, one: UUID, other: UUID) -> list[tuple[UUID, UUID, UUID]]:
    """Takes two people off each other's lists: (list, owner, member) of each row that went."""
    rows = await work.write(
        """DELETE FROM people_list_members WHERE (person_id, owner_id) IN (($1, $2), ($2, $1))
           RETURNING list_id, owner_id, person_id""",
        one,
        other,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def list_members(work: Work, list_id: UUID, before: UUID | None, limit: int) -> list[tuple[UUID, ListMember]]:
    """Who was added last comes first; each with its page key."""
    rows = await work.rows(
        """SELECT m.id AS membership_id, m.created_at, p.id, p.handle, p.display_name, p.avatar_url
           FROM people_list_members m
           CROSS JOIN LATERAL (SELECT * FROM people_people WHERE id = m.person_id AND hidden_at IS NULL LIMIT 1) p
           WHERE m.list_id = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3""",
        list_id,
        before or LAST_ID,
        limit,
    )
    return [(row["membership_id"], ListMember(read_card(row), row["created_at"])) for row in rows]


async def list_members_among(work: Work, list_id: UUID, person_ids: Sequence[UUID]) -> list[UUID]:
    rows = await work.rows(
        "SELECT person_id FROM people_list_members WHERE list_id = $1 AND person_id = ANY($2::uuid[])",
        list_id,
        person_ids,
    )
    return [row[0] for row in rows]


async def list_member_ids(work: Work, list_id: UUID, after: UUID | None, limit: int) -> IdSet:
    """The members now, in the order of their ids."""
    packed = await work.value(
        """SELECT string_agg(uuid_send(person_id), '' ORDER BY person_id) FROM (
               SELECT person_id FROM people_list_members
               WHERE list_id = $1 AND person_id > $2 ORDER BY person_id LIMIT $3) page""",
        list_id,
        after or FIRST_ID,
        limit,
    )
    return IdSet(packed or b"")
