"""What of messaging a client keeps offline."""

from banyan.features.messaging.service.log import POINTER
from banyan.features.messaging.service.synced import SyncedConversations
from banyan.infra.declare import SyncedKind


def synced_kinds(conversations: SyncedConversations) -> tuple[SyncedKind, ...]:
    return (SyncedKind(POINTER, conversations.versions, conversations.values),)
