"""Pauses between tries: in their order, apart by chance, as long as the other side asks, and not for ever."""

import pytest

from banyan.infra.outgoing.pauses import find_pause_seconds

PAUSES = [10.0, 100.0]


@pytest.mark.parametrize(("attempts", "pause"), [(1, 10), (2, 100)])
def test_each_try_has_its_pause_within_a_fifth(attempts: int, pause: float) -> None:
    drawn = {find_pause_seconds(PAUSES, attempts, None) for _ in range(50)}
    assert len(drawn) > 1
    assert all(seconds is not None and 0.8 * pause <= seconds <= 1.2 * pause for seconds in drawn)


@pytest.mark.parametrize(("wish", "pause"), [(3600, 3600), (10_000_000, 86_400)])
def test_a_server_may_ask_for_patience_but_not_for_more_than_a_day(wish: float, pause: float) -> None:
    assert find_pause_seconds(PAUSES, 1, wish) == pause


def test_behind_the_last_pause_there_is_no_try() -> None:
    assert find_pause_seconds(PAUSES, 3, 3600) is None
