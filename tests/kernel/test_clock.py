"""Instants are what the standard library makes of the same seconds."""

from datetime import UTC, datetime
from random import Random

import pytest

from banyan.kernel.clock import check_instant, instants
from banyan.kernel.errors import Invalid


def test_instants_are_exact_to_the_microsecond() -> None:
    random = Random(1)
    seconds = [random.randrange(-(10**15), 4 * 10**15) / 1e6 for _ in range(10_000)] + [0.0, -0.5, 1e9]
    made = instants(seconds)
    assert made == [datetime.fromtimestamp(one, UTC) for one in seconds]
    assert {one.tzinfo for one in made} == {UTC}
    assert instants([]) == []


def test_an_instant_is_taken_in_any_zone_and_kept_in_utc() -> None:
    taken = check_instant(datetime.fromisoformat("2026-01-31T12:00:00+01:00"), "since")
    assert (taken, taken.tzinfo) == (datetime(2026, 1, 31, 11, tzinfo=UTC), UTC)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_of_utc_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_instant(datetime.fromisoformat(text), "since")
    assert [one.field for one in refusal.value.fields] == ["since"]
