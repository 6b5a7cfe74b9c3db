"""Formulas that are proven for Poisson arrivals: Erlang-C and the response times of M/M/c.

Arguments are numbers or arrays that fit together; `load` is the share of time that a server is busy, below 1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Figures = NDArray[np.float64]

_HALVINGS = 60


def erlang_b(servers: int, offered: ArrayLike) -> Figures:
    """Share of arrivals that find all servers busy where nobody waits. `offered` is arrival rate times service time.

    B_0 = 1, B_k = a B_(k-1) / (k + a B_(k-1)).
    """
    offered = np.asarray(offered, dtype=np.float64)
    blocked = np.ones_like(offered)
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: ArrayLike) -> Figures:
    """Chance that an arrival has to wait: C = B / (1 - load (1 - B)); 1 where the load reaches 1."""
    offered = np.asarray(offered, dtype=np.float64)
    load = np.minimum(offered / servers, 1.0)
    blocked = erlang_b(servers, offered)
    return np.where(load < 1, blocked / (1 - load * (1 - blocked)), 1.0)


def response_tail(servers: int, load: ArrayLike, time: ArrayLike) -> Figures:
    """P(response > time) of M/M/c, time in units of the mean service time.

    With mu = 1 and theta = c (1 - load): e^-t + C (e^-(theta t) - e^-t) / (1 - theta), the usual form of
    (1 - C) e^-t + C (theta e^-t - e^-(theta t)) / (theta - 1), which tends to C t e^-t where theta is 1.
    """
    load, time = np.asarray(load, dtype=np.float64), np.asarray(time, dtype=np.float64)
    return _tail(erlang_c(servers, load * servers), servers * (1 - load), time)


def _tail(waiting: Figures, theta: Figures, time: Figures) -> Figures:
    alone = np.exp(-time)
    near = np.abs(theta - 1) < 1e-6
    apart = (np.exp(-theta * time) - alone) / np.where(near, 1.0, 1 - theta)
    return alone + waiting * np.where(near, time * alone, apart)


def response_quantile(servers: int, load: ArrayLike, share: float = 0.95) -> Figures:
    """The response time of M/M/c that `share` of requests stay within, in units of the mean service time.

    inf from load 1 on. Found by halving the interval between the service time's own quantile and a bound.
    """
    load = np.asarray(load, dtype=np.float64)
    usable = np.minimum(load, 1 - 1e-12)
    waiting, theta = erlang_c(servers, usable * servers), servers * (1 - usable)
    missed = -np.log1p(-share)
    # A response is a service after a wait, and each of the two exceeds its part with half the missed share at most.
    low, high = np.full_like(usable, missed), (missed + np.log(2)) * (1 + 1 / theta)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        late = _tail(waiting, theta, middle) > 1 - share
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return np.where(load < 1, high, np.inf)
