"""The small laws of sizing."""

from math import ceil, sqrt


def in_progress(rate_per_second: float, mean_seconds: float) -> float:
    """Little's law: how many are inside, on average. Holds for any system that is stable."""
    return rate_per_second * mean_seconds


def scaled_throughput(single: float, contention: float, coherency: float, servers: float) -> float:
    """The Universal Scalability Law: X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)).

    `single` is the throughput of one server (gamma); contention (alpha) is the serial share, coherency (beta) the cost
    of keeping servers agreed.
    """
    return single * servers / (1 + contention * (servers - 1) + coherency * servers * (servers - 1))


def most_useful_servers(contention: float, coherency: float) -> float:
    """Where that law peaks: sqrt((1 - alpha) / beta); more servers than this make a system slower."""
    return sqrt((1 - contention) / coherency) if coherency > 0 else float("inf")


def square_root_staffing(offered: float, safety: float) -> int:
    """ceil(a + beta sqrt(a)): a note on the margin for large `offered` loads.

    It is not safe for small ones (at a = 1 and a chance of waiting of 5% it says 3 where 4 are needed), so sizes come
    from `exact` and `response`.
    """
    return ceil(offered + safety * sqrt(offered))


def replicas_wanted(current: int, metric: float, target: float, tolerance: float = 0.1) -> int:
    """What the horizontal autoscaler does: ceil(current x metric / target), nothing within the tolerance."""
    ratio = metric / target
    return current if abs(ratio - 1) <= tolerance else ceil(current * ratio)
