"""SQL of messages and reactions. Their order is given under the lock of the conversation's row."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from banyan.features.messaging.models import POINTED_MEMBERS, MessageRow, Written
from banyan.infra.database.pending import Part
from banyan.infra.database.work import Work

MESSAGE_COLUMNS = """g.id, g.conversation_id, g.seq, g.author_id, g.client_id, g.digest, g.body, g.reply_to,
    g.attachments, g.reaction_counts, g.created_at, g.edited_at, g.deleted, r.kind"""
_MESSAGES = f"""SELECT {MESSAGE_COLUMNS} FROM messaging_messages g
    LEFT JOIN messaging_reactions r ON r.message_id = g.id AND r.person_id = $1"""

_NEWEST = f"{_MESSAGES} WHERE g.conversation_id = $2 AND g.seq < $3 ORDER BY g.seq DESC LIMIT $4"
_OLDEST = f"{_MESSAGES} WHERE g.conversation_id = $2 AND g.seq > $3 ORDER BY g.seq LIMIT $4"

# All that a message changes in its conversation. The number comes from the row that is locked, so it is right also
# after waiting for the lock. A client_id that is there already is found before anything is touched; where two of the
# same race, the later one finds it at the insert, and nothing follows. In JSON `"seq":0` is never part of a text, where
# quotes are escaped: it stands in for the number. What is said waits for `own`: whoever marks what they have read locks
# their member's row first and then the log, too.
_WRITE = f"""place AS (
        SELECT seq + 1 AS seq, member_count FROM messaging_conversations
        WHERE id = $2
            AND EXISTS (SELECT FROM messaging_members WHERE conversation_id = $2 AND person_id = $3)
            AND NOT EXISTS (
                SELECT FROM messaging_messages WHERE author_id = $3 AND conversation_id = $2 AND client_id = $4)
            AND (low_id IS NULL OR (member_count = 2 AND low_id <> ALL($9::uuid[]) AND high_id <> ALL($9::uuid[])))
            AND ($7::uuid IS NULL OR EXISTS (
                SELECT FROM messaging_messages
                WHERE id = $7 AND conversation_id = $2 AND NOT deleted AND author_id <> ALL($9::uuid[])))
        FOR NO KEY UPDATE),
    message AS (
        INSERT INTO messaging_messages
            (id, conversation_id, seq, author_id, client_id, digest, body, reply_to, created_at)
        SELECT $1, $2, seq, $3, $4, $5, $6, $7, $8 FROM place
        ON CONFLICT (author_id, conversation_id, client_id) DO NOTHING RETURNING seq),
    conversation AS (
        UPDATE messaging_conversations c SET seq = message.seq, activity_id = greatest(c.activity_id, $1)
        FROM message WHERE c.id = $2),
    own AS (
        UPDATE messaging_members m SET
            read_seq = CASE WHEN m.read_seq + m.own_above = message.seq - 1 THEN message.seq ELSE m.read_seq END,
            own_above = CASE WHEN m.read_seq + m.own_above = message.seq - 1 THEN 0 ELSE m.own_above + 1 END
        FROM message WHERE m.conversation_id = $2 AND m.person_id = $3 RETURNING m.person_id),
    divided AS (
        SELECT seq, cardinality($9::uuid[]) > 0 AND EXISTS (
            SELECT FROM messaging_members WHERE conversation_id = $2 AND person_id = ANY($9::uuid[])) AS divided
        FROM message LEFT JOIN own ON true),
    said AS (
        SELECT $2::uuid AS log_id, $1::uuid AS subject_id, convert_to(replace(
            CASE WHEN divided THEN $11::text ELSE $10::text END, '"seq":0', '"seq":' || seq), 'UTF8') AS body
        FROM divided),
    told AS (
        SELECT m.person_id, m.person_id::text AS key, message.seq + m.version AS version
        FROM message, place, messaging_members m
        WHERE m.conversation_id = $2 AND place.member_count <= {POINTED_MEMBERS})"""
_WRITTEN = "SELECT seq, last_seq, divided, ARRAY(SELECT person_id FROM told) FROM divided, log"

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


def message_of(row: Iterable[Any]) -> MessageRow:
    """A row of MESSAGE_COLUMNS."""
    message, place, seq, author, client, digest, body, reply_to, files, counts, created, edited, deleted, kind = row
    return MessageRow(
        message,
        place,
        seq,
        author,
        client,
        digest,
        body,
        reply_to,
        files,
        _decode_counts(counts) if counts else {},
        created,
        edited,
        deleted,
        kind,
    )


async def write_message(
    work: Work, message: MessageRow, hidden: Sequence[UUID], said: str, closed: str, log: Sequence[Part]
) -> Written | None:
    """Numbers and inserts a message, which concludes the work. `log` appends what the CTE `said` holds: JSON, `closed`
    where a member is hidden from the author, else `said`. None where its author may not write here, where it answers
    no message of this conversation, or where the client_id is there already.
    """
    values = (
        message.id,
        message.conversation_id,
        message.author_id,
        message.client_id,
        message.digest,
        message.body,
        message.reply_to,
        message.created_at,
        hidden,
        said,
        closed,
    )
    row = await work.conclude(_WRITTEN, Part(_WRITE, values), *log)
    return None if row is None else Written(*row)


async def find_by_client_id(work: Work, conversation_id: UUID, author_id: UUID, client_id: str) -> MessageRow | None:
    row = await work.row(
        f"{_MESSAGES} WHERE g.author_id = $1 AND g.conversation_id = $2 AND g.client_id = $3",
        author_id,
        conversation_id,
        client_id,
    )
    return None if row is None else message_of(row)


async def find_message(work: Work, viewer_id: UUID, message_id: UUID) -> MessageRow | None:
    row = await work.row(f"{_MESSAGES} WHERE g.id = $2", viewer_id, message_id)
    return None if row is None else message_of(row)


async def list_before(work: Work, viewer_id: UUID, conversation_id: UUID, before: int, limit: int) -> list[MessageRow]:
    """Newest first, those below a number."""
    return [message_of(row) for row in await work.rows(_NEWEST, viewer_id, conversation_id, before, limit)]


async def list_after(work: Work, viewer_id: UUID, conversation_id: UUID, after: int, limit: int) -> list[MessageRow]:
    """Oldest first, those above a number."""
    return [message_of(row) for row in await work.rows(_OLDEST, viewer_id, conversation_id, after, limit)]


async def find_seq(work: Work, conversation_id: UUID, message_id: UUID) -> int | None:
    """The place of a message in its conversation."""
    seq: int | None = await work.value(
        "SELECT seq FROM messaging_messages WHERE id = $1 AND conversation_id = $2", message_id, conversation_id
    )
    return seq


async def find_reading(
    work: Work, conversation_id: UUID, message_id: UUID, read_seq: int
) -> tuple[int | None, UUID | None]:
    """The place of a message in its conversation, and the first message after `read_seq`."""
    row = await work.row(
        """SELECT (SELECT seq FROM messaging_messages WHERE id = $2 AND conversation_id = $1),
               (SELECT id FROM messaging_messages WHERE conversation_id = $1 AND seq = $3 + 1)""",
        conversation_id,
        message_id,
        read_seq,
    )
    return (None, None) if row is None else (row[0], row[1])


async def edit_message(work: Work, message_id: UUID, body: str, at: datetime) -> bool:
    """False where it is deleted by now."""
    done = await work.write_value(
        "UPDATE messaging_messages SET body = $2, edited_at = $3 WHERE id = $1 AND NOT deleted RETURNING true",
        message_id,
        body,
        at,
    )
    return done is not None


async def delete_message(work: Work, message_id: UUID) -> bool:
    """Its content goes, its place stays. False where it is deleted by now."""
    done = await work.write_value(
        """WITH message AS (
               UPDATE messaging_messages
               SET deleted = true, body = '', attachments = '{}', reaction_counts = NULL, edited_at = NULL
               WHERE id = $1 AND NOT deleted RETURNING id),
           reactions AS (DELETE FROM messaging_reactions USING message WHERE message_id = message.id)
           SELECT true FROM message""",
        message_id,
    )
    return done is not None


async def lock_reactions(work: Work, message_id: UUID, person_id: UUID) -> tuple[dict[str, int], str | None] | None:
    """Counts, and the person's own kind: the message's row is locked first, so that of two at once the later one
    sees what the earlier one chose. None where the message is deleted.
    """
    row = await work.write_row(
        "SELECT reaction_counts FROM messaging_messages WHERE id = $1 AND NOT deleted FOR NO KEY UPDATE", message_id
    )
    if row is None:
        return None
    kind: str | None = await work.value(
        "SELECT kind FROM messaging_reactions WHERE message_id = $1 AND person_id = $2", message_id, person_id
    )
    return (_decode_counts(row[0]) if row[0] else {}), kind


async def put_reaction(
    work: Work, message_id: UUID, person_id: UUID, kind: str | None, at: datetime, counts: dict[str, int]
) -> None:
    """Sets or removes (None) a person's reaction. The caller holds the message's lock."""
    stored = msgspec.json.encode(counts).decode() if counts else None
    if kind is None:
        await work.write(
            """WITH gone AS (DELETE FROM messaging_reactions WHERE message_id = $1 AND person_id = $2)
               UPDATE messaging_messages SET reaction_counts = $3 WHERE id = $1""",
            message_id,
            person_id,
            stored,
        )
        return
    await work.write(
        """WITH chosen AS (
               INSERT INTO messaging_reactions (message_id, person_id, kind, created_at) VALUES ($1, $2, $4, $5)
               ON CONFLICT (message_id, person_id) DO UPDATE SET kind = excluded.kind, created_at = excluded.created_at)
           UPDATE messaging_messages SET reaction_counts = $3 WHERE id = $1""",
        message_id,
        person_id,
        stored,
        kind,
        at,
    )
