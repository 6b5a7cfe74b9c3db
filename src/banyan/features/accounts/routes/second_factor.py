"""The second factor over HTTP."""

from banyan.features.accounts.errors import OtpRefused, TotpEnabled, TotpNotEnabled, TotpNotStarted, WrongPassword
from banyan.features.accounts.models import (
    OwnPassword,
    RecoveryCodes,
    TotpCode,
    TotpOff,
    TotpSetup,
    TotpState,
)
from banyan.features.accounts.routes.caller import client_of
from banyan.features.accounts.service.second_factor import SecondFactor
from banyan.infra.http.routing import Controller, JSONBody, Request, delete, get, post


class TotpRoutes(Controller):
    path = "/v1/auth/totp"
    tags = ["auth"]
    second_factor: SecondFactor

    @get()
    async def show(self, request: Request) -> TotpState:
        """Whether signing in asks for a second factor."""
        return await self.second_factor.show(request.work, request.account_id)

    @post(raises=[TotpEnabled, TotpNotStarted, WrongPassword], status=200, secret_answer=True)
    async def start(self, request: Request, data: JSONBody[OwnPassword]) -> TotpSetup:
        """Get a secret for an authenticator app.

        It changes nothing until a code of it is confirmed.
        """
        if request.replayed_subject is not None:
            return await self.second_factor.start_again(request.work, request.replayed_subject)
        answer = await self.second_factor.start(request.work, request.account_id, data.password, client_of(request))
        request.remember_subject(request.account_id)
        return answer

    @post(
        "/confirm",
        raises=[OtpRefused, TotpEnabled, TotpNotEnabled, TotpNotStarted],
        status=200,
        secret_answer=True,
    )
    async def confirm(self, request: Request, data: JSONBody[TotpCode]) -> RecoveryCodes:
        """Turn the second factor on with a first code.

        The recovery codes are shown once. Each takes the place of a code once.
        """
        if request.replayed_subject is not None:
            return await self.second_factor.make_codes(request.work, request.replayed_subject)
        answer = await self.second_factor.confirm(request.work, request.account_id, data.otp)
        request.remember_subject(request.account_id)
        return answer

    @post("/recovery-codes", raises=[TotpNotEnabled, WrongPassword], status=200, secret_answer=True)
    async def renew_codes(self, request: Request, data: JSONBody[OwnPassword]) -> RecoveryCodes:
        """Get new recovery codes; those before are void."""
        if request.replayed_subject is not None:
            return await self.second_factor.make_codes(request.work, request.replayed_subject)
        answer = await self.second_factor.renew_codes(
            request.work, request.account_id, data.password, client_of(request)
        )
        request.remember_subject(request.account_id)
        return answer

    @delete(raises=[OtpRefused, TotpNotEnabled, WrongPassword])
    async def turn_off(self, request: Request, data: JSONBody[TotpOff]) -> None:
        """Turn the second factor off."""
        await self.second_factor.turn_off(request.work, request.account_id, data.password, data.otp, client_of(request))
