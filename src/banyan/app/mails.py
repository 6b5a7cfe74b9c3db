"""The mails of all features, with the operator's own texts in them."""

from dataclasses import dataclass

from banyan.app.settings import Settings
from banyan.features.accounts.mails import AccountMails
from banyan.features.notifications.mails import NotificationMails, Unsubscribing
from banyan.infra.mail.templates import MailTemplates


@dataclass(frozen=True, slots=True)
class Mails:
    """What features write mails with. Raises BadSettings for texts of the operator's that cannot be used."""

    accounts: AccountMails
    notifications: NotificationMails
    templates: MailTemplates

    @classmethod
    def read(cls, settings: Settings, unsubscribing: Unsubscribing | None = None) -> "Mails":
        templates = MailTemplates(settings.mail.templates_dir, settings.community.name)
        public_url = settings.http.base_url
        mails = cls(
            AccountMails(public_url, templates, settings.accounts.verification_seconds),
            # Only a preview has nothing to sign with.
            NotificationMails(public_url, templates, unsubscribing or Unsubscribing("")),
            templates,
        )
        templates.check_folders()
        return mails
