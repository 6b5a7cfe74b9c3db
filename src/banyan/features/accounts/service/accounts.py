"""Signing up and signing in."""

from collections.abc import Sequence
from uuid import UUID

from prometheus_client import Counter

from banyan.features.accounts.emails import Address, read_address
from banyan.features.accounts.errors import (
    AccountNotFound,
    EmailNotVerified,
    EmailTaken,
    LockedOut,
    OtpRequired,
    WrongCredentials,
    WrongOtp,
)
from banyan.features.accounts.models import (
    Account,
    AccountImport,
    Client,
    Credentials,
    InvitedSignUp,
    Login,
    Role,
    SignedIn,
    SignUp,
    VerificationSent,
)
from banyan.features.accounts.password_rules import check_new_password, normalise_password
from banyan.features.accounts.person import PersonLink
from banyan.features.accounts.queries import accounts as queries
from banyan.features.accounts.queries.accounts import SecretLogin
from banyan.features.accounts.queries.verification import SignUpRow
from banyan.features.accounts.service.deletions import Deletions
from banyan.features.accounts.service.invites import Invites
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.second_factor import SecondFactor
from banyan.features.accounts.service.sessions import Sessions
from banyan.features.accounts.service.verification import Verification
from banyan.features.accounts.settings import AccountsSettings
from banyan.features.accounts.signals import AccountCreated
from banyan.infra.auth.passwords import Passwords
from banyan.infra.database.work import Work
from banyan.infra.mail.message import Language
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id

_SIGN_INS = Counter("banyan_sign_ins_total", "Sign-ins by password.", ["outcome"])
_SIGN_UPS = Counter("banyan_sign_ups_total", "Accounts asked for.", ["outcome"])
# Shown as zero from the start: an alert on their growth must see the first failure too.
for _outcome in ("ok", "failed", "locked", "unverified", "otp_required"):
    _SIGN_INS.labels(_outcome)


