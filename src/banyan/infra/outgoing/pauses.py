"""How long to wait before the next try at somebody else's server."""

import random
from collections.abc import Sequence

_JITTER = 0.2
# A server may ask for patience by Retry-After, but not for more than that.
_LONGEST_WISH_SECONDS = 86_400.0


def find_pause_seconds(pauses: Sequence[float], attempts: int, wish_seconds: float | None) -> float | None:
    """The pause behind so many attempts (1 after the first), give or take a fifth, or what the server asked for where
    that is longer; None where the last pause is behind us.
    """
    if attempts > len(pauses):
        return None
    pause = pauses[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    return max(pause, min(wish_seconds or 0, _LONGEST_WISH_SECONDS))
