"""SQL of conversations and their members. Whoever changes who is in one holds the lock of its row."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from banyan.features.messaging.models import POINTED_MEMBERS, Membership, MessageRow, Overview
from banyan.features.messaging.queries.messages import MESSAGE_COLUMNS, message_of
from banyan.infra.database.work import Record, Work

_PREVIEWED = 5
_MEMBERSHIP = """c.id, c.title, c.owner_id, c.low_id, c.high_id, c.created_at, c.seq, c.member_count, c.activity_id,
    m.read_seq, m.own_above, m.muted"""
_MEMBERSHIP_COLUMNS = 12
# A block hides a direct conversation from both.
_SEEN = "(c.low_id IS NULL OR (c.low_id <> ALL({hidden}::uuid[]) AND c.high_id <> ALL({hidden}::uuid[])))"

_FIND = f"""SELECT {_MEMBERSHIP} FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
    WHERE m.conversation_id = $1 AND m.person_id = $2 AND {_SEEN.format(hidden="$3")}"""
_OTHERS = """SELECT array_agg(person_id) FROM (
        SELECT person_id FROM messaging_members
        WHERE conversation_id = c.id AND person_id <> $1 AND person_id <> ALL($2::uuid[])
        ORDER BY person_id LIMIT {limit}) AS other"""
_OVERVIEW = f"""SELECT {_MEMBERSHIP}, ({_OTHERS.format(limit=_PREVIEWED)}) AS others, {MESSAGE_COLUMNS}
    FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
    LEFT JOIN messaging_messages g ON g.conversation_id = c.id AND g.seq = c.seq
    LEFT JOIN messaging_reactions r ON r.message_id = g.id AND r.person_id = $1
    WHERE m.person_id = $1 AND {_SEEN.format(hidden="$2")}"""
_LIST = f"{_OVERVIEW} AND ($3::uuid IS NULL OR c.activity_id < $3) ORDER BY c.activity_id DESC LIMIT $4"
_SHOW = f"{_OVERVIEW} AND m.conversation_id = $3"
_ADD = """INSERT INTO messaging_members (conversation_id, person_id, read_seq, joined_at)
    SELECT $1, person_id, $3, $4 FROM unnest($2::uuid[]) AS person_id
    ON CONFLICT DO NOTHING RETURNING person_id, version"""


async def insert_conversation(
    work: Work,
    conversation_id: UUID,
    *,
    title: str | None,
    owner_id: UUID | None,
    pair: tuple[UUID, UUID] | None,
    member_count: int,
    at: datetime,
) -> bool:
    """False where the pair has a conversation, also one that was being made at the same moment."""
    low, high = sorted(pair) if pair else (None, None)
    made = await work.write_value(
        """INSERT INTO messaging_conversations
               (id, title, owner_id, low_id, high_id, created_at, member_count, activity_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $1) ON CONFLICT DO NOTHING RETURNING true""",
        conversation_id,
        title,
        owner_id,
        low,
        high,
        at,
        member_count,
    )
    return made is not None


async def find_direct(work: Work, pair: tuple[UUID, UUID]) -> UUID | None:
    """The id of the conversation of two people."""
    low, high = sorted(pair)
    found: UUID | None = await work.value(
        "SELECT id FROM messaging_conversations WHERE low_id = $1 AND high_id = $2", low, high
    )
    return found


async def find_membership(
    work: Work, conversation_id: UUID, person_id: UUID, hidden: Sequence[UUID]
) -> Membership | None:
    """None where one is no member, or may not see a direct conversation because of a block."""
    row = await work.row(_FIND, conversation_id, person_id, hidden)
    return None if row is None else Membership(*row)


async def list_overviews(
    work: Work, person_id: UUID, hidden: Sequence[UUID], before: UUID | None, limit: int
) -> list[tuple[Overview, MessageRow | None]]:
    """Newest activity first, each with its last message."""
    return [_overview(row) for row in await work.rows(_LIST, person_id, hidden, before, limit)]


async def find_overview(
    work: Work, person_id: UUID, hidden: Sequence[UUID], conversation_id: UUID
) -> tuple[Overview, MessageRow | None] | None:
    row = await work.row(_SHOW, person_id, hidden, conversation_id)
    return None if row is None else _overview(row)


async def lock_conversation(work: Work, conversation_id: UUID) -> tuple[int, int] | None:
    """`seq` and member count; until the transaction ends nobody writes here, joins or leaves."""
    row = await work.write_row(
        "SELECT seq, member_count FROM messaging_conversations WHERE id = $1 FOR NO KEY UPDATE", conversation_id
    )
    return None if row is None else (row[0], row[1])


async def insert_members(
    work: Work, conversation_id: UUID, person_ids: Sequence[UUID], read_seq: int, at: datetime
) -> list[UUID]:
    """Those who were no members yet. The caller holds the lock, or has just made the conversation."""
    return [row[0] for row in await work.write(_ADD, conversation_id, person_ids, read_seq, at)]


async def delete_member(work: Work, conversation_id: UUID, person_id: UUID) -> bool:
    """False where the person was no member. The caller holds the lock."""
    gone = await work.write_value(
        "DELETE FROM messaging_members WHERE conversation_id = $1 AND person_id = $2 RETURNING true",
        conversation_id,
        person_id,
    )
    return gone is not None


async def change_member_count(work: Work, conversation_id: UUID, by: int) -> int:
    """How many there are now."""
    return int(
        await work.write_value(
            "UPDATE messaging_conversations SET member_count = member_count + $2 WHERE id = $1 RETURNING member_count",
            conversation_id,
            by,
        )
    )


async def pass_on_ownership(work: Work, conversation_id: UUID, from_id: UUID) -> UUID | None:
    """Who owns the group from now on: after its owner left, whoever has been a member for longest."""
    owner: UUID | None = await work.write_value(
        """UPDATE messaging_conversations c SET owner_id = CASE WHEN c.owner_id = $2 THEN (
               SELECT person_id FROM messaging_members WHERE conversation_id = $1 ORDER BY joined_at, person_id LIMIT 1)
               ELSE c.owner_id END
           WHERE c.id = $1 RETURNING owner_id""",
        conversation_id,
        from_id,
    )
    return owner


async def rename(work: Work, conversation_id: UUID, title: str | None) -> None:
    await work.write("UPDATE messaging_conversations SET title = $2 WHERE id = $1", conversation_id, title)


async def list_members(
    work: Work, conversation_id: UUID, hidden: Sequence[UUID], after: UUID, limit: int
) -> list[tuple[UUID, int, datetime]]:
    """Person, how far they have read and since when they are here, in the order of ids."""
    rows = await work.rows(
        """SELECT person_id, read_seq, joined_at FROM messaging_members
           WHERE conversation_id = $1 AND person_id > $2 AND person_id <> ALL($3::uuid[])
           ORDER BY person_id LIMIT $4""",
        conversation_id,
        after,
        hidden,
        limit,
    )
    return [(person, read_seq, joined_at) for person, read_seq, joined_at in rows]


async def list_member_ids(work: Work, conversation_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """In the order of ids."""
    rows = await work.rows(
        """SELECT person_id FROM messaging_members WHERE conversation_id = $1 AND person_id > $2
           ORDER BY person_id LIMIT $3""",
        conversation_id,
        after,
        limit,
    )
    return [row[0] for row in rows]


async def list_recipients(work: Work, message_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """Members who have not muted the message's conversation and have not read up to it, in the order of ids."""
    rows = await work.rows(
        """SELECT m.person_id FROM messaging_messages g JOIN messaging_members m USING (conversation_id)
           WHERE g.id = $1 AND m.person_id > $2 AND NOT m.muted AND m.read_seq < g.seq ORDER BY m.person_id LIMIT $3""",
        message_id,
        after,
        limit,
    )
    return [row[0] for row in rows]


