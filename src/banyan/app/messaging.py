"""Messaging, joined."""

from dataclasses import dataclass

from banyan.features.messaging.api import MessagingApi
from banyan.features.messaging.service.access import Access
from banyan.features.messaging.service.conversations import Conversations
from banyan.features.messaging.service.log import ConversationLog
from banyan.features.messaging.service.members import Members
from banyan.features.messaging.service.messages import Messages
from banyan.features.messaging.service.reactions import Reactions
from banyan.features.messaging.service.synced import SyncedConversations
from banyan.features.messaging.service.typing import TypingRoom
from banyan.features.messaging.topics import topics
from banyan.features.people.api import PeopleApi
from banyan.infra.declare import Topic


@dataclass(frozen=True, slots=True)
class MessagingParts:
    """The rules of messaging."""

    conversations: Conversations
    members: Members
    messages: Messages
    reactions: Reactions
    synced: SyncedConversations
    topics: tuple[Topic, ...]
    api: MessagingApi


def build_messaging(people: PeopleApi) -> MessagingParts:
    access = Access(people)
    messages = Messages(access)
    return MessagingParts(
        conversations=Conversations(access),
        members=Members(access),
        messages=messages,
        reactions=Reactions(access),
        synced=SyncedConversations(access),
        topics=topics(access, ConversationLog(access), TypingRoom(access)),
        api=MessagingApi(messages),
    )
