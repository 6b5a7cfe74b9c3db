"""Rate limits per class and key, in the memory of this process; shared with others by whoever takes what was spent.

The rule is the generic cell rate algorithm (ITU-T I.371): one number per key, the moment at which its bucket
will be full again. A key may spend `quota` at once and earns it back evenly over `window_seconds`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field

from banyan.kernel.errors import TooManyRequests

_REFUSED = Counter("banyan_rate_limit_refused_total", "Requests refused by a rate limit.", ["limit"])
_SWEEP_AT_KEYS = 50_000


class LimitsSettings(BaseModel):
    """How much each class of route may be asked for. Shared addresses (a campus, a carrier) are why the
    per-address limit for signed-in work is loose.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(True, description="Off for benchmarks only.")
    sign_in_per_minute: int = Field(5, ge=1, description="Sign-in and sign-up, per account and address.")
    address_sign_in_per_minute: int = Field(300, ge=1, description="Sign-in and sign-up, per address.")
    uploads_per_minute: int = Field(10, ge=1, description="Uploads, per account.")
    anonymous_per_minute: int = Field(100, ge=1, description="Everything else without a token, per address.")
    account_per_minute: int = Field(600, ge=1, description="Everything else with a token, per account.")
    address_per_minute: int = Field(12_000, ge=1, description="Everything with a token, per address.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one key after a request: `reset_seconds` until the quota is whole again."""

    limit: str
    quota: int
    window_seconds: int
    allowed: bool
    remaining: int
    reset_seconds: float
    retry_after_seconds: float


class QuotaSpent(TooManyRequests):
    """The answer tells of the limit that refused, whatever else the request was counted for."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(
            f"At most {verdict.quota} a minute here: wait and try again.",
            retry_after_seconds=verdict.retry_after_seconds,
        )
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Spending:
    """What a key has spent here since others were told, in seconds of its window."""

    limit: str
    key: str
    cost_seconds: float
    window_seconds: int


class RateLimiter:
    """Counts per (class, key). Restarting the process forgets; a lockout that must survive is kept in a table."""

    def __init__(self, settings: LimitsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.enabled = settings.enabled
        self._clock = clock
        self._quotas: dict[str, int] = {
            "sign_in": settings.sign_in_per_minute,
            "address_sign_in": settings.address_sign_in_per_minute,
            "uploads": settings.uploads_per_minute,
            "anonymous": settings.anonymous_per_minute,
            "account": settings.account_per_minute,
            "address": settings.address_per_minute,
        }
        self._window_seconds = 60
        self._full_at: dict[tuple[str, str], float] = {}
        # What others are still to be told; None while nobody tells them.
        self._spent: dict[tuple[str, str], float] | None = None

    def take(self, limit: str, key: str) -> Verdict:
        """Spend one request of `key`'s quota in class `limit`, if there is one left."""
        quota = self._quotas[limit]
        cost = self._window_seconds / quota
        now = self._clock()
        full_at = max(self._full_at.get((limit, key), 0.0), now)
        debt = full_at + cost - now
        # The tolerance absorbs float error: without it the last request of a quota is sometimes refused.
        allowed = debt <= self._window_seconds + cost * 1e-6
        if allowed:
            full_at += cost
            self._full_at[limit, key] = full_at
            if self._spent is not None:
                self._spent[limit, key] = self._spent.get((limit, key), 0.0) + cost
            if len(self._full_at) > _SWEEP_AT_KEYS:
                self._sweep(now)
        else:
            _REFUSED.labels(limit).inc()
        reset = full_at - now
        return Verdict(
            limit=limit,
            quota=quota,
            window_seconds=self._window_seconds,
            allowed=allowed,
            remaining=max(0, int((self._window_seconds - reset) / cost + 1e-6)),
            reset_seconds=reset,
            retry_after_seconds=0.0 if allowed else debt - self._window_seconds,
        )

    def check(self, limit: str, key: str) -> None:
        """As `take`, for a key that only the handler knows (an e-mail in the body). Raises QuotaSpent."""
        if not self.enabled:
            return
        verdict = self.take(limit, key)
        if not verdict.allowed:
            raise QuotaSpent(verdict)

    def begin_sharing(self) -> None:
        """From now on somebody calls `take_spendings` again and again."""
        self._spent = {}

    def take_spendings(self) -> list[Spending]:
        """What was spent since the last call."""
        spent, self._spent = self._spent or {}, {}
        return [Spending(limit, key, cost, self._window_seconds) for (limit, key), cost in spent.items()]

    def adopt(self, spending: Spending, reset_seconds: float) -> None:
        """All processes together have spent so much of a key that its quota is whole again in `reset_seconds`."""
        place = (spending.limit, spending.key)
        since = (self._spent or {}).get(place, 0.0)
        self._full_at[place] = max(self._full_at.get(place, 0.0), self._clock() + reset_seconds + since)

    def _sweep(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
