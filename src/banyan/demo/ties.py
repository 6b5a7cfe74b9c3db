"""Who is connected with whom: mostly neighbours, then people of one city; a few know very many.

Degrees follow a log-normal law and ties the model of Chung and Lu (a tie's chance is proportional to the product
of both degrees), taken at four levels. Everybody draws only among those who come later in the order of homes, so
each pair is met once and one small set at a time keeps duplicates out: 2 million ties take seconds and 20 MB.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from random import Random

from msgspec import Struct

from banyan.demo.cast import PlannedPerson
from banyan.demo.draw import Weighted, bell, stream, whole
from banyan.demo.scenes import World

# How a person's ties are shared between the neighbourhood, the city and the setting; the rest is anywhere.
_NEAR_SHARES = (0.60, 0.24, 0.12)
# Of a neighbourhood, city or setting nobody is to know more than this part: the rest of their ties lies further out.
_FILLED = 0.6
_DEGREE_SPREAD = 0.7
_DEGREE_AT_MOST_MEANS = 12.0
# Draws that hit somebody already drawn are repeated; a range that is nearly used up is sampled at once instead.
_SPARSE = 0.5
_MASK = (1 << 32) - 1


class PlannedTie(Struct, frozen=True):
    """A connection of two people by their place in the plan; `one` < `other`."""

    one: int
    other: int
    age_ms: int


class Level(Struct, frozen=True):
    """For each person where the range of their neighbourhood (or city, or setting) starts and ends."""

    starts: Sequence[int]
    ends: Sequence[int]


def plan_ties(seed: int, people: Sequence[PlannedPerson], connections: int, world: World) -> Sequence[Sequence[int]]:
    """The sorted neighbours of each person: about `connections` on average, at most everybody else."""
    count = len(people)
    if connections >= count - 1:
        return [array("i", (other for other in range(count) if other != one)) for one in range(count)]
    rng = stream(seed, "ties")
    degrees = _draw_degrees(rng, count, connections)
    weights = Weighted(degrees)
    levels = (
        _level([str(person.place) for person in people]),
        _level([world.neighbourhoods[person.place].city for person in people]),
        _level([person.setting for person in people]),
        Level([0] * count, [count] * count),
    )
    neighbours = [array("i") for _ in range(count)]
    for one in range(count):
        later = sorted(_draw_later(rng, one, degrees[one], weights, levels))
        neighbours[one].extend(later)
        for other in later:
            neighbours[other].append(one)
    return neighbours


class TieTimes:
    """When each tie was made: after both had joined. The same from either side, without keeping a list."""

    def __init__(self, seed: int, people: Sequence[PlannedPerson]) -> None:
        self._joined_ages_ms = [person.joined_age_ms for person in people]
        self._salt = int(stream(seed, "tie times").random() * _MASK)

    def number(self, one: int, other: int) -> int:
        """A number that this pair alone has."""
        count = len(self._joined_ages_ms)
        return one * count + other if one < other else other * count + one

    def age_ms(self, one: int, other: int) -> int:
        # Fibonacci hashing: from the pair alone, not from what was drawn before.
        share = ((self.number(one, other) * 2_654_435_761 + self._salt) & _MASK) / _MASK
        both = min(self._joined_ages_ms[one], self._joined_ages_ms[other])
        return int(both * (0.01 + 0.98 * share))


def list_ties(neighbours: Sequence[Sequence[int]], times: TieTimes) -> Iterator[PlannedTie]:
    """Every tie once, by the first person."""
    for one, others in enumerate(neighbours):
        for other in others:
            if other > one:
                yield PlannedTie(one, other, times.age_ms(one, other))


def _draw_degrees(rng: Random, count: int, connections: int) -> list[float]:
    """How many connections each is to have: log-normal around the average, at most everybody else."""
    if connections <= 0:
        return [0.0] * count
    raw = [math.exp(_DEGREE_SPREAD * bell(rng)) for _ in range(count)]
    most = min(count - 1.0, _DEGREE_AT_MOST_MEANS * connections)
    degrees = raw
    # Each cut of the largest lowers the average, so the scale is found in a few rounds.
    scale = connections * count / sum(raw)
    for _ in range(8):
        degrees = [min(most, value * scale) for value in raw]
        scale *= connections * count / sum(degrees)
    return degrees


def _level(groups: Sequence[str]) -> Level:
    """The ranges of equal neighbours in a list: people of one group stand together."""
    starts, ends = [0] * len(groups), [0] * len(groups)
    start = 0
    for place in range(1, len(groups) + 1):
        if place == len(groups) or groups[place] != groups[start]:
            for member in range(start, place):
                starts[member], ends[member] = start, place
            start = place
    return Level(starts, ends)


def _draw_later(rng: Random, one: int, degree: float, weights: Weighted, levels: Sequence[Level]) -> set[int]:
    """Those after `one` whom they are tied to: at each level their part of the wanted degree."""
    chosen: set[int] = set()
    sums = weights.sums
    for level, wanted in zip(levels, _wanted(one, degree, levels), strict=True):
        start, end = level.starts[one], level.ends[one]
        others = sums[end] - sums[start] - (sums[one + 1] - sums[one])
        if others <= 0.0:
            continue
        expected = wanted * (sums[end] - sums[one + 1]) / others
        _add_between(rng, chosen, whole(rng, expected), one + 1, end, weights)
    return chosen


def _wanted(one: int, degree: float, levels: Sequence[Level]) -> list[float]:
    """The degree parted over the levels; what a small neighbourhood cannot give moves outward."""
    parts: list[float] = []
    for level, share in zip(levels, _NEAR_SHARES, strict=False):
        members = level.ends[one] - level.starts[one]
        parts.append(min(degree * share, _FILLED * (members - 1)))
    return [*parts, degree - sum(parts)]


def _add_between(rng: Random, chosen: set[int], wanted: int, start: int, end: int, weights: Weighted) -> None:
    """Adds `wanted` people of start..end-1 who are not chosen yet, or as many as there are."""
    inside = sum(1 for person in chosen if person < end)
    wanted = min(wanted, end - start - inside)
    if wanted > _SPARSE * (end - start - inside):
        chosen.update(_draw_many(rng, chosen, wanted, start, end, weights))
        return
    full = len(chosen) + wanted
    # Where a few outweigh all others, repeated draws would only ever meet these again.
    for _ in range(20 * wanted):
        if len(chosen) == full:
            return
        chosen.add(weights.draw_between(rng, start, end))
    if len(chosen) < full:
        chosen.update(_draw_many(rng, chosen, full - len(chosen), start, end, weights))


def _draw_many(rng: Random, chosen: set[int], wanted: int, start: int, end: int, weights: Weighted) -> list[int]:
    """A weighted sample without repetition (Efraimidis and Spirakis: the largest u^(1/w))."""
    sums = weights.sums
    keys = [
        (math.log(1.0 - rng.random()) / max(sums[person + 1] - sums[person], 1e-9), person)
        for person in range(start, end)
        if person not in chosen
    ]
    return [person for _, person in sorted(keys, reverse=True)[:wanted]]
