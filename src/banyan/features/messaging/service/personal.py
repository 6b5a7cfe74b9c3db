"""All that one person wrote and chose: pages of it for their export, and its end when they are deleted."""

from uuid import UUID

from banyan.features.messaging.jobs import EraseConversation
from banyan.features.messaging.queries import personal as queries
from banyan.features.messaging.queries.messages import find_message, put_reaction
from banyan.features.messaging.service.members import take_out
from banyan.features.messaging.service.reactions import take_back
from banyan.infra.database.work import Work
from banyan.infra.export_pages import export_pages
from banyan.infra.streams.events import delete_log, renew_log
from banyan.kernel.ids import FIRST_ID

_MESSAGES_AT_ONCE = 500
_REACTIONS_AT_ONCE = 50
_CONVERSATIONS_AT_ONCE = 20

CONVERSATIONS = export_pages(queries.list_memberships, lambda row: row.conversation_id)
MESSAGES = export_pages(queries.list_messages, lambda row: row.id)
REACTIONS = export_pages(queries.list_reactions, lambda row: row.message_id)


async def erase(work: Work, person_id: UUID) -> bool:
    """Messages stay, as of a deleted account; reactions go and counts stay right; the person is in no conversation
    any more. True while there is more.
    """
    return (
        await _erase_reactions(work, person_id)
        or await _unlink_messages(work, person_id)
        or await _leave_conversations(work, person_id)
    )


async def erase_conversation(work: Work, job: EraseConversation) -> None:
    """A conversation in which nobody is left: some messages, then the rest, then itself."""
    if await queries.delete_messages(work, job.conversation_id, _MESSAGES_AT_ONCE) == _MESSAGES_AT_ONCE:
        work.enqueue(job)
        return
    await delete_log(work, job.conversation_id)
    await queries.delete_conversation(work, job.conversation_id)


async def _erase_reactions(work: Work, person_id: UUID) -> bool:
    reactions = await queries.list_reactions(work, person_id, FIRST_ID, _REACTIONS_AT_ONCE)
    for reaction in reactions:
        message = await find_message(work, person_id, reaction.message_id)
        if message is None or message.deleted:
            # It went at the same moment as the person chose.
            await put_reaction(work, reaction.message_id, person_id, None, reaction.created_at, {})
        else:
            await take_back(work, person_id, message)
    return bool(reactions)


async def _unlink_messages(work: Work, person_id: UUID) -> bool:
    """The logs of those conversations hold the name of who wrote: they begin anew."""
    conversations = await queries.unlink_messages(work, person_id, _MESSAGES_AT_ONCE)
    for conversation_id in conversations:
        await renew_log(work, conversation_id)
    return bool(conversations)


async def _leave_conversations(work: Work, person_id: UUID) -> bool:
    conversations = await queries.list_conversation_ids(work, person_id, _CONVERSATIONS_AT_ONCE)
    for conversation_id in conversations:
        await take_out(work, conversation_id, person_id)
    return bool(conversations)
