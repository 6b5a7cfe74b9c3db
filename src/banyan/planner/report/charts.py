"""Lines by month, and the phases as a timeline."""

import math

from msgspec import Struct

from banyan.planner.plan import GrowthMonth
from banyan.planner.report.svg import CHARACTER, line, picture, rectangle, text
from banyan.planner.words import month, short_month, shortened

COLOURS = 8  # classes c0 to c7 of the style sheet
_WIDTH, _HEIGHT = 336, 200
_LEFT, _TOP, _BOTTOM = 46, 12, 26
_NARROW, _LABELS = 20, 122  # the right margin without and with names of lines
_APART = 13
_LABEL_CHARACTERS = 17


class Line(Struct, frozen=True):
    """A figure by month, with its band where it has one."""

    name: str
    values: list[float]
    low: list[float] | None = None
    high: list[float] | None = None

    @property
    def banded(self) -> bool:
        """Whether there is a band to see."""
        if self.low is None or self.high is None:
            return False
        return any(high - low > 1e-6 * max(abs(high), 1) for low, high in zip(self.low, self.high, strict=True))


class _Frame(Struct, frozen=True):
    """Where a month and a value lie."""

    steps: int
    highest: float
    right: float

    def x(self, number: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - self.right) * number / self.steps

    def y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(max(value / self.highest, 0.0), 1.0))


def line_chart(
    title: str, months: list[str], lines: list[Line], *, per_cent: bool = False, changes: list[int] | None = None
) -> str:
    """Lines over months with their bands; more than one are named at their ends. Dashes where a phase begins."""
    most = max((max(each.high or each.values) for each in lines if each.values), default=0.0)
    step = 0.25 if per_cent else _step(most)
    highest = 1.0 if per_cent else max(math.ceil(most / step - 1e-9), 1) * step
    frame = _Frame(max(len(months) - 1, 1), highest, _LABELS if len(lines) > 1 else _NARROW)
    parts = _axes(frame, months, step, per_cent=per_cent)
    parts += [
        line(frame.x(each), _TOP, frame.x(each), _HEIGHT - _BOTTOM, "change") for each in changes or () if each > 0
    ]
    for number, each in enumerate(lines):
        parts += _drawn(frame, each, f"c{number % COLOURS}")
    if len(lines) > 1:
        parts += _names(frame, lines)
    return picture(title, _WIDTH, _HEIGHT, parts)


def _drawn(frame: _Frame, each: Line, colour: str) -> list[str]:
    parts = []
    if each.banded and each.low is not None and each.high is not None:
        there = [f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in enumerate(each.high)]
        back = [f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in enumerate(each.low)]
        parts.append(f'<polygon class="band {colour}" points="{" ".join(there + back[::-1])}"/>')
    if len(each.values) == 1:
        parts.append(f'<circle class="dot {colour}" cx="{frame.x(0):.1f}" cy="{frame.y(each.values[0]):.1f}" r="3"/>')
    points = " ".join(f"{frame.x(place):.1f},{frame.y(value):.1f}" for place, value in enumerate(each.values))
    parts.append(f'<polyline class="line {colour}" points="{points}"/>')
    return parts


def _names(frame: _Frame, lines: list[Line]) -> list[str]:
    """Names beside the ends of their lines, moved apart where these lie close together."""
    ends = sorted((frame.y(each.values[-1]), number) for number, each in enumerate(lines))
    places = [end for end, _ in ends]
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + _APART)
    lowest = float(_HEIGHT - _BOTTOM)
    for number in reversed(range(len(places))):
        places[number] = min(places[number], lowest)
        lowest = places[number] - _APART
    x = _WIDTH - frame.right
    parts = []
    for place, (end, which) in zip(places, ends, strict=True):
        colour = f"c{which % COLOURS}"
        parts.append(line(x + 2, end, x + 9, place, f"lead {colour}"))
        parts.append(text(x + 11, place + 4, shortened(lines[which].name, _LABEL_CHARACTERS), kind=f"name {colour}"))
    return parts


