"""When a call is made again, and how long it waits before that."""

import email.utils
import random
import time
from dataclasses import dataclass

# What passes by itself. 502 and 504 are a proxy's words for a server that is being restarted.
_PASSING = frozenset({429, 502, 503, 504})
# Another request with the same key is being answered: its answer will be ours.
_PASSING_CODE = "idempotency_raced"


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `tries` in all. Waits double from `base_seconds` up to `cap_seconds`, drawn at random from their upper
    half, so that clients that failed together do not come back together. A `Retry-After` is waited for, unless it is
    longer than `patience_seconds`: then the refusal is raised at once.
    """

    tries: int = 4
    base_seconds: float = 0.25
    cap_seconds: float = 8.0
    patience_seconds: float = 30.0

    def wait_seconds(self, tried: int, retry_after_seconds: float | None = None) -> float | None:
        """How long to wait after the `tried`-th try; None to give up."""
        if tried >= self.tries:
            return None
        longest: float = min(self.cap_seconds, self.base_seconds * 2 ** (tried - 1))
        drawn = longest * (0.5 + random.random() / 2)
        if retry_after_seconds is None:
            return drawn
        return retry_after_seconds + drawn / 2 if retry_after_seconds <= self.patience_seconds else None


@dataclass(frozen=True, slots=True)
class Reconnects:
    """When a socket that was lost is opened again: at first after `base_seconds`, each time after twice as long, up to
    `cap_seconds`, drawn at random from the upper half, and no sooner than the server has asked for. After one that
    lasted `steady_seconds` it begins anew.
    """

    base_seconds: float = 0.5
    cap_seconds: float = 30.0
    steady_seconds: float = 10.0

    def wait_seconds(self, tried: int, after_seconds: float = 0.0) -> float:
        """How long to wait before the next try, after so many in a row that did not last."""
        longest: float = min(self.cap_seconds, self.base_seconds * 2 ** min(tried - 1, 30))
        return after_seconds + longest * (0.5 + random.random() / 2)


def is_passing(status: int, code: str) -> bool:
    """Whether the same request may succeed later."""
    return status in _PASSING or code == _PASSING_CODE


def read_retry_after(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header, which holds seconds or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
