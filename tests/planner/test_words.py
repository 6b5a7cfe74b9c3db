"""Figures as people read them."""

from datetime import date

import pytest

from banyan.planner import words
from banyan.planner.plan import Band


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.rate(9.909), "9.9"),
        (words.rate(9.97), "10"),
        (words.rate(0.32037), "0.32"),
        (words.rate(0), "0"),
        (words.rate(6.17e-5), "0.000062"),
        (words.figure(10_606.06, 4), "10,606"),
        (words.figure(1.024e8, 6), "102,400,000"),
        (words.figure(53.571, 4), "53.57"),
        (words.figure(-1.5e6, 3), "-1,500,000"),
        (words.figure(1e-15, 3), "1e-15"),
        (words.size(0.4284), "440 MiB"),
        (words.size(4.8828), "4.88 GiB"),
        (words.size(15_000), "14.6 TiB"),
        (words.money(13.0795, "EUR"), "13.08 EUR"),
        (words.money(55.0, "EUR"), "55 EUR"),
        (words.money(7380.4, "EUR"), "7,380 EUR"),
        (words.money(-13.33, "EUR"), "-13.33 EUR"),
        (words.per_user(0.00133, "EUR"), "0.0013 EUR"),
        (words.per_user(0, "EUR"), "0 EUR"),
        (words.share(0.0001), "<1%"),
        (words.share(0.9999), ">99%"),
        (words.share(1), "100%"),
        (words.resource("concurrent_users"), "concurrent users"),
        (words.ends("sockets"), "sockets end"),
        (words.ends("cpu"), "CPU ends"),
        (words.between(None, None), "not in this scenario"),
        (words.between("2027-03", None), "Mar 2027 or later"),
        (words.between("2027-03", "2027-05"), "Mar to May 2027"),
        (words.between("2026-12", "2027-05"), "Dec 2026 to May 2027"),
        (words.between("2026-12", "2026-12"), "Dec 2026"),
        (words.window("2026-11-24T02:00:00+01:00", "2026-11-24T05:00:00+01:00"), "Tue 24 Nov 2026, 02:00-05:00"),
        (words.order(date(2026, 11, 20), date(2026, 11, 26)), "now"),
        (words.order(date(2026, 12, 1), date(2026, 11, 26)), "1 Dec 2026"),
        (words.interval(Band(4.9, 9.9, 17.2)), "9.9 (4.9 to 17)"),
        (words.shortened("conservative", 6), "conse…"),
    ],
)
def test_figures_read_well(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_source_is_numbered_once() -> None:
    notes = words.Footnotes()
    assert [notes.cite("a"), notes.cite("b", date(2026, 3, 1), verified=False), notes.cite("a")] == [1, 2, 1]
    assert [each.dated() for each in notes.sources] == ["a", "b, 1 Mar 2026, unverified"]
