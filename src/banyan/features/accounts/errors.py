"""Refusals of accounts."""

from banyan.kernel.errors import BanyanError, Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized


class EmailTaken(Conflict):
    code = "email_taken"
    title = "This e-mail address has an account"


class WrongCredentials(Unauthorized):
    """Also for an address without an account; the failure is remembered."""

    code = "wrong_credentials"
    title = "Wrong e-mail or password"
    keeps_work = True


class OtpRequired(Unauthorized):
    """Only told to those who know the password: repeat the request with `otp`."""

    code = "otp_required"
    title = "A code of the second factor is needed"


class WrongOtp(Unauthorized):
    """The password was right, the code is wrong or was used before; the failure is remembered."""

    code = "wrong_otp"
    title = "Wrong code"
    keeps_work = True


class OtpRefused(Forbidden):
    """As WrongOtp, for an account that is signed in."""

    code = "wrong_otp"
    title = "Wrong code"
    keeps_work = True


class TotpEnabled(Conflict):
    code = "totp_enabled"
    title = "The second factor is on"


class TotpNotEnabled(Conflict):
    code = "totp_not_enabled"
    title = "The second factor is off"


class TotpNotStarted(Conflict):
    code = "totp_not_started"
    title = "There is no secret to confirm"


class WrongPassword(Forbidden):
    """A signed-in account did not prove itself by its password; the failure is remembered."""

    code = "wrong_password"
    title = "Wrong password"
    keeps_work = True


class LockedOut(TooManyRequests):
    """Too many failed sign-ins for this address, whether it has an account or not."""

    code = "locked_out"
    title = "Too many failed sign-ins"


class EmailNotVerified(Forbidden):
    """Only told to those who know the password."""

    code = "email_not_verified"
    title = "Verify your e-mail address first"


class AccountSuspended(Forbidden):
    """An operator has suspended it; `detail` is the reason that they gave. Only told to those who prove the account."""

    code = "account_suspended"
    title = "This account is suspended"


class InvalidRefreshToken(Unauthorized):
    code = "invalid_refresh_token"
    title = "The refresh token does not hold"


class RefreshReused(Unauthorized):
    """A refresh token came twice: somebody else may have it, so the session is ended."""

    code = "refresh_reused"
    title = "This refresh token was used before"
    keeps_work = True


class InvalidVerification(Invalid):
    """Unknown, expired or used."""

    code = "invalid_verification_token"
    title = "This link does not hold any more"


class SignUpClosed(Forbidden):
    code = "sign_up_closed"
    title = "Nobody can sign up here at the moment"


class InviteRequired(Forbidden):
    code = "invite_required"
    title = "An invitation is needed to sign up here"


class InviteInvalid(Forbidden):
    """Unknown, used up, expired, revoked, or for another address: they are not told apart."""

    code = "invite_invalid"
    title = "This invitation does not hold"


class InviteLimit(Forbidden):
    code = "invite_limit"
    title = "No more invitations at the moment"


class InviteNotFound(NotFound):
    code = "invite_not_found"
    title = "There is no such invitation"


class InvalidResetToken(Invalid):
    """Unknown, expired or used."""

    code = "invalid_reset_token"
    title = "This link does not hold any more"


class LastAdmin(Conflict):
    """Without an admin who can sign in nobody could make one."""

    code = "last_admin"
    title = "The last admin has to stay"


class AccountDeleting(Forbidden):
    """Only told to those who prove the account."""

    code = "account_deleting"
    title = "This account is being deleted"


class NotDeleting(Conflict):
    """There is no deletion to take back, or erasing has begun."""

    code = "not_deleting"
    title = "This account is not being deleted"


class ExportUnderWay(Conflict):
    code = "export_under_way"
    title = "An export is being made already"


class ExportNotFound(NotFound):
    code = "export_not_found"
    title = "There is no such export"


class ExportNotReady(Conflict):
    """It is still being made, or could not be."""

    code = "export_not_ready"
    title = "This export is not ready"


class SessionNotFound(NotFound):
    code = "session_not_found"
    title = "There is no such session"


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"
    title = "There is no such API key"


class ApiKeyLimit(Conflict):
    code = "api_key_limit"
    title = "No more API keys for this account"


class AccountNotFound(NotFound):
    code = "account_not_found"
    title = "There is no such account"


class InvalidSetupToken(Forbidden):
    code = "invalid_setup_token"
    title = "This set-up link does not hold"


class SetupDone(BanyanError):
    """The first admin exists; another one is made by an admin."""

    code = "setup_done"
    status = 410
    title = "Set-up is done"
