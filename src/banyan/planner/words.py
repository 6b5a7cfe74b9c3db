"""Figures, months and resources as people read them: in the table, in the report and in what differs."""

from datetime import date, datetime
from math import floor, log10

from msgspec import Struct

from banyan.planner.plan import Band

_TINY = 1e-9  # with more zeros nobody counts them
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RESOURCES = {
    "autoscale_cpu": "CPU, to scale by",
    "cpu": "CPU",
    "egress_allowance": "traffic allowance",
    "requests": "requests a second",
    "response_time": "response time",
    "stated_users": "stated users",
}


class Source(Struct, frozen=True):
    """Where a figure is from, of which day, and whether somebody checked it."""

    text: str
    as_of: date | None = None
    verified: bool | None = None

    def dated(self) -> str:
        """`price list of 2 Mar 2026, unverified`."""
        of = f", {day(self.as_of)}" if self.as_of else ", undated" if self.verified is not None else ""
        return self.text + of + (", unverified" if self.verified is False else "")


class Footnotes:
    """Numbers sources in the order in which they are first named, so that each is printed once."""

    def __init__(self) -> None:
        self.sources: list[Source] = []

    def cite(self, text: str, as_of: date | None = None, verified: bool | None = None) -> int:
        """The source's number, from 1 on."""
        source = Source(text, as_of, verified)
        if source not in self.sources:
            self.sources.append(source)
        return self.sources.index(source) + 1


def resource(name: str) -> str:
    """`concurrent_users` in words."""
    return _RESOURCES.get(name, name.replace("_", " "))


def ends(name: str) -> str:
    """`memory ends`, `sockets end`."""
    if name == "stated_users":
        return "its stated end is reached"
    shown = resource(name)
    return f"{shown} end" if shown.endswith("s") or shown.startswith("requests") else f"{shown} ends"


def ends_first(name: str) -> str:
    """What ends first, or that nobody knows."""
    return "what ends first is not stated" if name == "not stated" else f"{ends(name)} first"


def people(count: float) -> str:
    """A number of people or sockets: never a fraction of one."""
    return f"{count:,.0f}"


def figure(value: float, digits: int) -> str:
    """So many digits that count, and never fewer than it has before the point: 0.000062, 12.3, 10,606."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    shown = f"{value:,.{digits}g}"
    return f"{float(shown):.15f}".rstrip("0") if "e-" in shown and abs(value) > _TINY else shown


def rate(value: float) -> str:
    """Two digits below ten, whole above: 0.32, 9.9, 351."""
    if value == 0:
        return "0"
    if value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else figure(value, 2)


def size(gib: float) -> str:
    """A size of so many GiB in the unit that reads best: 440 MiB, 4.9 GiB, 14.6 TiB."""
    for unit, factor in (("TiB", 1 / 1024), ("GiB", 1.0)):
        if gib * factor >= 1:
            return f"{figure(gib * factor, 3)} {unit}"
    return f"{rate(float(f'{gib * 1024:.2g}'))} MiB"


def money(amount: float, currency: str) -> str:
    """Cents only where they matter: 13.08 EUR, 55 EUR, 7,380 EUR."""
    whole = abs(amount) >= 100 or abs(amount - round(amount)) < 0.005
    return f"{amount:,.0f} {currency}" if whole else f"{amount:,.2f} {currency}"


def share(value: float) -> str:
    """A share as per cent; what is nearly nothing is not said to be nothing."""
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def percent_up(value: float) -> str:
    """Per cent of the time, with the digits that tell it from always: 99.8%, 99.9996%."""
    away = 100 - value
    decimals = min(max(1 - floor(log10(away)), 0), 10) if away > 0 else 0
    return f"{f'{value:.{decimals}f}'.rstrip('0').rstrip('.') if decimals else f'{value:g}'}%"


def per_user(value: float, currency: str) -> str:
    """A small amount of money with two digits that count: 0.0013 EUR."""
    return (
        f"{value:,.2f} {currency}"
        if value >= 1
        else f"{float(f'{value:.2g}'):.10f}".rstrip("0").rstrip(".") + f" {currency}"
    )


def month(text: str) -> str:
    """`2027-03` as `Mar 2027`."""
    year, number = text.split("-")
    return f"{_MONTHS[int(number) - 1]} {year}"


def short_month(text: str) -> str:
    """`2027-03` as `Mar 27`: for axes."""
    year, number = text.split("-")
    return f"{_MONTHS[int(number) - 1]} {year[2:]}"


def day(of: date) -> str:
    """`18 Dec 2026`."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def order(by: date | None, as_of: date) -> str:
    """By when to order; what is late is to be ordered now."""
    if by is None:
        return ""
    return "now" if by <= as_of else day(by)


def between(low: str | None, high: str | None) -> str:
    """The interval of a month; no month is beyond the scenario."""
    if low is None:
        return "not in this scenario"
    if high is None:
        return f"{month(low)} or later"
    if low == high:
        return month(low)
    return f"{month(low)[:3] if low[:4] == high[:4] else month(low)} to {month(high)}"


def window(start: str, end: str) -> str:
    """`Tue 24 Nov 2026, 02:00-05:00`, in the clock of the people."""
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    return f"{_DAYS[begins.weekday()]} {day(begins)}, {begins:%H:%M}-{ends:%H:%M}"


def interval(band: Band) -> str:
    """`9.9 (4.9 to 17)`, or one figure where it is known."""
    mid, low, high = rate(band.mid), rate(band.low), rate(band.high)
    return mid if low == high else f"{mid} ({low} to {high})"


def shortened(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
