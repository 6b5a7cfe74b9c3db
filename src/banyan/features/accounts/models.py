"""What accounts take and give."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from banyan.infra.mail.message import Language
from banyan.kernel.signals import Job

EMAIL_MAX_CHARS = 254
PASSWORD_MIN_CHARS = 8
PASSWORD_MAX_CHARS = 256
API_KEY_NAME_MAX_CHARS = 80
INVITE_NOTE_MAX_CHARS = 200
INVITE_MAX_USES = 100_000

# Who may sign up: anybody, whoever has an invite, nobody.
SignUpMode = Literal["open", "invite", "closed"]
SUSPENSION_REASON_MAX_CHARS = 500

Email = Annotated[str, Meta(min_length=3, max_length=EMAIL_MAX_CHARS, description="An e-mail address.")]
NewPassword = Annotated[
    str,
    Meta(
        min_length=PASSWORD_MIN_CHARS,
        max_length=PASSWORD_MAX_CHARS,
        description="8 to 256 characters of any kind; very common ones are refused.",
    ),
]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=PASSWORD_MAX_CHARS)]
Otp = Annotated[
    str, Meta(min_length=1, max_length=64, description="Six digits of the authenticator app, or a recovery code.")
]
Token = Annotated[str, Meta(min_length=1, max_length=512)]


class Role(StrEnum):
    """What an account may do beyond its own things."""

    MEMBER = "member"
    SELLER = "seller"
    BUSINESS = "business"
    MODERATOR = "moderator"
    ADMIN = "admin"


class AccountState(StrEnum):
    """Whether an account can be signed in to."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    # Also when it is suspended.
    DELETING = "deleting"


