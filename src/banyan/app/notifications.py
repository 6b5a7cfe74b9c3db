"""Notifications, joined: the kinds of all features, and the rules over them."""

from collections.abc import Sequence
from dataclasses import dataclass

from banyan.app.messaging import MessagingParts
from banyan.features.accounts.api import AccountsApi
from banyan.features.messaging import kinds as messaging_kinds
from banyan.features.notifications.mails import NotificationMails, Unsubscribing
from banyan.features.notifications.service.inbox import Inbox
from banyan.features.notifications.service.kinds import Kinds
from banyan.features.notifications.service.mailing import Mailing
from banyan.features.notifications.service.personal import Own
from banyan.features.notifications.service.preferences import PreferenceBook
from banyan.features.notifications.service.synced import SyncedNotifications
from banyan.features.notifications.service.telling import Telling
from banyan.features.notifications.settings import NotificationsSettings
from banyan.features.people import kinds as people_kinds
from banyan.features.people.api import PeopleApi
from banyan.features.posts import kinds as posts_kinds
from banyan.features.posts.service.notices import Notices
from banyan.infra.declare import AnyNoticeEnd, AnyNotificationKind
from banyan.infra.mail.mailer import Mailer


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
    own: Own
    synced: SyncedNotifications


def build_notifications(
    settings: NotificationsSettings,
    people: PeopleApi,
    messaging: MessagingParts,
    mail: MailParts,
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
    return NotificationParts(
        kinds,
        (*people_kinds.NOTICE_ENDS, *posts_kinds.NOTICE_ENDS, *further_ends),
        Telling(settings, kinds, mailing),
        mailing,
        inbox,
        book,
        Own(inbox, book),
        SyncedNotifications(inbox),
    )