class Accounts:
    """Hashing happens before the first write, so that no transaction is open meanwhile."""

    def __init__(
        self,
        settings: AccountsSettings,
        passwords: Passwords,
        sessions: Sessions,
        verification: Verification,
        invites: Invites,
        lockout: Lockout,
        second_factor: SecondFactor,
        person: PersonLink,
        deletions: Deletions,
    ) -> None:
        self._verify_first = settings.verify_first
        self._passwords = passwords
        self._sessions = sessions
        self._verification = verification
        self._invites = invites
        self._lockout = lockout
        self._second_factor = second_factor
        self._person = person
        self._deletions = deletions

    async def sign_up(
        self, work: Work, sign_up: InvitedSignUp, language: Language, client: Client
    ) -> SignedIn | VerificationSent:
        """A new account, signed in; where addresses are proven first, only a mail, whoever the address belongs to.

        Raises Invalid, SignUpClosed, InviteRequired, InviteInvalid, EmailTaken, what people say of the handle,
        TooManyRequests, HashingBusy.
        """
        address = read_address(sign_up.email)
        self._lockout.check_limits(address.key, client)
        # First of all: whoever is not invited learns nothing of addresses and handles.
        invite_id = await self._invites.check_sign_up(work, sign_up.invite, address)
        password = check_new_password(sign_up.password, address.email, sign_up.handle)
        if not self._verify_first and await queries.find_owner(work, address.key):
            raise EmailTaken("Sign in, or use another address.")
        await self._person.check(work, sign_up.handle, sign_up.display_name)
        password_hash = await self._passwords.hash(password)
        account_id = new_id()
        if self._verify_first:
            row = SignUpRow(
                account_id,
                address.email,
                address.key,
                password_hash,
                sign_up.handle,
                sign_up.display_name,
                language,
                invite_id,
            )
            await self._verification.ask_newcomer(work, row)
            _SIGN_UPS.labels("asked").inc()
            return VerificationSent()
        account = await self.create_account(work, account_id, sign_up, address, password_hash, language)
        await self._invites.use_invite(work, invite_id, account.id, address.key)
        await self._verification.ask_owner(work, account.id, account.email, language)
        _SIGN_UPS.labels("ok").inc()
        return await self._sessions.open_session(work, account, client)

    async def create_account(
        self,
        work: Work,
        account_id: UUID,
        sign_up: SignUp,
        address: Address,
        password_hash: str,
        language: Language,
        role: Role = Role.MEMBER,
    ) -> Account:
        """The account and its person. An admin holds the server, so their address counts as proven.

        Raises EmailTaken, what people say of the handle.
        """
        verified = role is Role.ADMIN
        if not await queries.insert_account(
            work, account_id, address.email, address.key, password_hash, role=role, language=language, verified=verified
        ):
            raise EmailTaken("Sign in, or use another address.")
        names = await self._person.create(work, account_id, sign_up.handle, sign_up.display_name)
        work.emit(AccountCreated(account_id))
        return Account(
            id=account_id,
            email=address.email,
            handle=names.handle,
            display_name=names.display_name,
            email_verified=verified,
            role=role,
        )

    async def sign_in(self, work: Work, credentials: Credentials, client: Client) -> SignedIn:
        """A new session for the right password. An address without an account costs the same work and gets the
        same answer as a wrong password.

        Raises WrongCredentials, OtpRequired, WrongOtp, LockedOut, EmailNotVerified, Invalid, TooManyRequests,
        HashingBusy.
        """
        address = read_address(credentials.email)
        self._lockout.check_limits(address.key, client)
        key = self._lockout.key(address.key)
        try:
            await self._lockout.check(work, key)
            login = await self._check_password(work, address, credentials.password, key)
            new_hash = await self._rehash(login, credentials.password)
            await self._pass_second_factor(work, login, credentials.otp, key)
        except LockedOut:
            _SIGN_INS.labels("locked").inc()
            raise
        if login.waiting or (self._verify_first and not login.email_verified):
            _SIGN_INS.labels("unverified").inc()
            raise EmailNotVerified("Open the link in the mail we sent, or ask for another one.")
        if login.password_hash and new_hash:
            await queries.update_password_hash(work, login.id, login.password_hash, new_hash)
        if credentials.restore and await self._deletions.restore(work, login.id):
            _SIGN_INS.labels("restored").inc()
        held = await queries.hold_login(work, login.id, login.version)
        if held is None:
            raise WrongCredentials("They were changed a moment ago.")
        _SIGN_INS.labels("ok").inc()
        return await self._open_session(work, held, client)

    async def sign_in_again(self, work: Work, account_id: UUID, client: Client) -> SignedIn:
        """A new session for an account that has just proven itself. Raises AccountNotFound."""
        login = await queries.find_login(work, account_id)
        if login is None:
            raise AccountNotFound
        return await self._open_session(work, login, client)

    async def _open_session(self, work: Work, login: Login, client: Client) -> SignedIn:
        names = await self._person.find_names(work, login.id)
        account = Account(
            id=login.id,
            email=login.email,
            handle=names.handle,
            display_name=names.display_name,
            email_verified=login.email_verified,
            role=login.role,
        )
        return await self._sessions.open_session(work, account, client)

    async def send_verification_again(
        self, work: Work, email: str | None, account_id: UUID | None, client: Client
    ) -> VerificationSent:
        """A new link to `email`, else to the signed-in account's address. Says and costs the same whoever has it.

        Raises Invalid when there is neither, AccountNotFound, TooManyRequests.
        """
        if email is None and account_id is None:
            raise Invalid.field("email", "required", "Say where to, or sign in.")
        if email is None:
            login = await queries.find_login(work, account_id) if account_id else None
            if login is None:
                raise AccountNotFound
            email = login.email
        address = read_address(email)
        self._lockout.check_limits(address.key, client)
        self._verification.ask_again(work, address.key)
        return VerificationSent()

    async def import_accounts(self, work: Work, accounts: Sequence[AccountImport]) -> None:
        """Many accounts at once, without mails; their persons are imported beside them. Raises Invalid, EmailTaken."""
        addresses = [read_address(account.email) for account in accounts]
        if await queries.insert_accounts(work, accounts, [address.key for address in addresses]) != len(accounts):
            raise EmailTaken("An id or an address is given twice or taken.")

    async def _pass_second_factor(self, work: Work, login: SecretLogin, otp: str | None, key: bytes) -> None:
        """Failures are forgotten only after both factors: the right password must not buy more guesses of the other.

        Raises OtpRequired, WrongOtp, LockedOut.
        """
        if not login.second_factor:
            await self._lockout.clear(work, key)
            return
        await self._lockout.hold(work, key)
        if otp is None:
            _SIGN_INS.labels("otp_required").inc()
            raise OtpRequired("Send the same again with `otp`.")
        if not await self._second_factor.accepts(work, login.id, otp, key):
            _SIGN_INS.labels("failed").inc()
            raise WrongOtp("Send the code that the app shows now, each works once; or a recovery code.")
        await self._lockout.lift(work, key)

    async def _check_password(self, work: Work, address: Address, password: str, key: bytes) -> SecretLogin:
        login, like = await queries.find_secret_login(work, address.key)
        stored, normal = login.password_hash if login else None, normalise_password(password)
        right = await self._passwords.verify(stored, normal, like)
        if not right and normal != password:
            # Where an imported hash was made, nobody normalised.
            right = await self._passwords.verify(stored, password, like)
        if login is None or not right:
            await self._lockout.add_failure(work, key)
            _SIGN_INS.labels("failed").inc()
            raise WrongCredentials("Check both and try again.")
        return login

    async def _rehash(self, login: SecretLogin, password: str) -> str | None:
        """A hash with today's parameters, when the stored one has others."""
        if login.waiting or not login.password_hash or not self._passwords.needs_rehash(login.password_hash):
            return None
        return await self._passwords.hash(normalise_password(password))
