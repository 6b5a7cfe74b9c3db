"""Limits and lockout after failed sign-ins, for addresses with and without an account alike."""

from datetime import datetime, timedelta

from banyan.features.accounts.errors import LockedOut
from banyan.features.accounts.models import Client
from banyan.features.accounts.queries import failures as queries
from banyan.features.accounts.settings import AccountsSettings
from banyan.infra.auth.digests import KeyedDigest
from banyan.infra.database.work import Work
from banyan.infra.ratelimit import RateLimiter
from banyan.kernel.clock import now


class Lockout:
    """Counts failures per address over a sliding window; kept in a table, so a restart does not forget."""

    def __init__(self, secret: str, settings: AccountsSettings, limiter: RateLimiter) -> None:
        self._digests = KeyedDigest(secret, "accounts.sign_in")
        self._limiter = limiter
        self._failures = settings.lockout_failures
        self._window = timedelta(seconds=settings.lockout_seconds)

    def key(self, email_key: str) -> bytes:
        """What stands for an address: failures of unknown ones must not collect other people's addresses."""
        return self._digests.of(email_key)

    def check_limits(self, email_key: str, client: Client) -> None:
        """Counts an attempt of whatever is about this address. Raises TooManyRequests."""
        self._limiter.check("address_sign_in", client.network)
        self._limiter.check("sign_in", f"{self.key(email_key).hex()} {client.network}")

    async def check(self, work: Work, key: bytes) -> None:
        """Raises LockedOut."""
        self._check(await queries.find_failures(work, key))

    async def add_failure(self, work: Work, key: bytes) -> None:
        """One more failed sign-in."""
        await queries.add_failure(work, key, now(), self._failures)

    async def clear(self, work: Work, key: bytes) -> None:
        """After the right password. Raises LockedOut when others failed meanwhile: a thousand guesses at once
        must not get further than ten one after the other.
        """
        failures = await queries.lock_failures(work, key)
        self._check(failures)
        if failures:
            await queries.delete_failures(work, key)

    async def find_end(self, work: Work, key: bytes) -> datetime | None:
        """Until when the address is locked out, None while it is not."""
        left = self._left(await queries.find_failures(work, key))
        return now() + left if left > timedelta() else None

    async def hold(self, work: Work, key: bytes) -> None:
        """Others who try this address wait until the transaction ends. Raises LockedOut."""
        self._check(await queries.hold_failures(work, key, now()))

    async def lift(self, work: Work, key: bytes) -> None:
        """Whoever was locked out may try again at once."""
        await queries.delete_failures(work, key)

    def _check(self, failures: list[datetime]) -> None:
        left = self._left(failures)
        if left > timedelta():
            raise LockedOut("Wait, then try again.", retry_after_seconds=left.total_seconds())

    def _left(self, failures: list[datetime]) -> timedelta:
        if len(failures) < self._failures:
            return timedelta()
        return failures[-self._failures] + self._window - now()
