"""When to try again."""

import random


def backoff_seconds(attempts: int, base_seconds: float, cap_seconds: float) -> float:
    """A random time up to base * 2^(attempts - 1), at most `cap_seconds`: exponential backoff with full jitter
    (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), so that jobs which failed together
    do not come back together.
    """
    # 2 ** 30 seconds is beyond every cap; a larger exponent would only overflow.
    return random.uniform(0, min(cap_seconds, base_seconds * 2 ** min(attempts - 1, 30)))
