"""New passwords over HTTP."""

from banyan.features.accounts.errors import InvalidResetToken, WrongPassword
from banyan.features.accounts.models import PasswordChange, PasswordReset, PasswordResetRequest, ResetSent
from banyan.features.accounts.routes.caller import client_of
from banyan.features.accounts.service.passwords import PasswordChanges
from banyan.infra.http.routing import Controller, JSONBody, Request, post, put


class PasswordRoutes(Controller):
    path = "/v1/auth"
    tags = ["auth"]
    passwords: PasswordChanges

    @post("/password-reset", access="credentials", status=202)
    async def ask_reset(self, request: Request, data: JSONBody[PasswordResetRequest]) -> ResetSent:
        """Have a link sent that sets a new password.

        The answer is the same whether the address has an account or not.
        """
        return self.passwords.ask_reset(request.work, data.email, client_of(request))

    @post("/password-reset/confirm", access="credentials", raises=[InvalidResetToken], status=204)
    async def reset(self, request: Request, data: JSONBody[PasswordReset]) -> None:
        """Set a new password with the token from a mail.

        The token works once, for an hour. All sessions end, and a lockout with them.
        """
        await self.passwords.reset(request.work, data)

    @put("/password", raises=[WrongPassword], status=204)
    async def change(self, request: Request, data: JSONBody[PasswordChange]) -> None:
        """Change the password.

        All other sessions end. A wrong present password counts as a failed sign-in.
        """
        await self.passwords.change(request.work, request.account_id, request.session_id, data, client_of(request))
