"""Lanes: kinds of jobs of which a worker runs only so many at once.

Each lane has a class of its own beside those of the priorities, as OUTGOING has: a claim leaves full lanes out, and
never reads past the jobs that wait for one.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from zlib import crc32

from banyan.infra.declare import Lane, Priority

# As many as go into a smallint with a priority each.
_NUMBERS = 8000
_ENDLESS = 1_000_000


def stored_class(priority: Priority, lane: Lane | None = None) -> int:
    """The number that stands in the database."""
    return int(priority) + (0 if lane is None else len(Priority) * lane_number(lane))


def stored_priority(stored: int) -> Priority:
    """The priority in a stored class."""
    return Priority(stored % len(Priority))


def lane_number(lane: Lane) -> int:
    """The same in every process and version; that no two lanes have the same is checked at the start."""
    return 1 + crc32(lane.name.encode()) % _NUMBERS


class Lanes:
    """What one worker may claim at a moment: classes in the order of preference, each with its room."""

    def __init__(self, priorities: Collection[Priority], lanes: Iterable[tuple[Priority, Lane]]) -> None:
        self._priorities = sorted(priorities)
        self._lanes = sorted(lanes, key=lambda place: place[1].name)
        self._lanes_first = False

    def rooms(self, at_hand: Iterable[Lane | None]) -> list[tuple[int, int]]:
        """(stored class, room) without those that are full; `at_hand` are the lanes of all jobs claimed and not done.

        Within a priority the lanes come first at every other call: neither they nor the rest can starve the other.
        """
        self._lanes_first = not self._lanes_first
        if not self._lanes:
            return [(int(priority), _ENDLESS) for priority in self._priorities]
        taken = Counter(at_hand)
        return [place for priority in self._priorities for place in self._rooms_of(priority, taken)]

    def _rooms_of(self, priority: Priority, taken: Counter[Lane | None]) -> Iterator[tuple[int, int]]:
        lanes = [
            (stored_class(priority, lane), lane.at_once - taken[lane])
            for of_priority, lane in self._lanes
            if of_priority is priority and taken[lane] < lane.at_once
        ]
        plain = (int(priority), _ENDLESS)
        yield from (*lanes, plain) if self._lanes_first else (plain, *lanes)
