"""Quiet hours and the hour of the digest, in a person's time zone."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from banyan.features.notifications.models import QuietHours, StoredPreferences
from banyan.kernel.errors import Invalid

_ZONES_REMEMBERED = 600


@lru_cache(_ZONES_REMEMBERED)
def find_zone(name: str) -> ZoneInfo | None:
    """None for a zone that does not exist."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a folder of the data base, a path that leads elsewhere, no such zone
        return None


def check_zone(name: str) -> str:
    """Raises Invalid."""
    if find_zone(name) is None:
        raise Invalid.field("time_zone", "unknown_time_zone", "A name of the IANA data base, such as Africa/Lagos.")
    return name


def read_quiet(hours: QuietHours | None) -> tuple[int, int] | None:
    """In minutes after midnight. Raises Invalid for hours without a length."""
    if hours is None:
        return None
    quiet = (_minutes(hours.from_), _minutes(hours.to))
    if quiet[0] == quiet[1]:
        raise Invalid.field("quiet_hours", "no_length", "`from` and `to` differ; null switches quiet hours off.")
    return quiet


def show_quiet(quiet: tuple[int, int] | None) -> QuietHours | None:
    return None if quiet is None else QuietHours(_time(quiet[0]), _time(quiet[1]))


def quiet_until(stored: StoredPreferences, at: datetime) -> datetime | None:
    """When the quiet hours end in which `at` lies; None when it lies in none.

    Where clocks are put forward over the end, they end with the hour that is left out.
    """
    if stored.quiet is None:
        return None
    start, end = stored.quiet
    local = at.astimezone(_zone(stored))
    minute = local.hour * 60 + local.minute
    inside = start <= minute < end if start < end else minute >= start or minute < end
    if not inside:
        return None
    day = local.date() if minute < end else local.date() + timedelta(days=1)
    until = datetime(day.year, day.month, day.day, end // 60, end % 60, tzinfo=_zone(stored))
    # Where clocks are put back a time comes twice, and the first one may lie behind.
    first, second = (until.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if first > at else second


def next_digest(stored: StoredPreferences, at: datetime) -> datetime:
    """The next moment at which the person's clock shows the hour of the digest."""
    zone = _zone(stored)
    local = at.astimezone(zone)
    for days in (0, 1, 2):
        day = local.date() + timedelta(days=days)
        due = datetime(day.year, day.month, day.day, stored.digest_hour, tzinfo=zone).astimezone(UTC)
        if due > at:
            return due
    raise AssertionError("no day has as many hours as two")


def _zone(stored: StoredPreferences) -> ZoneInfo:
    """UTC where a zone has been removed from the data base since."""
    return find_zone(stored.time_zone) or ZoneInfo("UTC")


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
