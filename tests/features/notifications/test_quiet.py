"""Quiet hours and the digest's hour, in zones whose clocks are moved."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.features.notifications.models import QuietHours, StoredPreferences
from banyan.features.notifications.service.quiet import (
    check_zone,
    find_zone,
    next_digest,
    quiet_until,
    read_quiet,
    show_quiet,
)
from banyan.kernel.errors import Invalid

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = (
    "UTC",
    "Africa/Lagos",
    "Africa/Tunis",
    "Europe/Paris",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Antarctica/Troll",
)
MINUTES = st.integers(0, 1439)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "quiet", "moment", "until"),
    [
        ("UTC", ("22:00", "07:00"), "2027-01-10T21:59", None),
        ("UTC", ("22:00", "07:00"), "2027-01-10T22:00", "2027-01-11T07:00"),
        ("UTC", ("22:00", "07:00"), "2027-01-11T06:59", "2027-01-11T07:00"),
        ("UTC", ("22:00", "07:00"), "2027-01-11T07:00", None),
        ("UTC", ("13:00", "14:30"), "2027-01-11T13:10", "2027-01-11T14:30"),
        ("Africa/Lagos", ("22:00", "07:00"), "2027-01-10T21:00", "2027-01-11T06:00"),
        # Clocks go from 2 to 3 in this night: the quiet hours end an hour earlier for the sun.
        ("Europe/Paris", ("22:00", "07:00"), "2027-03-27T22:00", "2027-03-28T05:00"),
        # Half an hour that comes twice, and two hours: in the second pass the second end counts.
        ("Australia/Lord_Howe", ("01:35", "01:50"), "2027-04-03T14:40", "2027-04-03T14:50"),
        ("Australia/Lord_Howe", ("01:35", "01:50"), "2027-04-03T15:05", "2027-04-03T15:20"),
        ("Antarctica/Troll", ("02:30", "02:45"), "2027-10-31T00:31", "2027-10-31T00:45"),
        ("Antarctica/Troll", ("02:30", "02:45"), "2027-10-31T02:31", "2027-10-31T02:45"),
    ],
)
def test_quiet_hours(zone: str, quiet: tuple[str, str], moment: str, until: str | None) -> None:
    stored = StoredPreferences(quiet=read_quiet(QuietHours(*quiet)), time_zone=zone)
    assert quiet_until(stored, at(moment)) == (at(until) if until else None)


@given(st.sampled_from(ZONES), MINUTES, MINUTES, MOMENTS)
def test_quiet_hours_end_soon_and_are_over_then(zone: str, start: int, end: int, moment: datetime) -> None:
    if start == end:
        return
    stored = StoredPreferences(quiet=(start, end), time_zone=zone)
    until = quiet_until(stored, moment)
    if until is not None:
        assert moment < until <= moment + timedelta(hours=26)


@given(st.sampled_from(ZONES), st.integers(0, 23), MOMENTS)
def test_a_digest_comes_every_day_at_its_hour(zone: str, hour: int, moment: datetime) -> None:
    stored = StoredPreferences(time_zone=zone, digest_hour=hour)
    due = next_digest(stored, moment)
    assert moment < due <= moment + timedelta(hours=26)
    found = find_zone(zone)
    # In the night in which clocks are put forward the hour may be missing, or two.
    assert found is not None and due.astimezone(found).hour in (hour, (hour + 1) % 24, (hour + 2) % 24)


def test_zones_and_hours_are_checked() -> None:
    assert check_zone("Africa/Lagos") == "Africa/Lagos"
    for wrong in ("Africa", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Africa/Lagos\0", " "):
        with pytest.raises(Invalid):
            check_zone(wrong)
    with pytest.raises(Invalid):
        read_quiet(QuietHours("08:00", "08:00"))
    assert show_quiet(read_quiet(QuietHours("08:05", "23:59"))) == QuietHours("08:05", "23:59")
    # A zone that the data base no longer has counts as UTC.
    assert quiet_until(StoredPreferences(quiet=(0, 60), time_zone="Gone/Away"), at("2027-01-01T00:30")) is not None
