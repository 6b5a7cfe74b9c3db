"""The mails of accounts."""

from importlib import resources

from banyan.infra.mail.message import LANGUAGES, Language, MailMessage
from banyan.infra.mail.templates import MailTemplates

# What `banyan mail preview` shows in place of each value.
SAMPLES = {
    "days": "7",
    "date": "2027-01-31",
    "hours": "24",
    "minutes": "60",
    "left": "9",
    "email": "new@example.org",
    "handle": "ada",
}


class AccountMails:
    """Composes mails with links below `public_url`. Only the checked handle of what a stranger typed goes in: a
    sign-up must not be a way to send one's own words to other people's addresses.
    """

    def __init__(self, public_url: str, templates: MailTemplates, link_seconds: int) -> None:
        self._public_url = public_url.rstrip("/")
        folder = resources.files("banyan.features.accounts").joinpath("mail_texts")
        self._texts = templates.read("accounts", folder, SAMPLES)
        self._hours = str(max(1, round(link_seconds / 3600)))

    def verify_email(self, to: str, language: str, token: str) -> MailMessage:
        """Asks the owner of an account to prove the address."""
        link = self._link("verify-email", token)
        return self._texts.compose("verify_email", _language(language), to, {"hours": self._hours}, link)

    def finish_sign_up(self, to: str, language: str, token: str, handle: str) -> MailMessage:
        """Asks whoever signed up to prove the address, which makes the account."""
        values = {"hours": self._hours, "handle": handle}
        return self._texts.compose("finish_sign_up", _language(language), to, values, self._link("verify-email", token))

    def already_registered(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that somebody signed up with its address."""
        return self._texts.compose("already_registered", _language(language), to, {}, self._public_url)

    def invitation(self, to: str, language: str, handle: str, link: str) -> MailMessage:
        """Invites somebody on behalf of the member `handle`."""
        return self._texts.compose("invitation", _language(language), to, {"handle": handle}, link)

    def reset_password(self, to: str, language: str, token: str, link_seconds: int) -> MailMessage:
        """Lets the owner of an account choose a new password."""
        values = {"minutes": str(max(1, round(link_seconds / 60)))}
        return self._texts.compose("reset_password", _language(language), to, values, self.reset_link(token))

    def reset_link(self, token: str) -> str:
        """The address that `reset_password` leads to."""
        return self._link("reset-password", token)

    def password_changed(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that its password is new."""
        link = f"{self._public_url}/reset-password"
        return self._texts.compose("password_changed", _language(language), to, {}, link)

    def second_factor(self, to: str, language: str, *, on: bool) -> MailMessage:
        """Tells the owner of an account that its second factor was turned on or off."""
        kind = "second_factor_on" if on else "second_factor_off"
        return self._texts.compose(kind, _language(language), to, {}, f"{self._public_url}/reset-password")

    def recovery_code_used(self, to: str, language: str, left: int) -> MailMessage:
        """Tells the owner of an account that a recovery code was used, and how many are left."""
        link = f"{self._public_url}/reset-password"
        return self._texts.compose("recovery_code_used", _language(language), to, {"left": str(left)}, link)

    def api_key_made(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that an API key was made."""
        link = f"{self._public_url}/reset-password"
        return self._texts.compose("api_key_made", _language(language), to, {}, link)

    def export_ready(self, to: str, language: str, days: str, link: str) -> MailMessage:
        """Tells that the archive of one's data can be fetched."""
        return self._texts.compose("export_ready", _language(language), to, {"days": days}, link)

    def deletion_begun(self, to: str, language: str, date: str) -> MailMessage:
        """Tells that the account will be deleted, and how to take it back."""
        link = f"{self._public_url}/app#/sign-in"
        return self._texts.compose("deletion_begun", _language(language), to, {"date": date}, link)

    def account_deleted(self, to: str, language: str) -> MailMessage:
        """The last mail."""
        return self._texts.compose("account_deleted", _language(language), to, {})

    def confirm_email(self, to: str, language: str, token: str) -> MailMessage:
        """Asks for proof of the address that an account shall have."""
        link = self._link("confirm-email", token)
        return self._texts.compose("confirm_email", _language(language), to, {"hours": self._hours}, link)

    def address_in_use(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that another one was to have its address."""
        return self._texts.compose("address_in_use", _language(language), to, {}, self._public_url)

    def email_change_asked(self, to: str, language: str, email: str) -> MailMessage:
        """Tells the owner of an account that it shall have the address `email`."""
        link = f"{self._public_url}/reset-password"
        return self._texts.compose("email_change_asked", _language(language), to, {"email": email}, link)

    def email_changed(self, to: str, language: str, email: str) -> MailMessage:
        """Tells the old address of an account that it has the address `email` now."""
        return self._texts.compose("email_changed", _language(language), to, {"email": email})

    def _link(self, page: str, token: str) -> str:
        # A fragment is not sent to any server, so the token stays out of logs and referrers.
        return f"{self._public_url}/{page}#token={token}"


def _language(stored: str) -> Language:
    return next((language for language in LANGUAGES if language == stored), "en")
