"""A discrete-event simulation of servers and their queues, independent of every formula: it only draws and adds times.

Many runs of a case go side by side, one arrival at a time, as numpy arrays. It fills the table that `response` reads
and holds the formulas to account in the tests. Arrivals are Poisson. Two moments do not fix a tail, so the shape of
service times is part of a case's meaning: constant at variation² 0, gamma up to 1 (exponential), above that a mixture
of two exponentials with balanced means.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.exact import Figures

_GROUPS = 20  # of independent runs; the interval comes from how much their quantiles differ
_STUDENT = 2.093  # 97.5th percentile of Student's t with 19 degrees of freedom
_BLOCK = 64  # arrivals drawn at once
_BINS_PER_DOUBLING = 128  # 0.5% wide, and interpolated inside
_SMALLEST_DOUBLING, _DOUBLINGS = -10, 26
_BINS = _BINS_PER_DOUBLING * _DOUBLINGS

Arrive = Callable[[Figures, Figures], Figures]  # (arrival times, service times) -> departure times, one per run


class Case(NamedTuple):
    """`servers` that are busy the share `load` of the time, service times of mean 1."""

    servers: int
    load: float
    variation_squared: float = 1.0
    dispatch: Dispatch = Dispatch.SHARED


class Estimate(NamedTuple):
    """p95 of response times in units of the mean service time, and half of its 95% interval."""

    p95: float
    half_width: float


def simulate(cases: Sequence[Case], *, precision: float = 0.02, seed: int = 1, rounds: int = 100) -> list[Estimate]:
    """Simulates each case until half its interval is within `precision` of the estimate, or `rounds` are over."""
    found: dict[Case, Estimate] = {}
    together: dict[tuple[int, Dispatch, int], list[Case]] = defaultdict(list)
    for case in dict.fromkeys(cases):
        # Cases that forget alike go side by side: a calm one beside a busy one would wait for its warm-up.
        together[case.servers, case.dispatch, round(np.log2(_memory(case)))].append(case)
    for number, group in enumerate(together.values()):
        random = np.random.Generator(np.random.SFC64([seed, number]))
        found.update(zip(group, _Runs(group, precision, random).results(rounds), strict=True))
    return [found[case] for case in cases]


def _memory(case: Case) -> float:
    """After how many arrivals a system has forgotten its start: a busy one needs 1 / (1 - load)² of them.

    Where each server has a queue of its own, it sees but its part of the arrivals.
    """
    parts = case.servers if case.dispatch in (Dispatch.RANDOM, Dispatch.ROUND_ROBIN) else 1
    return parts * 2 * (1 + case.variation_squared) / (1 - case.load) ** 2 + case.servers


class _Runs:
    """All runs of cases with the same servers and dispatch; a run is a column of every array."""

    def __init__(self, cases: Sequence[Case], precision: float, random: np.random.Generator) -> None:
        self.cases, self.precision, self.random = cases, precision, random
        self.steps = max(int(4 * max(map(_memory, cases))), 512) // _BLOCK * _BLOCK
        wanted = [2 * _memory(case) / precision**2 / self.steps for case in cases]
        sizes = [_GROUPS * int(np.clip(runs / _GROUPS, 1, 30)) for runs in wanted]
        ends = np.cumsum(sizes)
        self.columns = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        self.gap = np.repeat([1 / (case.load * case.servers) for case in cases], sizes)
        self.now = np.zeros_like(self.gap)
        self.arrive = _arrive(cases[0].servers, cases[0].dispatch, len(self.now))
        self.histograms = [np.zeros((_GROUPS, _BINS)) for _ in cases]

    def results(self, rounds: int) -> list[Estimate]:
        """A warm-up that nobody looks at, then round after round until all cases are precise enough."""
        for _ in range(0, self.steps, _BLOCK):
            self._block()
        for _ in range(rounds):
            for _ in range(0, self.steps, _BLOCK):
                responses = self._block()
                for histogram, column in zip(self.histograms, self.columns, strict=True):
                    _count(histogram, responses[:, column])
            estimates = [_estimate(histogram) for histogram in self.histograms]
            if all(found.half_width <= self.precision * found.p95 for found in estimates):
                break
        return estimates

    def _block(self) -> Figures:
        """Response times of the next arrivals of each run: arrivals x runs."""
        gaps: Figures = self.random.standard_exponential((_BLOCK, len(self.now))) * self.gap
        services = np.empty_like(gaps)
        for case, column in zip(self.cases, self.columns, strict=True):
            shape = (_BLOCK, column.stop - column.start)
            services[:, column] = service_times(case.variation_squared, shape, self.random)
        responses: Figures = np.empty_like(gaps)
        for row in range(_BLOCK):
            self.now += gaps[row]
            responses[row] = self.arrive(self.now, services[row]) - self.now
        return responses


def service_times(variation_squared: float, shape: tuple[int, ...], random: np.random.Generator) -> Figures:
    """Draws service times of mean 1."""
    if variation_squared == 0:
        return np.ones(shape)
    if variation_squared < 1:
        drawn: Figures = random.standard_gamma(1 / variation_squared, shape) * variation_squared
        return drawn
    often = (1 + np.sqrt((variation_squared - 1) / (variation_squared + 1))) / 2
    short, long = 1 / (2 * often), 1 / (2 * (1 - often))
    mixed: Figures = random.standard_exponential(shape) * np.where(random.random(shape) < often, short, long)
    return mixed


def _arrive(servers: int, dispatch: Dispatch, runs: int) -> Arrive:
    if dispatch is Dispatch.SHARED:
        return _shared(servers, runs)
    if dispatch is Dispatch.LEAST_CONNECTIONS:
        return _least_connections(servers, runs)
    if dispatch is Dispatch.ROUND_ROBIN:
        return _own_queues(servers, runs, (np.full(runs, turn % servers) for turn in count()))
    random = np.random.Generator(np.random.SFC64(servers))
    return _own_queues(servers, runs, (random.integers(0, servers, runs) for _ in count()))


def _shared(servers: int, runs: int) -> Arrive:
    free = np.zeros((servers, runs))  # when each server is free, sorted: who comes takes the first

    def arrive(now: Figures, services: Figures) -> Figures:
        leaves: Figures = np.maximum(free[0], now) + services
        later = free[1:].copy()
        np.minimum(later, leaves, out=free[:-1])
        free[-1] = leaves
        np.maximum(free[1:], later, out=free[1:])
        return leaves

    return arrive


def _own_queues(servers: int, runs: int, picks: Iterator[NDArray[np.int64]]) -> Arrive:
    free = np.zeros((servers, runs))
    run = np.arange(runs)

    def arrive(now: Figures, services: Figures) -> Figures:
        server = next(picks)
        leaves: Figures = np.maximum(free[server, run], now) + services
        free[server, run] = leaves
        return leaves

    return arrive


def _least_connections(servers: int, runs: int) -> Arrive:
    # Departures of each server's queue in a ring; what lies between head and tail is still there.
    room = max(4096 // servers, 256)
    departures = np.full((servers, runs, room), np.inf)
    head, tail = np.zeros((servers, runs), np.int64), np.zeros((servers, runs), np.int64)
    free = np.zeros((servers, runs))
    every, run = np.arange(servers)[:, None], np.arange(runs)
    turn = count()

    def arrive(now: Figures, services: Figures) -> Figures:
        gone = (head < tail) & (departures[every, run, head % room] <= now)
        while gone.any():
            np.add(head, gone, out=head)
            gone = (head < tail) & (departures[every, run, head % room] <= now)
        waiting = tail - head
        # Among equals the next in turn, as a load balancer does.
        server = (waiting * servers + (every - next(turn)) % servers).argmin(axis=0)
        if waiting.max() >= room:
            raise OverflowError("a queue grew beyond the room that the simulation has")
        leaves: Figures = np.maximum(free[server, run], now) + services
        free[server, run] = leaves
        departures[server, run, tail[server, run] % room] = leaves
        tail[server, run] += 1
        return leaves

    return arrive


def _count(histogram: Figures, responses: Figures) -> None:
    """Adds a block's responses (arrivals x runs) to the histograms of the groups that the runs belong to."""
    bins = ((np.log2(responses) - _SMALLEST_DOUBLING) * _BINS_PER_DOUBLING).astype(np.int64)
    runs = responses.shape[1]
    group = np.arange(runs) % _GROUPS * _BINS
    counted = np.bincount((np.clip(bins, 0, _BINS - 1) + group).ravel(), minlength=_GROUPS * _BINS)
    histogram += counted.reshape(_GROUPS, _BINS)


def _estimate(histogram: Figures) -> Estimate:
    each = np.array([_quantile(group) for group in histogram])
    half_width = _STUDENT * each.std(ddof=1) / np.sqrt(_GROUPS)
    return Estimate(_quantile(histogram.sum(axis=0)), float(half_width))


def _quantile(histogram: Figures, share: float = 0.95) -> float:
    reached = np.cumsum(histogram)
    wanted = share * reached[-1]
    bin_ = int(np.searchsorted(reached, wanted))
    inside = (wanted - (reached[bin_] - histogram[bin_])) / histogram[bin_]
    return float(2.0 ** ((bin_ + inside) / _BINS_PER_DOUBLING + _SMALLEST_DOUBLING))
