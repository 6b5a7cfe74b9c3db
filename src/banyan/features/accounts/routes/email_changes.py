"""Changes of address over HTTP."""

from banyan.features.accounts.errors import EmailTaken, InvalidVerification, WrongPassword
from banyan.features.accounts.models import EmailChange, EmailConfirmation, VerificationSent, Verified
from banyan.features.accounts.routes.caller import client_of
from banyan.features.accounts.service.email_changes import EmailChanges
from banyan.infra.http.routing import Controller, JSONBody, Request, post


class EmailRoutes(Controller):
    path = "/v1/auth/email"
    tags = ["auth"]
    email_changes: EmailChanges

    @post(raises=[WrongPassword], status=202)
    async def ask_change(self, request: Request, data: JSONBody[EmailChange]) -> VerificationSent:
        """Change the e-mail address.

        The new address gets a link and counts once that is opened; the old one is told. The answer does not tell
        whether the new address has an account.
        """
        return await self.email_changes.ask(request.work, request.account_id, data, client_of(request))

    @post("/confirm", access="credentials", raises=[EmailTaken, InvalidVerification], status=200)
    async def confirm_change(self, request: Request, data: JSONBody[EmailConfirmation]) -> Verified:
        """Prove the new e-mail address with the token from a mail."""
        return await self.email_changes.confirm(request.work, data.token)
