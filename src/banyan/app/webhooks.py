"""Webhooks, joined: the catalogue of signals that they may tell of, and their parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from banyan.app.signing import Auth
from banyan.features.accounts.signals import AccountCreated, AccountDeleted
from banyan.features.people.signals import ConnectionEnded, ConnectionMade, PersonCreated, ProfileChanged
from banyan.features.posts.signals import (
    CommentDeleted,
    CommentEdited,
    CommentWritten,
    PersonMentioned,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReactionPut,
    ReactionRemoved,
)
from banyan.features.webhooks.catalogue import Catalogue
from banyan.features.webhooks.service.recording import Recording
from banyan.features.webhooks.service.sending import Sending
from banyan.features.webhooks.service.webhooks import Webhooks
from banyan.features.webhooks.settings import WebhooksSettings
from banyan.infra.auth.sealing import Sealer
from banyan.infra.outgoing.sender import Limits, Outgoing, Targets
from banyan.kernel.signals import Signal

# Who stands on somebody's private lists, who asked whom and was not answered, and who writes to whom is nobody else's
# business: those signals stay inside.
SIGNALS: tuple[type[Signal], ...] = (
    AccountCreated,
    AccountDeleted,
    PersonCreated,
    ProfileChanged,
    ConnectionMade,
    ConnectionEnded,
    PostPublished,
    PostEdited,
    PostDeleted,
    CommentWritten,
    CommentEdited,
    CommentDeleted,
    PersonMentioned,
    ReactionPut,
    ReactionRemoved,
)


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """The rules of webhooks."""

    catalogue: Catalogue
    recording: Recording
    webhooks: Webhooks
    sending: Sending


def build_webhooks(settings: WebhooksSettings, auth: Auth, further: Sequence[type[Signal]] = ()) -> WebhookParts:
    """`further` are signals that come from outside of the house."""
    catalogue = Catalogue((*SIGNALS, *further))
    targets = Targets(settings.networks(), allow_http=settings.allow_http)
    outgoing = Outgoing(targets, Limits(seconds=settings.timeout_seconds))
    sealer = Sealer(auth.secret, "webhooks.secret")
    recording = Recording()
    webhooks = Webhooks(settings, catalogue, targets, sealer, recording)
    return WebhookParts(catalogue, recording, webhooks, Sending(settings, outgoing, sealer))
