"""The mails of accounts."""

from collections.abc import Mapping
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
        self._new_password_page = f"{self._public_url}/reset-password"
        folder = resources.files("banyan.features.accounts").joinpath("mail_texts")
        self._texts = templates.read("accounts", folder, SAMPLES)
        self._hours = str(max(1, round(link_seconds / 3600)))

    def verify_email(self, to: str, language: str, token: str) -> MailMessage:
        """Asks the owner of an account to prove the address."""
        link = self._link("verify-email", token)
        return self._compose("verify_email", to, language, {"hours": self._hours}, link)

    def finish_sign_up(self, to: str, language: str, token: str, handle: str) -> MailMessage:
        """Asks whoever signed up to prove the address, which makes the account."""
        values = {"hours": self._hours, "handle": handle}
        return self._compose("finish_sign_up", to, language, values, self._link("verify-email", token))

    def already_registered(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that somebody signed up with its address."""
        return self._compose("already_registered", to, language, {}, self._public_url)

    def invitation(self, to: str, language: str, handle: str, link: str) -> MailMessage:
        """Invites somebody on behalf of the member `handle`."""
        return self._compose("invitation", to, language, {"handle": handle}, link)

    def reset_password(self, to: str, language: str, token: str, link_seconds: int) -> MailMessage:
        """Lets the owner of an account choose a new password."""
        values = {"minutes": str(max(1, round(link_seconds / 60)))}
        return self._compose("reset_password", to, language, values, self.reset_link(token))

    def reset_link(self, token: str) -> str:
        """The address that `reset_password` leads to."""
        return self._link("reset-password", token)

    def password_changed(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that its password is new."""
        return self._compose("password_changed", to, language, {}, self._new_password_page)

    def second_factor(self, to: str, language: str, *, on: bool) -> MailMessage:
        """Tells the owner of an account that its second factor was turned on or off."""
        kind = "second_factor_on" if on else "second_factor_off"
        return self._compose(kind, to, language, {}, self._new_password_page)

    def recovery_code_used(self, to: str, language: str, left: int) -> MailMessage:
        """Tells the owner of an account that a recovery code was used, and how many are left."""
        return self._compose("recovery_code_used", to, language, {"left": str(left)}, self._new_password_page)

    def api_key_made(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that an API key was made."""
        return self._compose("api_key_made", to, language, {}, self._new_password_page)

    def export_ready(self, to: str, language: str, days: str, link: str) -> MailMessage:
        """Tells that the archive of one's data can be fetched."""
        return self._compose("export_ready", to, language, {"days": days}, link)

    def deletion_begun(self, to: str, language: str, date: str) -> MailMessage:
        """Tells that the account will be deleted, and how to take it back."""
        link = f"{self._public_url}/app#/sign-in"
        return self._compose("deletion_begun", to, language, {"date": date}, link)

    def account_deleted(self, to: str, language: str) -> MailMessage:
        """The last mail."""
        return self._compose("account_deleted", to, language, {})

    def confirm_email(self, to: str, language: str, token: str) -> MailMessage:
        """Asks for proof of the address that an account shall have."""
        link = self._link("confirm-email", token)
        return self._compose("confirm_email", to, language, {"hours": self._hours}, link)

    def address_in_use(self, to: str, language: str) -> MailMessage:
        """Tells the owner of an account that another one was to have its address."""
        return self._compose("address_in_use", to, language, {}, self._public_url)

    def email_change_asked(self, to: str, language: str, email: str) -> MailMessage:
        """Tells the owner of an account that it shall have the address `email`."""
        return self._compose("email_change_asked", to, language, {"email": email}, self._new_password_page)

    def email_changed(self, to: str, language: str, email: str) -> MailMessage:
        """Tells the old address of an account that it has the address `email` now."""
        return self._compose("email_changed", to, language, {"email": email})

    def _compose(
        self, kind: str, to: str, language: str, values: Mapping[str, str], link: str | None = None
    ) -> MailMessage:
        # A newer version may have stored a language that this one does not write.
        written_in: Language = next((known for known in LANGUAGES if known == language), "en")
        return self._texts.compose(kind, written_in, to, values, link)

    def _link(self, page: str, token: str) -> str:
        # A fragment is not sent to any server, so the token stays out of logs and referrers.
        return f"{self._public_url}/{page}#token={token}"