async def has_member_of(work: Work, conversation_id: UUID, person_ids: Sequence[UUID]) -> bool:
    """Whether one of these people is a member."""
    found = await work.value(
        "SELECT true FROM messaging_members WHERE conversation_id = $1 AND person_id = ANY($2::uuid[]) LIMIT 1",
        conversation_id,
        person_ids,
    )
    return found is not None


async def lock_member(work: Work, conversation_id: UUID, person_id: UUID) -> bool:
    """Nobody else changes how far this member has read until the transaction ends."""
    found = await work.write_value(
        "SELECT true FROM messaging_members WHERE conversation_id = $1 AND person_id = $2 FOR NO KEY UPDATE",
        conversation_id,
        person_id,
    )
    return found is not None


async def set_muted(work: Work, conversation_id: UUID, person_id: UUID, *, muted: bool) -> int | None:
    """The version of the member's row where this changed something."""
    version: int | None = await work.write_value(
        """UPDATE messaging_members SET muted = $3, version = version + 1
           WHERE conversation_id = $1 AND person_id = $2 AND muted <> $3 RETURNING version""",
        conversation_id,
        person_id,
        muted,
    )
    return version


async def move_read(work: Work, conversation_id: UUID, person_id: UUID, seq: int) -> tuple[int, int, int] | None:
    """Up to where one has read, never back: `read_seq`, one's own messages above it, and the row's version. None
    where it stood there already. The caller holds the member's lock: what it counts is as of after that.
    """
    row = await work.write_row(
        """UPDATE messaging_members SET read_seq = $3, version = version + 1, own_above = CASE WHEN own_above = 0
               THEN 0 ELSE (
                   SELECT count(*) FROM messaging_messages
                   WHERE conversation_id = $1 AND seq > $3 AND author_id = $2) END
           WHERE conversation_id = $1 AND person_id = $2 AND read_seq < $3
           RETURNING read_seq, own_above, version""",
        conversation_id,
        person_id,
        seq,
    )
    return None if row is None else (row[0], row[1], row[2])