class SignUp(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A new account with its person."""

    email: Email
    password: NewPassword
    handle: Annotated[str, Meta(max_length=64, description="3 to 30 of a-z, 0-9, `_` and `.`; kept in lower case.")]
    display_name: Annotated[str, Meta(max_length=200, description="One line of 1 to 80 characters.")]


class InvitedSignUp(SignUp, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A new account with its person, and the code of an invite where one is needed."""

    invite: Annotated[str, Meta(max_length=64, description="The code of an invite.")] | None = None


class FirstAdminSignUp(SignUp, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The first admin, with the token of the link that the server printed."""

    token: Token


class Credentials(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Who signs in; `otp` where a second factor is on."""

    email: Email
    password: GivenPassword
    otp: Otp | None = None
    restore: Annotated[bool, Meta(description="Take back the deletion of this account.")] = False


class RefreshRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A refresh token, good for one use."""

    refresh_token: Token


class VerifyRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The token from a link. `handle` replaces the one asked for at sign-up when that was taken meanwhile."""

    token: Token
    handle: Annotated[str, Meta(max_length=64)] | None = None


class ResendRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Where to send the link again; without it to the signed-in account's address."""

    email: Email | None = None


class PasswordResetRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Whose password shall be new."""

    email: Email


class PasswordReset(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The token from a link, and the password from now on."""

    token: Token
    password: NewPassword


class PasswordChange(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The password until now and from now on."""

    current_password: GivenPassword
    new_password: NewPassword


class EmailChange(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The address from now on, and the account's password once more."""

    email: Email
    password: GivenPassword


class EmailConfirmation(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The token from a link."""

    token: Token


class OwnPassword(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The account's password once more."""

    password: GivenPassword


class TotpCode(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What the authenticator app shows now."""

    otp: Otp


class TotpOff(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Both factors once more."""

    password: GivenPassword
    otp: Otp


class TotpSetup(Struct, frozen=True):
    """A secret in base32, and the same as the address that a QR code holds."""

    secret: str
    otpauth_uri: str


class RecoveryCodes(Struct, frozen=True):
    """Ten codes to keep away from the device; shown once."""

    recovery_codes: list[str]


class TotpState(Struct, frozen=True):
    """The second factor of the account."""

    enabled: bool
    recovery_codes_left: int


class NewApiKey(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A key for a program; without `expires_at` it holds until it is ended."""

    name: Annotated[str, Meta(min_length=1, max_length=API_KEY_NAME_MAX_CHARS, description="What it is for.")]
    scopes: Annotated[
        list[str],
        Meta(
            min_length=1,
            max_length=100,
            description="`FEATURE:read`, `FEATURE:write` (which reads too), `admin`; a feature is the tag of a route.",
        ),
    ]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key without its secret. `last_used_at` is behind by up to two minutes."""

    id: UUID
    name: str
    starts_with: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyMade(ApiKey, frozen=True, kw_only=True):
    """A new key. `key` is sent as `Authorization: Bearer byn_...` and never shown again."""

    key: str


class Account(Struct, frozen=True, kw_only=True):
    """An account as its owner sees it."""

    id: UUID
    email: str
    handle: str
    display_name: str
    email_verified: bool
    role: Role


class TokenPair(Struct, frozen=True, kw_only=True):
    """What a client calls with: `expires_in` seconds the access token, then a new pair for the refresh token."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


class SignedIn(Struct, frozen=True, kw_only=True):
    """An account and the tokens of a new session."""

    account: Account
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


class VerificationSent(Struct, frozen=True):
    """A mail says how to go on, if there is anything to go on with."""

    status: str = "verification_sent"


class ResetSent(Struct, frozen=True):
    """A mail says how to go on, if there is an account with this address."""

    status: str = "reset_sent"


class Verified(Struct, frozen=True):
    """The address that is proven now."""

    email: str
    email_verified: bool = True


class Session(Struct, frozen=True):
    """One device or browser that is signed in; `current` marks the one that asks."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    ip: str
    current: bool


class Client(Struct, frozen=True):
    """Where a request comes from. `network` is what limits count by: an address, of IPv6 its /64."""

    ip: str
    network: str
    user_agent: str


class PersonNames(Struct, frozen=True):
    """How the person of an account is called."""

    handle: str
    display_name: str


class Login(Struct, frozen=True):
    """An account as other features may know it."""

    id: UUID
    email: str
    email_verified: bool
    role: Role
    language: Language


class NewInvite(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """An invite to be made: with `email` only that address may use it, and gets it by mail."""

    max_uses: Annotated[int, Meta(ge=1, le=INVITE_MAX_USES)] = 1
    expires_at: Annotated[datetime, Meta(tz=True, description="At most a year ahead; 30 days without it.")] | None = (
        None
    )
    note: Annotated[str, Meta(max_length=500, description="For oneself, at most 200 characters.")] = ""
    email: Email | None = None


class Invite(Struct, frozen=True, kw_only=True):
    """An invite as its maker sees it; `open` while somebody could still use it."""

    id: UUID
    code: str
    url: str
    note: str
    email: str | None
    max_uses: int
    used_count: int
    created_at: datetime
    expires_at: datetime
    open: bool


class ExportState(StrEnum):
    """How far an archive of one's data is."""

    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"


class Export(Struct, frozen=True, kw_only=True):
    """An archive of one's own data; `file_url` leads to the ZIP while it is ready."""

    id: UUID
    state: ExportState
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime
    size_bytes: int | None
    file_url: str | None


class DeletionRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The account's password, so that a session alone cannot end it."""

    password: Annotated[str, Meta(min_length=1, max_length=PASSWORD_MAX_CHARS)]


class Deletion(Struct, frozen=True):
    """When an account that is hidden already will be erased."""

    deletes_at: datetime


class OwnAccount(Struct, frozen=True):
    """An account as its owner's export has it."""

    id: UUID
    email: str
    email_verified_at: datetime | None
    role: Role
    language: str
    created_at: datetime
    has_password: bool


class AccountImport(Struct, frozen=True, kw_only=True):
    """An account to be taken over in bulk; without `password_hash` nobody can sign in to it by password."""

    id: UUID
    email: str
    email_verified: bool
    password_hash: str | None
    created_at: datetime
    role: Role = Role.MEMBER
    language: str = "en"


class MakeExport(Job, frozen=True):
    """Make an archive that somebody asked for."""

    export_id: UUID


class EraseDueAccounts(Job, frozen=True):
    """Begin to erase the accounts whose grace period is over."""


class ErasePart(Job, frozen=True):
    """Erase what one feature has of an account, then go on with the next feature."""

    account_id: UUID
    feature: str


class SendVerification(Job, frozen=True):
    """Send the owner of an address a link, if there is anything left to prove."""

    email_key: str


class SendEmailChange(Job, frozen=True):
    """Send a link to the address that an account shall have, if its secrets are still those of `version`."""

    account_id: UUID
    email: str
    email_key: str
    version: int


class SendPasswordReset(Job, frozen=True):
    """Send the owner of an address a link to a new password, if there is an account with it."""

    email_key: str


class ManagedPerson(Struct, frozen=True, kw_only=True):
    """A person and their account as operators see them in a list."""

    id: UUID
    handle: str
    display_name: str
    email: str
    email_verified: bool
    role: Role
    state: AccountState
    created_at: datetime
    suspended_at: datetime | None
    suspended_reason: str | None
    deletes_at: datetime | None


class ManagedPersonDetails(ManagedPerson, frozen=True, kw_only=True):
    """One of them in full. `last_used_at` is of the sessions that live; `locked_until` after failed sign-ins."""

    language: str
    live_sessions: int
    last_used_at: datetime | None
    locked_until: datetime | None


class ManagedSession(Struct, frozen=True):
    """A live session of somebody else."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    user_agent: str
    ip: str


class RoleChange(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The role that an account is to have."""

    role: Role


class Suspension(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Why an account is suspended: kept, and told to the person when they try to sign in."""

    reason: Annotated[str, Meta(min_length=1, max_length=SUSPENSION_REASON_MAX_CHARS)]


class PeopleFilter(Struct, frozen=True, kw_only=True):
    """Which people a list for operators holds; `query` is part of a name, of a handle or of an e-mail address."""

    query: str | None = None
    role: Role | None = None
    state: AccountState | None = None
