"""Sessions: started by a sign-in, prolonged by rotating refresh tokens, ended by their owner or by a stolen token."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import Counter

from banyan.features.accounts.errors import (
    AccountDeleting,
    AccountSuspended,
    InvalidRefreshToken,
    RefreshReused,
    SessionNotFound,
)
from banyan.features.accounts.models import Account, Client, Role, Session, SignedIn, TokenPair
from banyan.features.accounts.queries import administration, deletions
from banyan.features.accounts.queries import sessions as queries
from banyan.features.accounts.queries.sessions import SessionState
from banyan.features.accounts.refresh_tokens import RefreshToken, RefreshTokens
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.auth.tokens import SESSIONS_TOPIC, AccessTokens
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor

# (work, account id): a sign-in may be retried no more for fresh tokens, so that an ended session stays ended.
ForgetRetries = Callable[[Work, UUID], Awaitable[None]]

_REFRESHES = Counter("banyan_refreshes_total", "Refresh tokens presented.", ["outcome"])

_USER_AGENT_MAX_CHARS = 256
# A retried rotation gives one more token beside those whose answers may have been lost; so many stay good.
_SIBLINGS = 4


class Sessions:
    """A session is a family of refresh tokens: one good for use at a time, all others void."""

    def __init__(
        self, tokens: AccessTokens, secret: str, settings: AccountsSettings, forget_retries: ForgetRetries
    ) -> None:
        self._tokens = tokens
        self._forget_retries = forget_retries
        self._settings = settings
        self._refresh_tokens = RefreshTokens(secret)
        self._keys = KeyedDigest(secret, "accounts.refresh_key")

    async def open_session(self, work: Work, account: Account, client: Client) -> SignedIn:
        """A new session of `account` and its first tokens. Raises AccountSuspended, AccountDeleting."""
        session_id = new_id()
        token, digest = self._refresh_tokens.make(session_id)
        if not await queries.insert_session(
            work, session_id, account.id, self._expiry(now()), _visible(client.user_agent), client.ip, digest
        ):
            raise await self._refusal(work, account.id)
        pair = self._pair(session_id, account.id, account.role, token)
        return SignedIn(
            account=account,
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_in=pair.expires_in,
        )

    async def _refusal(self, work: Work, account_id: UUID) -> AccountSuspended | AccountDeleting:
        reason = await administration.find_suspension_reason(work, account_id)
        if reason is not None:
            return AccountSuspended(reason)
        deletes_at = await deletions.find_deletion(work, account_id)
        date = f" on {deletes_at:%Y-%m-%d}" if deletes_at else ""
        return AccountDeleting(f'It will be erased{date}. To take that back send `"restore": true`.')

    async def refresh(self, work: Work, token: str, idempotency_key: str | None, client: Client) -> TokenPair:
        """The next pair. Raises InvalidRefreshToken; RefreshReused, which ends the session.

        A token just used may come again with the Idempotency-Key of its use: its answer was lost on the way.
        """
        presented = self._refresh_tokens.read(token)
        session = await queries.lock_session(work, presented.session_id) if presented else None
        if presented is None or session is None or not session.live:
            _REFRESHES.labels("invalid").inc()
            raise InvalidRefreshToken("Sign in again.")
        key_digest = self._keys.of(session.id.bytes, idempotency_key) if idempotency_key else None
        new_token, new_digest = self._refresh_tokens.make(session.id)
        moment = now()
        if presented.digest in session.refresh_digests:
            await queries.rotate_session(
                work,
                session.id,
                presented.digest,
                key_digest,
                new_digest,
                at=moment,
                expires_at=self._expiry(moment),
                ip=client.ip,
            )
            _REFRESHES.labels("ok").inc()
        elif self._is_retry(session, presented, key_digest, moment):
            siblings = [*session.refresh_digests, new_digest][-_SIBLINGS:]
            await queries.set_refresh_digests(work, session.id, siblings)
            _REFRESHES.labels("retried").inc()
        else:
            await self._end(work, session.account_id, session.id)
            _REFRESHES.labels("reused").inc()
            raise RefreshReused("The session has been ended, because somebody else may have its tokens.")
        return self._pair(session.id, session.account_id, session.role, new_token)

    async def list_sessions(
        self, work: Work, account_id: UUID, current_id: UUID, limit: int, cursor: str | None
    ) -> Page[Session]:
        """Where the account is signed in, newest sign-in first."""
        rows = await queries.list_sessions(work, account_id, decode_cursor(cursor), limit + 1)
        sessions = [
            Session(row.id, row.created_at, row.last_used_at, row.user_agent, row.ip, row.id == current_id)
            for row in rows
        ]
        return cut_page(sessions, limit, lambda session: session.id)

    async def end_session(self, work: Work, account_id: UUID, session_id: UUID) -> None:
        """Its tokens hold no more, here at once and in other processes within a second. Raises SessionNotFound."""
        if not await self._end(work, account_id, session_id):
            raise SessionNotFound

    async def end_sessions(self, work: Work, account_id: UUID, kept_id: UUID | None = None) -> None:
        """All of the account's, but the one that asks."""
        ended = await queries.end_sessions(work, account_id, kept_id)
        await self._forget_retries(work, account_id)
        if ended:
            work.announce(SESSIONS_TOPIC, *map(str, ended))

    async def forget_retries(self, work: Work, account_id: UUID) -> None:
        """Sign-ins of before get no fresh tokens by their Idempotency-Key."""
        await self._forget_retries(work, account_id)

    async def find_role(self, work: Work, account_id: UUID, session_id: UUID) -> str | None:
        """The account's role while the session lives: what a token verifier asks for."""
        return await queries.find_session_role(work, account_id, session_id)

    async def _end(self, work: Work, account_id: UUID, session_id: UUID) -> bool:
        ended = await queries.end_session(work, account_id, session_id)
        if ended:
            await self._forget_retries(work, account_id)
            work.announce(SESSIONS_TOPIC, str(session_id))
        return ended

    def _is_retry(
        self, session: SessionState, presented: RefreshToken, key_digest: bytes | None, moment: datetime
    ) -> bool:
        return (
            key_digest is not None
            and session.rotated_at is not None
            and presented.digest == session.rotated_digest
            and key_digest == session.rotated_key_digest
            and moment - session.rotated_at <= timedelta(seconds=self._settings.refresh_retry_seconds)
        )

    def _pair(self, session_id: UUID, account_id: UUID, role: Role, refresh_token: str) -> TokenPair:
        return TokenPair(
            access_token=self._tokens.issue(account_id, session_id, role.value),
            refresh_token=refresh_token,
            expires_in=self._tokens.seconds,
        )

    def _expiry(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._settings.session_idle_seconds)


def _visible(user_agent: str) -> str:
    """A header may hold any byte; the list of sessions shows text."""
    return "".join(character for character in user_agent if character.isprintable())[:_USER_AGENT_MAX_CHARS]
