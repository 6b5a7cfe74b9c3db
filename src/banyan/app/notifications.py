"""Notifications, joined: the kinds of all features, and the rules over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from banyan.app.messaging import MessagingParts
from banyan.features.accounts.api import AccountsApi
from banyan.features.messaging import kinds as messaging_kinds
from banyan.features.notifications.mails import NotificationMails, Unsubscribing
from banyan.features.notifications.service.devices import Devices
from banyan.features.notifications.service.inbox import Inbox
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.letters import Letters
from banyan.features.notifications.service.mailing import Mailing
from banyan.features.notifications.service.personal import Own
from banyan.features.notifications.service.preferences import PreferenceBook
from banyan.features.notifications.service.pushing import Pushing
from banyan.features.notifications.service.synced import SyncedNotifications
from banyan.features.notifications.service.telling import Telling
from banyan.features.notifications.settings import NotificationsSettings
from banyan.features.people import kinds as people_kinds
from banyan.features.people.api import PeopleApi
from banyan.features.posts import kinds as posts_kinds
from banyan.features.posts.service.notices import Notices
from banyan.infra.declare import AnyNoticeEnd, AnyNotificationKind
from banyan.infra.mail.mailer import Mailer
from banyan.infra.outgoing.sender import Limits, Outgoing, Targets
from banyan.infra.push.apns import Apns
from banyan.infra.push.fcm import Fcm, ServiceAccount
from banyan.infra.push.message import PushService
from banyan.infra.push.settings import PushSettings
from banyan.infra.push.vapid import Vapid
from banyan.infra.push.web import WebPushService


@dataclass(frozen=True, slots=True)
class PushParts:
    """What pushes are sent with: the services that are set up, and what browsers subscribe with."""

    settings: PushSettings
    services: Mapping[str, PushService]
    public_key: str | None
    community: str

    async def close(self) -> None:
        """Ends the connections to services."""
        for service in self.services.values():
            await service.close()


@dataclass(frozen=True, slots=True)
class MailParts:
    """What mails of notifications are made and sent with."""

    mailer: Mailer
    mails: NotificationMails
    unsubscribing: Unsubscribing


@dataclass(frozen=True, slots=True)
class NotificationParts:
    """The rules of notifications."""

    kinds: Kinds
    ends: Sequence[AnyNoticeEnd]
    telling: Telling
    mailing: Mailing
    inbox: Inbox
    book: PreferenceBook
    devices: Devices
    pushing: Pushing
    push: PushParts
    own: Own
    synced: SyncedNotifications


def build_notifications(
    settings: NotificationsSettings,
    people: PeopleApi,
    messaging: MessagingParts,
    mail: MailParts,
    push: PushParts,
    further: Sequence[AnyNotificationKind] = (),
    further_ends: Sequence[AnyNoticeEnd] = (),
) -> NotificationParts:
    """`further` are kinds, and signals that end something, from outside of the house."""
    kinds = Kinds(
        (
            *people_kinds.notification_kinds(people),
            *posts_kinds.notification_kinds(Notices(people)),
            *messaging_kinds.notification_kinds(messaging.api, messaging.synced),
            *further,
        )
    )
    accounts = AccountsApi()
    inbox = Inbox(kinds, accounts, people)
    mailing = Mailing(kinds, inbox, accounts, mail.mailer, mail.mails, mail.unsubscribing)
    book = PreferenceBook(kinds, accounts)
    letters = Letters(kinds, inbox, accounts, push.community, push.settings.kept_seconds)
    pushing = Pushing(push.settings, push.services, letters)
    devices = Devices(accounts, push.services, push.public_key, push.settings.max_devices)
    return NotificationParts(
        kinds,
        (*people_kinds.NOTICE_ENDS, *posts_kinds.NOTICE_ENDS, *messaging_kinds.NOTICE_ENDS, *further_ends),
        Telling(settings, kinds, mailing, pushing),
        mailing,
        inbox,
        book,
        devices,
        pushing,
        push,
        Own(inbox, book, devices),
        SyncedNotifications(inbox),
    )


def build_push(settings: PushSettings, community: str, contact: str) -> PushParts:
    """`contact` is where push services find the operator, unless the settings say otherwise."""
    services: dict[str, PushService] = {}
    public_key = None
    if settings.vapid_key is not None:
        vapid = Vapid(settings.vapid_key.get_secret_value(), settings.contact or f"mailto:{contact}")
        targets = Targets(settings.networks(), allow_http=settings.allow_http)
        outgoing = Outgoing(targets, Limits(seconds=settings.timeout_seconds), http2=True)
        services["web"] = WebPushService(vapid, outgoing)
        public_key = vapid.public_key
    if settings.fcm is not None:
        account = msgspec.json.decode(settings.fcm.service_account.get_secret_value(), type=ServiceAccount)
        services["fcm"] = Fcm(account, settings.fcm.url, settings.timeout_seconds)
    if settings.apns is not None:
        apns = settings.apns
        services["apns"] = Apns(
            apns.key.get_secret_value(), apns.key_id, apns.team_id, apns.topic, apns.url, settings.timeout_seconds
        )
    return PushParts(settings, services, public_key, community)
