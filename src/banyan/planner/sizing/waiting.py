"""How long work waits for busy cores, and the largest rate within an objective."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Figures = NDArray[np.float64]

_LOADS = 1 - np.geomspace(1.0, 0.002, 384)
_HALVINGS = 60


@cache
def _curve(servers: int) -> Figures:
    """p95 of M/M/c at each of the loads, in mean service times: exact Erlang-C, inverted by halving."""
    offered = _LOADS * servers
    blocked = np.ones_like(offered)
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    waiting = blocked / (1 - _LOADS * (1 - blocked))
    theta = servers * (1 - _LOADS)
    low = np.full_like(theta, np.log(20))
    high: Figures = (np.log(20) + np.log(2)) * (1 + 1 / theta)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        late = _tail(waiting, theta, middle) > 0.05
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return high


def _tail(waiting: Figures, theta: Figures, time: Figures) -> Figures:
    alone = np.exp(-time)
    near = np.abs(theta - 1) < 1e-6
    apart = (np.exp(-theta * time) - alone) / np.where(near, 1.0, 1 - theta)
    late: Figures = alone + waiting * np.where(near, time * alone, apart)
    return late


def p95_seconds(servers: int, rate: Figures, mean: Figures, variation_squared: Figures) -> Figures:
    """The 95th percentile of response times; inf where cores are not enough."""
    load = rate * mean / servers
    curve = _curve(servers)
    ratio = np.interp(load, _LOADS, curve)
    grown = curve[0] + (ratio - curve[0]) * (1 + variation_squared) / 2
    return np.where(load <= _LOADS[-1], mean * grown, np.inf)


def max_rate_per_second(servers: int, mean: Figures, variation_squared: Figures, p95_seconds: Figures) -> Figures:
    """The largest arrival rate within an objective; 0 where service alone takes longer."""
    curve = _curve(servers)
    wanted = curve[0] + (p95_seconds / mean - curve[0]) * 2 / (1 + variation_squared)
    load: Figures = np.where(wanted < curve[0], 0.0, np.interp(wanted, curve, _LOADS))
    return load * servers / mean