async def list_pointer_versions(
    work: Work, person_id: UUID, hidden: Sequence[UUID], limit: int
) -> list[tuple[str, int]]:
    """Of the conversations whose members' own streams point to them, newest activity first."""
    rows = await work.rows(
        f"""SELECT c.id::text, c.seq + m.version
            FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
            WHERE m.person_id = $1 AND c.member_count <= {POINTED_MEMBERS} AND {_SEEN.format(hidden="$2")}
            ORDER BY c.activity_id DESC LIMIT $3""",
        person_id,
        hidden,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def list_memberships_by_id(
    work: Work, person_id: UUID, hidden: Sequence[UUID], ids: Sequence[str]
) -> list[Membership]:
    rows = await work.rows(
        f"""SELECT {_MEMBERSHIP} FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
            WHERE m.person_id = $1 AND m.conversation_id = ANY($3::uuid[])
                AND c.member_count <= {POINTED_MEMBERS} AND {_SEEN.format(hidden="$2")}""",
        person_id,
        hidden,
        ids,
    )
    return [Membership(*row) for row in rows]


async def list_unread_among(work: Work, person_id: UUID, hidden: Sequence[UUID], ids: Sequence[UUID]) -> list[UUID]:
    """Those of these conversations in which a person has something unread, however large they are."""
    rows = await work.rows(
        f"""SELECT m.conversation_id
            FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
            WHERE m.person_id = $1 AND m.conversation_id = ANY($3::uuid[])
                AND c.seq > m.read_seq + m.own_above AND {_SEEN.format(hidden="$2")}""",
        person_id,
        hidden,
        ids,
    )
    return [row[0] for row in rows]


def _overview(row: Record) -> tuple[Overview, MessageRow | None]:
    values = tuple(row)
    membership = Membership(*values[:_MEMBERSHIP_COLUMNS])
    message = values[_MEMBERSHIP_COLUMNS + 1 :]
    overview = Overview(membership, values[_MEMBERSHIP_COLUMNS] or [])
    return overview, None if message[0] is None else message_of(message)
