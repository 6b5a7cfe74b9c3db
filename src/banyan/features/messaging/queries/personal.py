"""All that one person wrote and chose: for their export, and to be erased."""

from uuid import UUID

from banyan.features.messaging.models import OwnMembership, OwnMessage, OwnReaction
from banyan.features.people.models import NOBODY
from banyan.infra.database.work import Work


async def list_messages(work: Work, author_id: UUID, after: UUID, limit: int) -> list[OwnMessage]:
    """Oldest first."""
    rows = await work.rows(
        """SELECT id, conversation_id, body, reply_to, created_at, edited_at FROM messaging_messages
           WHERE author_id = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT $3""",
        author_id,
        after,
        limit,
    )
    return [OwnMessage(*row) for row in rows]


async def list_reactions(work: Work, person_id: UUID, after: UUID, limit: int) -> list[OwnReaction]:
    """In the order of the messages."""
    rows = await work.rows(
        """SELECT message_id, kind, created_at FROM messaging_reactions
           WHERE person_id = $1 AND message_id > $2 ORDER BY message_id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [OwnReaction(*row) for row in rows]


async def list_memberships(work: Work, person_id: UUID, after: UUID, limit: int) -> list[OwnMembership]:
    """In the order of the conversations' ids."""
    rows = await work.rows(
        """SELECT c.id, c.title, m.joined_at, m.read_seq, m.muted
           FROM messaging_members m JOIN messaging_conversations c ON c.id = m.conversation_id
           WHERE m.person_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3""",
        person_id,
        after,
        limit,
    )
    return [OwnMembership(*row) for row in rows]


async def unlink_messages(work: Work, author_id: UUID, limit: int) -> list[UUID]:
    """Messages stay, and nobody can tell any more whose they were; the conversations of those that were unlinked."""
    rows = await work.write(
        """WITH message AS (
               UPDATE messaging_messages SET author_id = $3, client_id = NULL, digest = NULL
               WHERE id IN (SELECT id FROM messaging_messages WHERE author_id = $1 LIMIT $2 FOR NO KEY UPDATE)
               RETURNING conversation_id)
           SELECT DISTINCT conversation_id FROM message ORDER BY conversation_id""",
        author_id,
        limit,
        NOBODY,
    )
    return [row[0] for row in rows]


async def list_conversation_ids(work: Work, person_id: UUID, limit: int) -> list[UUID]:
    """Some of the conversations that a person is in, in one order for all who lock them."""
    rows = await work.rows(
        "SELECT conversation_id FROM messaging_members WHERE person_id = $1 ORDER BY conversation_id LIMIT $2",
        person_id,
        limit,
    )
    return [row[0] for row in rows]


async def delete_messages(work: Work, conversation_id: UUID, limit: int) -> int:
    """Some messages of a conversation in which nobody is left, with their reactions; how many."""
    rows = await work.write(
        """WITH message AS (
               DELETE FROM messaging_messages WHERE id IN (
                   SELECT id FROM messaging_messages WHERE conversation_id = $1 LIMIT $2)
               RETURNING id),
           reactions AS (DELETE FROM messaging_reactions r USING message WHERE r.message_id = message.id)
           SELECT id FROM message""",
        conversation_id,
        limit,
    )
    return len(rows)


async def delete_conversation(work: Work, conversation_id: UUID) -> None:
    await work.write("DELETE FROM messaging_conversations WHERE id = $1 AND member_count = 0", conversation_id)
