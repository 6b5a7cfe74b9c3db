"""Signing up, signing in and sessions over HTTP."""

from uuid import UUID

from banyan.features.accounts.errors import (
    AccountDeleting,
    AccountSuspended,
    EmailNotVerified,
    EmailTaken,
    InvalidRefreshToken,
    InvalidSetupToken,
    InvalidVerification,
    InviteInvalid,
    InviteLimit,
    InviteNotFound,
    InviteRequired,
    LockedOut,
    OtpRequired,
    RefreshReused,
    SetupDone,
    SignUpClosed,
    WrongCredentials,
    WrongOtp,
)
from banyan.features.accounts.models import (
    Credentials,
    FirstAdminSignUp,
    Invite,
    InvitedSignUp,
    NewInvite,
    RefreshRequest,
    ResendRequest,
    Session,
    SignedIn,
    TokenPair,
    VerificationSent,
    Verified,
    VerifyRequest,
)
from banyan.features.accounts.routes.caller import client_of, language_of
from banyan.features.accounts.service.accounts import Accounts
from banyan.features.accounts.service.first_admin import FirstAdmin
from banyan.features.accounts.service.invites import Invites
from banyan.features.accounts.service.sessions import Sessions
from banyan.features.accounts.service.verification import Verification
from banyan.infra.auth.keys import JwkSet, SigningKeys
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    Request,
    delete,
    get,
    post,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

# Remembered where an answer held no tokens: its retry gets the same answer.
_NOBODY = UUID(int=0)


class AccountRoutes(Controller):
    path = "/v1/accounts"
    tags = ["accounts"]
    accounts: Accounts

    @post(
        access="credentials",
        raises=[EmailTaken, SignUpClosed, InviteRequired, InviteInvalid],
        also={VerificationSent: 202},
        secret_answer=True,
    )
    async def sign_up(self, request: Request, data: JSONBody[InvitedSignUp]) -> SignedIn | VerificationSent:
        """Sign up.

        Answers 202 without tokens where addresses have to be proven first, whether or not this one is taken.
        `invite` is needed where `GET /v1/community` says so, and counted wherever it is given.
        """
        if request.replayed_subject == _NOBODY:
            return VerificationSent()
        if request.replayed_subject is not None:
            return await self.accounts.sign_in_again(request.work, request.replayed_subject, client_of(request))
        answer = await self.accounts.sign_up(request.work, data, language_of(request), client_of(request))
        request.remember_subject(answer.account.id if isinstance(answer, SignedIn) else _NOBODY)
        return answer


class InviteRoutes(Controller):
    path = "/v1/invites"
    tags = ["accounts"]
    invites: Invites

    @post(raises=[InviteLimit])
    async def create(self, request: Request, data: JSONBody[NewInvite]) -> Invite:
        """Invite somebody.

        With `email` only that address can use the invite, and gets it by mail.
        """
        role = request.principal.role if request.principal else ""
        return await self.invites.create_invite(request.work, request.account_id, role, data)

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Invite]:
        """One's own invites, newest first."""
        return await self.invites.list_invites(request.work, request.account_id, limit, cursor)

    @delete("/{invite_id:uuid}", raises=[InviteNotFound])
    async def revoke(self, request: Request, invite_id: FromPath[UUID]) -> None:
        """Revoke an invite; who came by it stays."""
        await self.invites.revoke_invite(request.work, request.account_id, invite_id)


class SetupRoutes(Controller):
    path = "/v1/setup"
    tags = ["accounts"]
    first_admin: FirstAdmin

    @post("/first-admin", access="credentials", raises=[EmailTaken, InvalidSetupToken, SetupDone], secret_answer=True)
    async def create_first_admin(self, request: Request, data: JSONBody[FirstAdminSignUp]) -> SignedIn:
        """Make the first admin, with the token of the link that the server printed."""
        if request.replayed_subject is not None:
            return await self.first_admin.sign_in_again(request.work, request.replayed_subject, client_of(request))
        answer = await self.first_admin.create_admin(request.work, data, language_of(request), client_of(request))
        request.remember_subject(answer.account.id)
        return answer


class AuthRoutes(Controller):
    path = "/v1/auth"
    tags = ["auth"]
    accounts: Accounts
    sessions: Sessions
    verification: Verification

    @post(
        "/token",
        access="credentials",
        raises=[
            WrongCredentials,
            OtpRequired,
            WrongOtp,
            EmailNotVerified,
            AccountSuspended,
            AccountDeleting,
            LockedOut,
        ],
        status=200,
        secret_answer=True,
    )
    async def sign_in(self, request: Request, data: JSONBody[Credentials]) -> SignedIn:
        """Sign in.

        Where a second factor is on, the right password alone answers 401 `otp_required`: send the same with `otp`.
        """
        if request.replayed_subject is not None:
            return await self.accounts.sign_in_again(request.work, request.replayed_subject, client_of(request))
        answer = await self.accounts.sign_in(request.work, data, client_of(request))
        request.remember_subject(answer.account.id)
        return answer

    @post(
        "/refresh",
        access="credentials",
        raises=[InvalidRefreshToken, RefreshReused],
        status=200,
        own_idempotency=True,
    )
    async def refresh(self, request: Request, data: JSONBody[RefreshRequest]) -> TokenPair:
        """Exchange a refresh token for a new pair.

        Each refresh token works once; used again it ends the session. Only a retry with the Idempotency-Key of its
        first use, within 30 seconds, gets another pair.
        """
        return await self.sessions.refresh(
            request.work, data.refresh_token, request.idempotency_key, client_of(request)
        )

    @post("/verify-email", access="credentials", raises=[InvalidVerification, InviteInvalid], status=200)
    async def verify_email(self, request: Request, data: JSONBody[VerifyRequest]) -> Verified:
        """Prove an e-mail address with the token from a mail."""
        return await self.verification.verify_email(request.work, data.token, data.handle)

    @post("/verify-email/resend", access="anyone", status=202)
    async def resend_verification(self, request: Request, data: JSONBody[ResendRequest]) -> VerificationSent:
        """Send another link.

        The answer is the same whether the address has an account or not, and whether it is proven already.
        """
        return await self.accounts.send_verification_again(
            request.work, data.email, request.viewer_id, client_of(request)
        )

    @post("/sign-out", status=204)
    async def sign_out(self, request: Request) -> None:
        """End this session."""
        await self.sessions.end_session(request.work, request.account_id, request.session_id)

    @get("/sessions")
    async def list_sessions(
        self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Session]:
        """Where one is signed in, newest first."""
        return await self.sessions.list_sessions(request.work, request.account_id, request.session_id, limit, cursor)

    @delete("/sessions")
    async def end_other_sessions(self, request: Request) -> None:
        """End all sessions but this one."""
        await self.sessions.end_sessions(request.work, request.account_id, request.session_id)

    @delete("/sessions/{session_id:uuid}")
    async def end_session(self, request: Request, session_id: FromPath[UUID]) -> None:
        """End one session."""
        await self.sessions.end_session(request.work, request.account_id, session_id)


class JwksRoutes(Controller):
    path = "/.well-known"
    tags = ["auth"]
    keys: SigningKeys

    @get("/jwks.json", access="anyone")
    async def show_keys(self, request: Request) -> JwkSet:
        """The public keys that access tokens are signed with."""
        return self.keys.jwks()
