"""Delivers mail to an SMTP server."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import MailRefused, SendMail
from banyan.infra.mail.settings import MailSettings
from banyan.kernel.ids import id_time

_PERMANENT = 500
# Bodies in base64 or quoted-printable: not every server on the way takes bytes beyond ASCII.
_POLICY = SMTP.clone(cte_type="7bit")


class SmtpTransport:
    """One connection per mail: sign-up mails are few, and an idle connection is closed by the server anyway."""

    def __init__(self, settings: MailSettings, community: str) -> None:
        self._settings = settings
        self._from_name = community if settings.from_name is None else settings.from_name

    async def deliver(self, work: Work, mail: SendMail) -> None:
        """Raises MailRefused when the server refuses this recipient or this text for good.

        Whatever else goes wrong may be for the operator to mend (password, sender, certificate): the mail waits.
        """
        try:
            await self.send(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = error.recipients[0].code
            if code >= _PERMANENT:
                raise MailRefused(f"recipient refused with {code}") from error
            raise
        except aiosmtplib.SMTPDataError as error:
            if error.code >= _PERMANENT:
                raise MailRefused(f"text refused with {error.code}") from error
            raise
        except aiosmtplib.SMTPNotSupported as error:
            if mail.message.to.isascii():
                raise
            raise MailRefused("the server takes no address beyond ASCII") from error

    async def send(self, mail: SendMail) -> None:
        """One try. Raises SMTPException or OSError, which `advice` has words for."""
        settings = self._settings
        await aiosmtplib.send(
            compose(mail, settings.from_address, self._from_name),
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=settings.timeout_seconds,
        )


def advice(error: Exception) -> str:
    """What an operator should look at when a try fails so."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "Look at mail.username and mail.password."
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return "mail.from_address has to be one that this server sends for."
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError):
        return "The server takes mail, but not this one: to another address, or from another mail.from_address?"
    if isinstance(error, OSError):
        return "Look at mail.host, mail.port and mail.security, and whether the network lets mail out: not all do."
    return 'Look at mail.security: "starttls" is for port 587, "tls" for port 465.'


def compose(mail: SendMail, from_address: str, from_name: str) -> EmailMessage:
    """The whole message. Date and Message-ID come from the mail's id: every try sends the same bytes."""
    domain = from_address.rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(from_name, addr_spec=from_address)
    local, _, recipient_domain = mail.message.to.rpartition("@")
    message["To"] = Address(username=local, domain=recipient_domain)
    message["Subject"] = mail.message.subject
    message["Date"] = format_datetime(id_time(mail.id))
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    # RFC 3834: vacation replies and the like must not answer.
    message["Auto-Submitted"] = "auto-generated"
    if mail.message.unsubscribe_url is not None:
        # RFC 8058: the mail program's own button, one click.
        message["List-Unsubscribe"] = f"<{mail.message.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.message.text)
    message.add_alternative(mail.message.html, subtype="html")
    message.set_boundary(f"={mail.id}=")
    return message
