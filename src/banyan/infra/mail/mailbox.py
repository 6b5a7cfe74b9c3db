"""The dev mailbox: mail of an installation without SMTP, for whoever holds its key."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import SendMail
from banyan.kernel.pages import Page, cut_page, decode_cursor

_INSERT = """
INSERT INTO mail_messages (id, recipient, subject, text_body, html_body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING
"""
_PRUNE = """
DELETE FROM mail_messages WHERE id <= (SELECT id FROM mail_messages ORDER BY id DESC OFFSET $1 LIMIT 1)
"""
_LIST = """
SELECT id, recipient, subject, text_body, html_body, created_at FROM mail_messages
WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
"""


class KeptMail(Struct, frozen=True):
    """A mail that stayed here."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    created_at: datetime


class Mailbox:
    """A transport that keeps the newest `max_messages`."""

    def __init__(self, max_messages: int) -> None:
        self._max_messages = max_messages

    async def deliver(self, work: Work, mail: SendMail) -> None:
        """Kept once, however often the job is tried."""
        message = mail.message
        await work.write(_INSERT, mail.id, message.to, message.subject, message.text, message.html)
        await work.write(_PRUNE, self._max_messages)

    async def list_messages(self, work: Work, limit: int, cursor: str | None) -> Page[KeptMail]:
        """Newest first. Raises Invalid for a foreign cursor."""
        rows = await work.rows(_LIST, decode_cursor(cursor), limit + 1)
        return cut_page([KeptMail(*row) for row in rows], limit, lambda mail: mail.id)
