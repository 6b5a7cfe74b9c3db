"""Access tokens: JWTs signed with Ed25519, verified once and then known by heart until they expire."""

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import jwt
import msgspec
from msgspec import Struct
from prometheus_client import Counter

from banyan.infra.auth.errors import InvalidToken, TokenExpired
from banyan.infra.auth.keys import SigningKeys
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.settings import AuthSettings
from banyan.infra.database.ids import driver_id
from banyan.infra.database.work import Work

# Announced with ids of sessions that have ended or whose account has another role now.
SESSIONS_TOPIC = "auth.sessions"

_ALGORITHM = "EdDSA"
_MAX_TOKEN_CHARACTERS = 2048

_VERIFIED = Counter("banyan_access_tokens_total", "Access tokens that had to be verified.", ["outcome"])

# (work, account id, session id) -> the account's present role, None when the session has ended.
FindRole = Callable[[Work, UUID, UUID], Awaitable[str | None]]


class Claims(Struct, frozen=True):
    """What a token says: whose it is, of which session, and until when (Unix seconds)."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    role: str
    iat: int
    exp: int


class AccessTokens:
    """Signs tokens that hold for `seconds`."""

    def __init__(self, keys: SigningKeys, settings: AuthSettings) -> None:
        self.seconds = settings.access_token_seconds
        self._keys = keys
        self._settings = settings

    def issue(self, account_id: UUID, session_id: UUID, role: str) -> str:
        """A signed token, about 500 characters."""
        issued_at = int(time.time())
        claims = Claims(
            iss=self._settings.issuer,
            aud=self._settings.audience,
            sub=account_id,
            sid=session_id,
            role=role,
            iat=issued_at,
            exp=issued_at + self.seconds,
        )
        return jwt.encode(
            msgspec.to_builtins(claims), self._keys.signer, _ALGORITHM, headers=_header(self._keys.signer_id)
        )


class TokenVerifier:
    """Says who a token stands for. The first sight of a token in a process costs a signature check and one query,
    which finds sessions that ended before; later ends arrive through `drop_sessions`.
    """

    def __init__(self, keys: SigningKeys, settings: AuthSettings, find_role: FindRole) -> None:
        self._settings = settings
        self._find_role = find_role
        # Every token of ours begins with one of these: a header somebody else made up is never even parsed.
        self._keys_by_header = {_encoded_header(keys, kid): key for kid, key in keys.accepted.items()}
        self._known: dict[str, Principal] = {}
        self._tokens_by_session: dict[UUID | None, list[str]] = {}
        self._drops = 0

    def find(self, token: str) -> Principal | None:
        """Whose token it is if this process knows it already."""
        principal = self._known.get(token)
        if principal is None or principal.expires_at <= time.time():
            return None
        return principal

    async def verify(self, work: Work, token: str) -> Principal:
        """Whose token it is. Raises InvalidToken or TokenExpired."""
        known = self.find(token)
        if known is not None:
            return known
        claims = self._read(token)
        drops = self._drops
        role = await self._find_role(work, claims.sub, claims.sid)
        if role is None:
            _VERIFIED.labels("ended").inc()
            raise InvalidToken("Its session has ended: sign in again.")
        _VERIFIED.labels("ok").inc()
        principal = Principal(driver_id(claims.sub.bytes), claims.sid, role, float(claims.exp))
        # A session that ended since the query began may be this one: then the token must not be remembered.
        if drops == self._drops and self._settings.remembered_tokens:
            self._remember(token, principal)
        return principal

    def drop_sessions(self, session_ids: tuple[str, ...]) -> None:
        """Forgets the tokens of these sessions: subscribe it to `SESSIONS_TOPIC`."""
        self._drops += 1
        for session_id in session_ids:
            for token in self._tokens_by_session.pop(UUID(session_id), ()):
                self._known.pop(token, None)

    def clear(self) -> None:
        """Forgets all tokens: after a time in which announcements may have been missed."""
        self._drops += 1
        self._known.clear()
        self._tokens_by_session.clear()

    def _read(self, token: str) -> Claims:
        try:
            return self._decode(token)
        except jwt.ExpiredSignatureError:
            _VERIFIED.labels("expired").inc()
            raise TokenExpired("Get a new one with the refresh token.") from None
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError):
            _VERIFIED.labels("invalid").inc()
            raise InvalidToken("Sign in again.") from None

    def _decode(self, token: str) -> Claims:
        key = self._keys_by_header.get(token.partition(".")[0])
        if key is None or len(token) > _MAX_TOKEN_CHARACTERS:
            raise jwt.InvalidTokenError
        payload = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            # `iat` of a machine whose clock runs ahead lies in the future; `exp` alone decides.
            options={"require": ["exp", "iss", "aud", "sub"], "verify_iat": False},
        )
        return msgspec.convert(payload, Claims)

    def _remember(self, token: str, principal: Principal) -> None:
        if token in self._known:
            return
        if len(self._known) >= self._settings.remembered_tokens:
            self._forget(next(iter(self._known)))
        self._known[token] = principal
        self._tokens_by_session.setdefault(principal.session_id, []).append(token)

    def _forget(self, token: str) -> None:
        principal = self._known.pop(token)
        tokens = self._tokens_by_session[principal.session_id]
        tokens.remove(token)
        if not tokens:
            del self._tokens_by_session[principal.session_id]


def _header(kid: str) -> dict[str, str]:
    return {"kid": kid, "typ": "JWT"}


def _encoded_header(keys: SigningKeys, kid: str) -> str:
    """The first part of every token that `issue` makes under the key id `kid`; it does not depend on the key."""
    return jwt.encode({}, keys.signer, _ALGORITHM, headers=_header(kid)).partition(".")[0]