def _axes(frame: _Frame, months: list[str], step: float, *, per_cent: bool) -> list[str]:
    parts = []
    for rung in range(round(frame.highest / step) + 1):
        value = rung * step
        parts.append(line(_LEFT, frame.y(value), _WIDTH - frame.right, frame.y(value), "grid"))
        shown = f"{value:.0%}" if per_cent else _short(value)
        parts.append(text(_LEFT - 6, frame.y(value) + 4, shown, kind="tick", anchor="end"))
    room = max(int((_WIDTH - _LEFT - frame.right) / 58), 1)
    every = max(math.ceil(len(months) / (room + 1)), 1)
    parts += [
        text(frame.x(number), _HEIGHT - 8, short_month(months[number]), kind="tick", anchor="middle")
        for number in range(0, len(months), every)
    ]
    return parts


def _step(highest: float) -> float:
    """A round distance of grid lines that gives three to five of them."""
    if highest <= 0:
        return 1.0
    rough = highest / 4
    power = math.pow(10, math.floor(math.log10(rough)))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)


def _short(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.4g}{letter}"
    return f"{value:.3g}"


_WIDE, _SIDE, _ROW, _THICK = 1040, 150, 56, 28


class _Stay(Struct, frozen=True):
    """One phase of a scenario: from which to which month, both counted from the first of all."""

    phase: str
    begins: int
    ends: int
    first: str


def timeline(scenarios: dict[str, list[GrowthMonth]]) -> str:
    """Which phase runs when: a bar per scenario, over the same months."""
    every = sorted({each.month for months in scenarios.values() for each in months})
    if not every:
        return ""
    names = list(dict.fromkeys(each.phase for months in scenarios.values() for each in months))
    start = _count(every[0])
    scale = (_WIDE - _SIDE) / (_count(every[-1]) - start + 1)
    parts: list[str] = []
    for row, (scenario, months) in enumerate(scenarios.items()):
        top = row * _ROW + 2
        parts.append(text(0, top + 19, shortened(scenario, int(_SIDE / CHARACTER)), kind="strong"))
        free = 0.0
        for stay in _stays(months, start):
            left, wide = _SIDE + stay.begins * scale, (stay.ends - stay.begins) * scale
            colour = f"block c{names.index(stay.phase) % COLOURS}"
            parts.append(rectangle(left, top, wide - 2, _THICK, colour, title=f"{stay.phase} from {month(stay.first)}"))
            if wide > len(stay.phase) * CHARACTER + 14:
                parts.append(text(left + 8, top + 19, stay.phase, kind="on"))
            shown = short_month(stay.first)
            if left >= free and left + len(shown) * CHARACTER <= _WIDE:
                parts.append(text(left, top + _THICK + 14, shown, kind="tick"))
                free = left + len(shown) * CHARACTER + 8
    legend, bottom = _legend(names, len(scenarios) * _ROW + 12)
    return picture("Which phase runs when, by scenario", _WIDE, bottom, parts + legend)


def _stays(months: list[GrowthMonth], start: int) -> list[_Stay]:
    found: list[_Stay] = []
    for each in months:
        place = _count(each.month) - start
        if found and found[-1].phase == each.phase:
            last = found.pop()
            found.append(_Stay(last.phase, last.begins, place + 1, last.first))
        else:
            found.append(_Stay(each.phase, place, place + 1, each.month))
    return found


def _legend(names: list[str], top: float) -> tuple[list[str], float]:
    parts: list[str] = []
    left = float(_SIDE)
    for number, name in enumerate(names):
        wide = 18 + len(name) * CHARACTER + 22
        if left + wide > _WIDE and left > _SIDE:
            left, top = float(_SIDE), top + 20
        parts.append(rectangle(left, top, 12, 12, f"block c{number % COLOURS}"))
        parts.append(text(left + 18, top + 10, name))
        left += wide
    return parts, top + 20


def _count(of: str) -> int:
    year, number = of.split("-")
    return int(year) * 12 + int(number) - 1
