"""`Idempotency-Key`: a retry returns the first answer and has no second effect.

The key is claimed in the request's own transaction, at its first write, and the answer is stored with the
commit: after a crash either both the effect and its answer are there, or neither. A second request with the same
key meanwhile waits at the claim until the first has ended. Where a request writes only as it ends, claim and answer
are one row of that statement.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
from msgspec import Struct

from banyan.infra.database.pending import Part
from banyan.infra.database.work import Connection, Work
from banyan.infra.http.answers import Answer
from banyan.infra.http.exchange import Exchange
from banyan.kernel.errors import Conflict, Invalid, Malformed

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = (b"content-type", b"location")
_ANYBODY = UUID(int=0)

_FIND = """
SELECT fingerprint, status, content_type, location, body, subject
FROM http_idempotency_keys WHERE owner = $1 AND key = $2 AND expires_at > now()
"""
# The claim waits for a transaction that holds the same key; the time limit holds for this transaction alone.
_CLAIM = """
WITH patience AS (SELECT set_config('lock_timeout', '5s', true))
INSERT INTO http_idempotency_keys (owner, key, fingerprint, expires_at)
SELECT $1, $2, $3, now() + $4 * interval '1 hour' FROM patience
ON CONFLICT (owner, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at,
        status = NULL, body = NULL, subject = NULL
    WHERE http_idempotency_keys.expires_at <= now()
RETURNING 1
"""
_STORED = """stored AS (
    UPDATE http_idempotency_keys SET status = $3, content_type = $4, location = $5, body = $6, subject = $7
    WHERE owner = $1 AND key = $2)"""
# As the claim; a key that somebody holds would lose its fingerprint, which the table refuses: so all fails with it.
_CLAIMED_AND_STORED = """patience AS (SELECT set_config('lock_timeout', '5s', true)),
    stored AS (
        INSERT INTO http_idempotency_keys AS held
            (owner, key, status, content_type, location, body, subject, fingerprint, expires_at)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 hour' FROM patience
        ON CONFLICT (owner, key) DO UPDATE
            SET fingerprint = CASE WHEN held.expires_at <= now() THEN excluded.fingerprint END,
                status = excluded.status, content_type = excluded.content_type, location = excluded.location,
                body = excluded.body, subject = excluded.subject, expires_at = excluded.expires_at)"""
_FORGET_OWNER = "DELETE FROM http_idempotency_keys WHERE owner = $1 OR subject = $1"
_FORGET_SUBJECT = "DELETE FROM http_idempotency_keys WHERE subject = $1"
_FORGET = "DELETE FROM http_idempotency_keys WHERE expires_at <= now()"


class IdempotencyMismatch(Invalid):
    """The key was used before with another request; a key belongs to one request and its retries."""

    code = "idempotency_mismatch"
    title = "This Idempotency-Key belongs to another request"


class IdempotencyRaced(Conflict):
    """Another request with the same key claimed it first and has committed: its answer is the answer."""

    code = "idempotency_raced"
    title = "The same Idempotency-Key is being answered"


class Claim(Struct, frozen=True):
    """Under which key a request is to be answered once. Of a `secret_answer` the body is not kept."""

    key: str
    fingerprint: bytes
    secret_answer: bool


class Stored(Struct, frozen=True):
    """The first answer under a key. `body` is None where it held tokens: then `subject` says whose."""

    status: int
    content_type: bytes
    location: bytes | None
    body: bytes | None
    subject: UUID | None

    def answer(self) -> Answer:
        headers = [(b"content-type", self.content_type), (b"idempotency-replayed", b"true")]
        if self.location is not None:
            headers.append((b"location", self.location))
        return Answer(self.status, headers, self.body or b"")


class Idempotency:
    """Remembers answers for `hours`. `secret` keys the fingerprint, so that the table tells nothing of a body."""

    def __init__(self, secret: bytes, hours: float) -> None:
        self._secret = secret
        self._hours = hours

    def fingerprint(self, method: str, path: str, body: bytes) -> bytes:
        """HMAC-SHA256 over what makes a request the same request: method, path and body."""
        return hmac.digest(self._secret, b"\0".join([method.encode(), path.encode(), body]), hashlib.sha256)

    async def find(self, exchange: Exchange, key: str, fingerprint: bytes) -> Stored | None:
        """The stored answer. Raises IdempotencyMismatch when the key was used for something else."""
        row = await exchange.work.row(_FIND, _owner(exchange), key)
        if row is None or row["status"] is None:
            return None
        if not hmac.compare_digest(row["fingerprint"], fingerprint):
            raise IdempotencyMismatch("Use a new Idempotency-Key for a new request.")
        return Stored(row["status"], row["content_type"], row["location"], row["body"], row["subject"])

    def at_first_write(self, exchange: Exchange, claim: Claim) -> Callable[[Connection], Awaitable[None]]:
        """What to do first in the transaction. Raises IdempotencyRaced there when somebody was quicker."""

        async def claim_key(connection: Connection) -> None:
            if not await connection.fetch(_CLAIM, _owner(exchange), claim.key, claim.fingerprint, self._hours):
                raise raced()

        return claim_key

    async def commit(self, exchange: Exchange, claim: Claim, answer: Answer) -> None:
        """Commits, and keeps the answer with its effect. Raises IdempotencyRaced when somebody was quicker."""
        work = exchange.work
        values = (
            _owner(exchange),
            claim.key,
            answer.status,
            answer.header(_KEPT_HEADERS[0]) or b"",
            answer.header(_KEPT_HEADERS[1]),
            None if claim.secret_answer and answer.status < 400 else answer.body,
            exchange.remembered_subject,
        )
        if work.in_transaction:
            work.join(Part(_STORED, values))
        elif work.has_changes:
            work.first(None)
            work.join(Part(_CLAIMED_AND_STORED, (*values, claim.fingerprint, self._hours)))
        try:
            await work.commit()
        except asyncpg.NotNullViolationError as error:
            if error.table_name != "http_idempotency_keys":
                raise
            raise raced() from None


def raced() -> IdempotencyRaced:
    """Whoever was quicker has committed: its answer is there."""
    return IdempotencyRaced("Send the same request again.", retry_after_seconds=1)


def read_key(header: bytes | None) -> str | None:
    """The key of a request. Raises Malformed for one that is empty, too long or not printable ASCII."""
    if header is None:
        return None
    key = header.decode("latin-1").strip()
    if not _KEY.fullmatch(key):
        raise Malformed("Idempotency-Key: 1 to 255 printable ASCII characters without spaces, such as a UUID.")
    return key


async def forget_expired(work: Work) -> None:
    """Removes keys whose time is over; run by the scheduler."""
    await work.write(_FORGET)


async def forget_subject(work: Work, subject: UUID) -> None:
    """Retries get no fresh tokens of this account any more: what proved it then need not hold now."""
    await work.write(_FORGET_SUBJECT, subject)


async def forget_owner(work: Work, owner: UUID) -> None:
    """Answers kept for retries by an account, or with its tokens."""
    await work.write(_FORGET_OWNER, owner)


def _owner(exchange: Exchange) -> UUID:
    """An API key only finds answers to its own requests: those of others may need scopes that it does not have."""
    principal = exchange.principal
    if principal is None:
        return _ANYBODY
    return principal.api_key_id or principal.account_id
