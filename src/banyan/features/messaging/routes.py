"""Conversations, messages and reactions over HTTP."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import UNSET

from banyan.features.messaging.errors import (
    ClientIdReused,
    DirectConversation,
    GroupFull,
    NotTheAuthor,
    NotTheOwner,
    RecipientGone,
)
from banyan.features.messaging.models import (
    ChatMessage,
    Conversation,
    ConversationChanges,
    Member,
    MessageReactions,
    MessageText,
    NewConversation,
    NewMembers,
    NewMessage,
    ReadMark,
    ReadState,
)
from banyan.features.messaging.service.conversations import Conversations
from banyan.features.messaging.service.members import Members
from banyan.features.messaging.service.messages import Messages
from banyan.features.messaging.service.reactions import Reactions
from banyan.features.people.errors import PersonNotFound
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    QueryParameter,
    Request,
    delete,
    get,
    patch,
    post,
    put,
)
from banyan.kernel.errors import Invalid
from banyan.kernel.pages import DEFAULT_LIMIT, Page

Before = Annotated[str | None, QueryParameter(description="Only older ones than this message: its id or its `seq`.")]
After = Annotated[
    str | None,
    QueryParameter(description="Only newer ones than this message, oldest first: its id or its `seq`; 0 for all."),
]


class ConversationRoutes(Controller):
    path = "/v1/conversations"
    tags = ["messaging"]
    conversations: Conversations
    members: Members
    messages: Messages

    @post(raises=[PersonNotFound])
    async def create(self, request: Request, data: JSONBody[NewConversation]) -> Conversation:
        """Begin a conversation.

        One other person and no title: the direct conversation with them, which is one per pair, so the answer may be
        one that is there already. Otherwise a new group.
        """
        return await self.conversations.create_conversation(request.work, request.account_id, data)

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Conversation]:
        """One's conversations, newest activity first, with last message and unread count."""
        return await self.conversations.list_conversations(request.work, request.account_id, limit, cursor)

    @get("/{conversation_id:uuid}")
    async def show(self, request: Request, conversation_id: FromPath[UUID]) -> Conversation:
        """One conversation."""
        return await self.conversations.get_conversation(request.work, request.account_id, conversation_id)

    @patch("/{conversation_id:uuid}", raises=[DirectConversation, NotTheOwner])
    async def change(
        self, request: Request, conversation_id: FromPath[UUID], data: JSONBody[ConversationChanges]
    ) -> Conversation:
        """Rename a group that one owns."""
        return await self.conversations.change_conversation(request.work, request.account_id, conversation_id, data)

    @post("/{conversation_id:uuid}/messages", raises=[ClientIdReused, RecipientGone])
    async def send_message(
        self, request: Request, conversation_id: FromPath[UUID], data: JSONBody[NewMessage]
    ) -> ChatMessage:
        """Write a message.

        The same `client_id` with the same content returns the first message, however often it is sent; with another
        content it is refused.
        """
        return await self.messages.send_message(request.work, request.account_id, conversation_id, data)

    @get("/{conversation_id:uuid}/messages")
    async def list_messages(
        self,
        request: Request,
        conversation_id: FromPath[UUID],
        before: Before = None,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[ChatMessage]:
        """Messages, newest first, or with `after` oldest first."""
        return await self.messages.list_messages(
            request.work, request.account_id, conversation_id, limit, before=before, after=after, cursor=cursor
        )

    @put("/{conversation_id:uuid}/read")
    async def mark_read(self, request: Request, conversation_id: FromPath[UUID], data: JSONBody[ReadMark]) -> ReadState:
        """Say how far one has read; never goes back."""
        return await self.conversations.mark_read(request.work, request.account_id, conversation_id, data.message_id)

    @put("/{conversation_id:uuid}/mute", status=204)
    async def mute(self, request: Request, conversation_id: FromPath[UUID]) -> None:
        """Be told no more of what is written there."""
        await self.conversations.mute_conversation(request.work, request.account_id, conversation_id, muted=True)

    @delete("/{conversation_id:uuid}/mute")
    async def unmute(self, request: Request, conversation_id: FromPath[UUID]) -> None:
        """Be told again."""
        await self.conversations.mute_conversation(request.work, request.account_id, conversation_id, muted=False)

    @get("/{conversation_id:uuid}/members")
    async def list_members(
        self, request: Request, conversation_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Member]:
        """Who is in a conversation, and how far each has read."""
        return await self.members.list_members(request.work, request.account_id, conversation_id, limit, cursor)

    @post("/{conversation_id:uuid}/members", status=204, raises=[DirectConversation, GroupFull])
    async def add_members(self, request: Request, conversation_id: FromPath[UUID], data: JSONBody[NewMembers]) -> None:
        """Add people to a group; any member may. Who is in it already stays so."""
        await self.members.add_members(request.work, request.account_id, conversation_id, _named(data))

    @put("/{conversation_id:uuid}/members/{person_id:uuid}", status=204, raises=[DirectConversation, GroupFull])
    async def add_member(self, request: Request, conversation_id: FromPath[UUID], person_id: FromPath[UUID]) -> None:
        """Add one person to a group; any member may."""
        await self.members.add_members(request.work, request.account_id, conversation_id, [person_id])

    @delete("/{conversation_id:uuid}/members/{person_id:uuid}", raises=[DirectConversation, NotTheOwner])
    async def remove_member(self, request: Request, conversation_id: FromPath[UUID], person_id: FromPath[UUID]) -> None:
        """Take somebody out of a group that one owns, or leave it oneself."""
        await self.members.remove_member(request.work, request.account_id, conversation_id, person_id)

    @post("/{conversation_id:uuid}/leave", status=204, raises=[DirectConversation])
    async def leave(self, request: Request, conversation_id: FromPath[UUID]) -> None:
        """Leave a group."""
        await self.members.remove_member(request.work, request.account_id, conversation_id, request.account_id)


class MessageRoutes(Controller):
    path = "/v1/messages"
    tags = ["messaging"]
    messages: Messages
    reactions: Reactions

    @get("/{message_id:uuid}")
    async def show(self, request: Request, message_id: FromPath[UUID]) -> ChatMessage:
        """One message."""
        return await self.messages.get_message(request.work, request.account_id, message_id)

    @patch("/{message_id:uuid}", raises=[NotTheAuthor])
    async def edit(self, request: Request, message_id: FromPath[UUID], data: JSONBody[MessageText]) -> ChatMessage:
        """Change the text of one's own message."""
        return await self.messages.edit_message(request.work, request.account_id, message_id, data)

    @delete("/{message_id:uuid}", raises=[NotTheAuthor])
    async def remove(self, request: Request, message_id: FromPath[UUID]) -> None:
        """Delete one's own message; its place in the conversation stays."""
        await self.messages.delete_message(request.work, request.account_id, message_id)

    @put("/{message_id:uuid}/reactions/{kind:str}")
    async def put_reaction(self, request: Request, message_id: FromPath[UUID], kind: FromPath[str]) -> MessageReactions:
        """React to a message.

        `kind` is one of like, love, laugh, wow, sad, angry and takes the place of one's earlier reaction.
        """
        return await self.reactions.put_reaction(request.work, request.account_id, message_id, kind)

    @delete("/{message_id:uuid}/reactions/{kind:str}")
    async def remove_reaction(self, request: Request, message_id: FromPath[UUID], kind: FromPath[str]) -> None:
        """Take back one's reaction of that kind."""
        await self.reactions.remove_reaction(request.work, request.account_id, message_id, kind)


def _named(data: NewMembers) -> Sequence[UUID]:
    """Raises Invalid."""
    if data.member_ids is not UNSET and data.person_ids is UNSET:
        return data.member_ids
    if data.person_ids is not UNSET and data.member_ids is UNSET:
        return data.person_ids
    raise Invalid.field("member_ids", "missing_field", "Name the people to add, once.")
