"""Response times for any variation of service times and any dispatch, and the largest rate within an objective.

M/M/c is exact. For other variations and dispatches the exact figure is multiplied by a ratio that was found by
simulation (`table.csv`, made by `dev/planner-table`) and is interpolated between its rows.
"""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.exact import Figures, response_quantile

_TABLE = Path(__file__).parent / "table.csv"

# Loads at which curves are kept: closer together where responses grow fast.
_LOADS = 1 - np.geomspace(1.0, 0.002, 384)

# More servers wait less at the same load; from so many on nobody waits, and a longer recursion finds nothing new.
_MOST_SERVERS = 4096


class Curves(NamedTuple):
    """p95 in units of the mean service time: a row per load of `_LOADS`, a column per variation."""

    variations: Figures
    p95: Figures


@cache
def curves(servers: int, dispatch: Dispatch) -> Curves:
    """The curves of so many servers: the exact ones times the table's ratios."""
    if dispatch is Dispatch.RANDOM:
        # Poisson arrivals split at random are Poisson at each server: one server, whatever their number.
        return curves(1, Dispatch.SHARED)
    if servers == 1:
        dispatch = Dispatch.SHARED
    servers = min(servers, _MOST_SERVERS)
    exact = response_quantile(1 if dispatch is Dispatch.ROUND_ROBIN else servers, _LOADS)
    ratios = _ratios(servers, dispatch)
    variations = np.array(sorted(ratios))
    rows = np.stack([exact * ratios[variation] for variation in variations], axis=1)
    # More load never makes answers faster; what looks so is the simulation's own error.
    return Curves(variations, np.maximum.accumulate(rows, axis=0))


def _ratios(servers: int, dispatch: Dispatch) -> dict[float, Figures]:
    """By variation, the ratio to the exact figure at each of `_LOADS`; linear in the log of the number of servers."""
    table = _table()[dispatch]
    counts = sorted(table)
    wanted = float(np.clip(servers, counts[0], counts[-1]))
    above = next(count for count in counts if count >= wanted)
    below = max(count for count in counts if count <= wanted)
    share = np.log(wanted / below) / np.log(above / below) if above > below else 0.0
    return {variation: (1 - share) * low + share * table[above][variation] for variation, low in table[below].items()}


@cache
def _table() -> dict[Dispatch, dict[int, dict[float, Figures]]]:
    found: dict[Dispatch, dict[int, dict[float, Figures]]] = defaultdict(lambda: defaultdict(dict))
    with _TABLE.open(newline="") as file:
        head, *rows = csv.reader(file)
        loads = [float(name.removeprefix("load_")) for name in head[3:]]
        for dispatch, servers, variation, *ratios in rows:
            end = _limit(Dispatch(dispatch), int(servers), float(variation))
            ratio = np.interp(_LOADS, [*loads, 1.0], [*map(float, ratios), end])
            if variation == "1.0" and dispatch == Dispatch.SHARED:
                ratio = np.ones_like(ratio)  # proven, so nothing simulated stands in for it
            found[Dispatch(dispatch)][int(servers)][float(variation)] = ratio
    return found


def _limit(dispatch: Dispatch, servers: int, variation_squared: float) -> float:
    """What the ratio tends to at load 1 (Kingman): waits grow with the variation of arrivals plus that of services.

    In turns each server sees every c-th arrival of a Poisson stream, whose variation² is 1/c.
    """
    arrivals = 1 / servers if dispatch is Dispatch.ROUND_ROBIN else 1.0
    return (arrivals + variation_squared) / 2


def p95_seconds(
    servers: int,
    rate_per_second: ArrayLike,
    mean_seconds: ArrayLike,
    variation_squared: ArrayLike,
    dispatch: Dispatch = Dispatch.SHARED,
) -> Figures:
    """The 95th percentile of response times; inf where the load reaches what curves hold (0.998)."""
    mean = np.asarray(mean_seconds, dtype=np.float64)
    load = np.asarray(rate_per_second, dtype=np.float64) * mean / servers
    lookup = _Lookup.of(curves(servers, dispatch), variation_squared)
    below = np.clip(np.searchsorted(_LOADS, load, side="right") - 1, 0, len(_LOADS) - 2)
    share = (load - _LOADS[below]) / (_LOADS[below + 1] - _LOADS[below])
    start, end = lookup.at(below), lookup.at(below + 1)
    # A rate that max_rate_per_second gave may come back a rounding above the last load.
    return np.where(load <= _LOADS[-1] * (1 + 1e-12), mean * (start + (end - start) * share), np.inf)


def max_rate_per_second(
    servers: int,
    mean_seconds: ArrayLike,
    variation_squared: ArrayLike,
    p95_seconds: ArrayLike,
    dispatch: Dispatch = Dispatch.SHARED,
) -> Figures:
    """The largest arrival rate at which the 95th percentile stays within `p95_seconds`; the inverse of `p95_seconds`.

    0 where the service alone takes longer than that. Arrays (worlds) are answered at once.
    """
    mean = np.asarray(mean_seconds, dtype=np.float64)
    wanted = np.asarray(p95_seconds, dtype=np.float64) / mean
    lookup = _Lookup.of(curves(servers, dispatch), variation_squared)
    low = np.zeros(np.broadcast(wanted, lookup.left).shape, dtype=np.intp)
    high = np.full_like(low, len(_LOADS) - 1)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        within = lookup.at(middle) <= wanted
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    start, end = lookup.at(low), lookup.at(high)
    # Where the load is small the curve is flat: any share of the step is as good as the whole.
    share = np.clip((wanted - start) / np.maximum(end - start, 1e-12), 0.0, 1.0)
    load = np.where(wanted < lookup.at(np.zeros_like(low)), 0.0, _LOADS[low] + (_LOADS[high] - _LOADS[low]) * share)
    return load * servers / mean


class _Lookup(NamedTuple):
    """Reads curves at the variation of each world: linear between the two columns around it."""

    p95: Figures
    left: NDArray[np.intp]
    share: Figures

    @classmethod
    def of(cls, curves: Curves, variation_squared: ArrayLike) -> "_Lookup":
        variation = np.clip(
            np.asarray(variation_squared, dtype=np.float64), curves.variations[0], curves.variations[-1]
        )
        right = np.clip(np.searchsorted(curves.variations, variation), 1, len(curves.variations) - 1)
        left = right - 1
        gap = curves.variations[right] - curves.variations[left]
        return cls(curves.p95, left, (variation - curves.variations[left]) / gap)

    def at(self, load: NDArray[np.intp]) -> Figures:
        """p95 over the mean service time at the indexed loads."""
        left = self.p95[load, self.left]
        return left + (self.p95[load, self.left + 1] - left) * self.share
