"""The one place that reads the wall clock, and makes instants of numbers and of what somebody entered."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from banyan.kernel.errors import Invalid


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def instants(seconds: Sequence[float]) -> list[datetime]:
    """Aware instants, in UTC, of seconds since 1970, to the microsecond: in a tenth of the time of `fromtimestamp`."""
    return msgspec.convert(seconds, list[datetime], strict=False)


def check_instant(given: datetime, field: str) -> datetime:
    """The same instant in UTC. Raises Invalid: without a zone, which would mean another moment to everybody, and for
    what lies before the year 1 or after 9999 in UTC, which the database does not take.
    """
    if given.tzinfo is None:
        raise Invalid.field(field, "no_zone", "A time with its zone, such as 2026-01-31T12:00:00Z.")
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise Invalid.field(field, "out_of_range", "A time of the years 1 to 9999 in UTC.") from None
