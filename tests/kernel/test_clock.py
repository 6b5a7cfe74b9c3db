"""Instants are what the standard library makes of the same seconds."""

from datetime import UTC, datetime
from random import Random

from banyan.kernel.clock import instants


def test_instants_are_exact_to_the_microsecond() -> None:
    random = Random(1)
    seconds = [random.randrange(-(10**15), 4 * 10**15) / 1e6 for _ in range(10_000)] + [0.0, -0.5, 1e9]
    made = instants(seconds)
    assert made == [datetime.fromtimestamp(one, UTC) for one in seconds]
    assert {one.tzinfo for one in made} == {UTC}
    assert instants([]) == []
