"""The dev mailbox over HTTP: for whoever holds the key that is in the link the server printed."""

import hmac

from banyan.infra.http.routing import Controller, Cursor, Limit, Request, get
from banyan.infra.mail.mailbox import KeptMail, Mailbox
from banyan.kernel.errors import NotFound
from banyan.kernel.pages import DEFAULT_LIMIT, Page


class MailboxRoutes(Controller):
    """Mounted only where no mail leaves by SMTP; without the key it looks the same as not there."""

    path = "/dev/mailbox"
    tags = ["dev"]
    mailbox: Mailbox
    key: str

    @get("/messages", access="anyone", raises=[NotFound])
    async def list_messages(
        self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[KeptMail]:
        """Mail that was not sent because no SMTP server is set, newest first.

        Needs the header `X-Mailbox-Key`.
        """
        given = request.header("x-mailbox-key").encode()
        if not hmac.compare_digest(given, self.key.encode()):
            raise NotFound
        return await self.mailbox.list_messages(request.work, limit, cursor)
