"""What people type (figures, shares, zones, choices) as it stands in a planner file. Each raises ValueError."""

import re
from collections.abc import Callable, Iterable
from zoneinfo import available_timezones

from banyan.planner.catalogue.prices import UnknownCurrencyError, load_catalogue, shipped_plans
from banyan.planner.workload.models import Rent

_RANGE = re.compile(r"^\s*([\d_.,]+)\s*(k|m)?\s*(?:(?:-|to)\s*([\d_.,]+)\s*(k|m)?)?\s*(%)?\s*$", re.IGNORECASE)
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6}


def figure(text: str) -> str:
    """`12k`, `5-10` or `10%` as a figure or an interval of a file."""
    match = _RANGE.match(text)
    if match is None:
        raise ValueError("a number, or a range such as 500-1000; k and m are thousands and millions")
    low, low_unit, high, high_unit, percent = match.groups()
    unit = low_unit or (high_unit if high else None)
    ends = [_number(low, unit or "", percent)]
    if high:
        ends.append(_number(high, high_unit or "", percent))
    if ends != sorted(ends):
        raise ValueError("a range goes from low to high")
    return f"[{ends[0]:.10g}, {ends[1]:.10g}]" if len(ends) == 2 and ends[0] != ends[1] else f"{ends[0]:.10g}"


def _number(text: str, unit: str, percent: str | None) -> float:
    try:
        value = float(text.replace(",", "").replace("_", "")) * _FACTORS[unit.lower()]
    except ValueError:
        raise ValueError(f"a number: {text} is none") from None
    return value / 100 if percent else value


def ends_of(read: str) -> tuple[float, float]:
    """The low and the high end of what `figure` gives."""
    ends = [float(each) for each in read.strip("[]").split(",")]
    return ends[0], ends[-1]


def positive(text: str) -> str:
    """A figure above nothing."""
    read = figure(text)
    if ends_of(read)[0] <= 0:
        raise ValueError("more than 0")
    return read


def share(text: str) -> str:
    """A share: `10%`, or `10` for the same."""
    read = figure(text if "%" in text else f"{text}%")
    if ends_of(read)[1] > 1:
        raise ValueError("at most 100%")
    return read


def single(lowest: float, highest: float) -> Callable[[str], str]:
    """One number between two others, both included."""

    def read(text: str) -> str:
        low, high = ends_of(figure(text))
        if low != high or not lowest <= low <= highest:
            raise ValueError(f"one number from {lowest:g} to {highest:g}")
        return f"{low:.10g}"

    return read


def title(text: str) -> str:
    """As it stands, in quotes; what would break out of them is refused."""
    if not text.strip() or len(text) > 200 or any(each in '"\\' or not each.isprintable() for each in text):
        raise ValueError("a name without quotes")
    return f'"{text.strip()}"'


def zone(text: str) -> str:
    """A time zone as the world's list of them has it."""
    if text.strip() not in available_timezones():
        raise ValueError("a time zone such as Africa/Lagos, Europe/Berlin or UTC")
    return f'"{text.strip()}"'


def currency(text: str) -> str:
    """A currency to which the prices can be converted."""
    code = text.strip().upper()
    try:
        load_catalogue(Rent(), code)
    except UnknownCurrencyError as error:
        raise ValueError(f"a currency with a rate ({error})") from None
    return f'"{code}"'


def providers(text: str) -> str:
    """`any`, or names of the catalogue with commas between them."""
    if text.strip().lower() == "any":
        return "[]"
    known = sorted({plan.provider for plan in shipped_plans()})
    wanted = [each.strip().lower() for each in text.split(",") if each.strip()]
    if not wanted or not set(wanted) <= set(known):
        raise ValueError(f"any, or some of: {', '.join(known)}")
    return "[" + ", ".join(f'"{each}"' for each in dict.fromkeys(wanted)) + "]"


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """One of several words."""
    known = tuple(choices)

    def read(text: str) -> str:
        if text.strip().lower() not in known:
            raise ValueError(f"one of: {', '.join(known)}")
        return text.strip().lower()

    return read
