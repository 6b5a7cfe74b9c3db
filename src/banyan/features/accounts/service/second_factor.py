"""The second factor: codes of an authenticator app beside the password, and recovery codes for who loses the device."""

from uuid import UUID

from banyan.features.accounts.errors import OtpRefused, TotpEnabled, TotpNotEnabled, TotpNotStarted
from banyan.features.accounts.mails import AccountMails
from banyan.features.accounts.models import Client, RecoveryCodes, TotpSetup, TotpState
from banyan.features.accounts.one_time_codes import (
    RECOVERY_CODES,
    find_step,
    is_app_code,
    make_recovery_code,
    make_secret,
    read_otp,
    uri_of,
)
from banyan.features.accounts.queries import passwords as login_queries
from banyan.features.accounts.queries import second_factor as queries
from banyan.features.accounts.queries.second_factor import TotpRow
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.owner import OwnerCheck
from banyan.features.accounts.service.sessions import Sessions
from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.auth.sealing import Sealer
from banyan.infra.database.work import Work
from banyan.infra.mail.mailer import Mailer
from banyan.kernel.clock import now


class SecondFactor:
    """Off until the owner has shown a first code. `issuer` is what apps call this community."""

    def __init__(
        self,
        secret: str,
        owners: OwnerCheck,
        sessions: Sessions,
        lockout: Lockout,
        mailer: Mailer,
        mails: AccountMails,
        issuer: str,
    ) -> None:
        self._sealer = Sealer(secret, "accounts.totp")
        self._digests = KeyedDigest(secret, "accounts.recovery_codes")
        self._owners = owners
        self._sessions = sessions
        self._lockout = lockout
        self._mailer = mailer
        self._mails = mails
        self._issuer = issuer

    async def accepts(self, work: Work, account_id: UUID, otp: str, failures_key: bytes) -> bool:
        """Uses a code, which works once; a wrong one counts as a failed sign-in.

        Call `Lockout.hold` before: guesses at once have to wait for each other.
        """
        code = read_otp(otp)
        totp = await queries.find_totp(work, account_id)
        if totp is not None and totp.confirmed:
            if is_app_code(code):
                right = await self._use_app_code(work, account_id, totp, code)
            else:
                right = await self._use_recovery_code(work, account_id, code)
            if right:
                return True
        await self._lockout.add_failure(work, failures_key)
        return False

    async def show(self, work: Work, account_id: UUID) -> TotpState:
        """Whether it is on."""
        totp = await queries.find_totp(work, account_id)
        if totp is None or not totp.confirmed:
            return TotpState(enabled=False, recovery_codes_left=0)
        return TotpState(enabled=True, recovery_codes_left=await queries.count_recovery_codes(work, account_id))

    async def start(self, work: Work, account_id: UUID, password: str, client: Client) -> TotpSetup:
        """A new secret, of no effect until `confirm`. Raises TotpEnabled, WrongPassword and what guards it."""
        login = await self._owners.prove(work, account_id, password, client)
        await self._owners.settle(work, login)
        secret = make_secret()
        if not await queries.insert_totp(work, account_id, self._sealer.seal(secret.encode(), account_id.bytes)):
            raise TotpEnabled("Turn it off first.")
        return TotpSetup(secret, uri_of(secret, login.email, self._issuer))

    async def start_again(self, work: Work, account_id: UUID) -> TotpSetup:
        """The answer of `start` once more, for a retry. Raises TotpEnabled, TotpNotStarted."""
        totp = await queries.find_totp(work, account_id)
        secret = self._open(totp, account_id) if totp else None
        login = await login_queries.find_own_login(work, account_id)
        if totp is None or secret is None or login is None:
            raise TotpNotStarted("Ask for a secret first.")
        if totp.confirmed:
            raise TotpEnabled("Turn it off first.")
        return TotpSetup(secret, uri_of(secret, login.email, self._issuer))

    async def confirm(self, work: Work, account_id: UUID, otp: str) -> RecoveryCodes:
        """Turns it on, by a code of the new secret.

        Raises OtpRefused, TotpNotStarted, TotpEnabled.
        """
        totp = await queries.lock_totp(work, account_id)
        if totp is None:
            raise TotpNotStarted("Ask for a secret first.")
        if totp.confirmed:
            raise TotpEnabled("It is on.")
        if not await self._use_app_code(work, account_id, totp, read_otp(otp)):
            raise OtpRefused("Type the code that the app shows now.")
        await queries.confirm_totp(work, account_id)
        codes = await self.make_codes(work, account_id)
        await self._change(work, account_id)
        await self._tell(work, account_id, on=True)
        return codes

    async def renew_codes(self, work: Work, account_id: UUID, password: str, client: Client) -> RecoveryCodes:
        """New recovery codes; those before are void. Raises TotpNotEnabled, WrongPassword and what guards it."""
        login = await self._owners.prove(work, account_id, password, client)
        await self._owners.settle(work, login)
        return await self.make_codes(work, account_id)

    async def make_codes(self, work: Work, account_id: UUID) -> RecoveryCodes:
        """As `renew_codes`, for who has just proven themselves. Raises TotpNotEnabled."""
        totp = await queries.lock_totp(work, account_id)
        if totp is None or not totp.confirmed:
            raise TotpNotEnabled("Turn it on first.")
        codes = [make_recovery_code() for _ in range(RECOVERY_CODES)]
        digests = [self._digest(account_id, read_otp(code)) for code in codes]
        await queries.replace_recovery_codes(work, account_id, digests)
        return RecoveryCodes(codes)

    async def turn_off(self, work: Work, account_id: UUID, password: str, otp: str, client: Client) -> None:
        """Off, for who has both factors. Raises TotpNotEnabled, OtpRefused, WrongPassword and what guards it."""
        login = await self._owners.prove(work, account_id, password, client)
        totp = await queries.find_totp(work, account_id)
        if totp is None or not totp.confirmed:
            raise TotpNotEnabled("It is off.")
        key = self._lockout.key(login.email_key)
        await self._lockout.hold(work, key)
        if not await self.accepts(work, account_id, otp, key):
            raise OtpRefused("Type a code that the app shows now, or a recovery code.")
        await self._lockout.lift(work, key)
        await self.remove(work, account_id)

    async def remove(self, work: Work, account_id: UUID) -> None:
        """Off, as an operator does it for who has lost device and codes. Raises TotpNotEnabled."""
        if not await queries.delete_totp(work, account_id):
            raise TotpNotEnabled("It is off.")
        await self._change(work, account_id)
        await self._tell(work, account_id, on=False)

    async def _use_app_code(self, work: Work, account_id: UUID, totp: TotpRow, code: str) -> bool:
        secret = self._open(totp, account_id)
        step = find_step(secret, code, now()) if secret else None
        return step is not None and await queries.use_step(work, account_id, step)

    async def _use_recovery_code(self, work: Work, account_id: UUID, code: str) -> bool:
        if not await queries.take_recovery_code(work, account_id, self._digest(account_id, code)):
            return False
        left = await queries.count_recovery_codes(work, account_id)
        login = await login_queries.find_own_login(work, account_id)
        if login is not None:
            self._mailer.send(work, self._mails.recovery_code_used(login.email, login.language, left))
        return True

    def _open(self, totp: TotpRow, account_id: UUID) -> str | None:
        """The secret; None when `auth.secret` is another one now."""
        secret = self._sealer.open(totp.sealed_secret, account_id.bytes)
        return secret.decode() if secret is not None else None

    def _digest(self, account_id: UUID, code: str) -> bytes:
        return self._digests.of(account_id.bytes, code)

    async def _change(self, work: Work, account_id: UUID) -> None:
        """What proved the account before proves it no more."""
        await queries.add_version(work, account_id)
        await self._sessions.forget_retries(work, account_id)

    async def _tell(self, work: Work, account_id: UUID, *, on: bool) -> None:
        login = await login_queries.find_own_login(work, account_id)
        if login is not None:
            self._mailer.send(work, self._mails.second_factor(login.email, login.language, on=on))
