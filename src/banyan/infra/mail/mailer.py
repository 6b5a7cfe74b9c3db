"""Hands mail to the outbox in the caller's transaction and delivers it from a job."""

from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter

from banyan.infra.database.work import Work
from banyan.infra.declare import JobKind
from banyan.infra.mail.message import MailMessage
from banyan.kernel.ids import new_id
from banyan.kernel.signals import Job

log = structlog.get_logger("banyan.mail")

_MAILS = Counter("banyan_mails_total", "Mails handed on.", ["outcome"])
# Ever later, in the end every half hour, for about a day: mail servers are away for hours at times.
_MAX_ATTEMPTS = 60


class SendMail(Job, frozen=True):
    """One mail to deliver. `id` names it on every try, so that a receiver can drop repeats."""

    id: UUID
    message: MailMessage


class MailRefused(Exception):
    """The receiving side will never take this mail; trying again would only annoy it."""


class Transport(Protocol):
    """Takes one mail away."""

    async def deliver(self, work: Work, mail: SendMail) -> None:
        """Raises MailRefused for good, anything else when a later try may succeed."""


class Mailer:
    """`send` never waits for a mail server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, work: Work, message: MailMessage) -> None:
        """The mail leaves after the commit of `work`, at least once."""
        work.enqueue(SendMail(new_id(), message))

    def job_kinds(self) -> list[JobKind[SendMail]]:
        """The job that delivers."""
        return [JobKind(SendMail, self._deliver, max_attempts=_MAX_ATTEMPTS)]

    async def _deliver(self, work: Work, mail: SendMail) -> None:
        try:
            await self._transport.deliver(work, mail)
        except MailRefused as error:
            # No address and no text in the log: both are personal.
            log.warning("mail_refused", mail_id=str(mail.id), reason=str(error))
            _MAILS.labels("refused").inc()
        except Exception:
            _MAILS.labels("failed").inc()
            raise
        else:
            _MAILS.labels("sent").inc()
