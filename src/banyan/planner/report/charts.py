"""Pictures as SVG text: nothing is fetched, everything prints."""

from collections.abc import Callable
from html import escape

from msgspec import Struct

from banyan.planner.plan import GrowthMonth, Phase

_WIDTH, _HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 130, 14, 28
_COLOURS = ("#1f6f54", "#b4552d", "#3b5b92", "#8a6d1d", "#7a3b69", "#4a4a4a", "#2d8aa8", "#a83232")
_BOX, _GAP, _MOST_BOXES = 118, 10, 6
_ROW = 66


class Line(Struct, frozen=True):
    """A figure by month, with its band where it has one."""

    name: str
    values: list[float]
    low: list[float] | None = None
    high: list[float] | None = None


def line_chart(title: str, months: list[str], lines: list[Line], *, top: float | None = None) -> str:
    """Lines over months, bands behind them, named at their ends."""
    highest = top or max((max(line.high or line.values) for line in lines), default=1.0) or 1.0
    steps = max(len(months) - 1, 1)

    def x(month: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * month / steps

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(max(value / highest, 0.0), 1.0))

    parts = [_axes(months, highest, x, y)]
    ends: list[float] = []
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        if line.low is not None and line.high is not None:
            there = [f"{x(month):.1f},{y(value):.1f}" for month, value in enumerate(line.high)]
            back = [f"{x(month):.1f},{y(value):.1f}" for month, value in reversed(list(enumerate(line.low)))]
            parts.append(f'<polygon points="{" ".join(there + back)}" fill="{colour}" opacity="0.18"/>')
        points = " ".join(f"{x(month):.1f},{y(value):.1f}" for month, value in enumerate(line.values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        place = y(line.values[-1]) if line.values else y(0)
        while any(abs(place - other) < 13 for other in ends):
            place += 13
        ends.append(place)
        parts.append(_text(_WIDTH - _RIGHT + 8, place + 4, line.name, f'fill="{colour}" font-size="12"'))
    return _svg(title, _WIDTH, _HEIGHT, parts)


def _axes(months: list[str], highest: float, x: Callable[[int], float], y: Callable[[float], float]) -> str:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = highest * share
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" font-size="11">{_short(value)}</text>'
        )
    every = max(len(months) // 6, 1)
    for number in range(0, len(months), every):
        parts.append(
            f'<text x="{x(number):.1f}" y="{_HEIGHT - 8}" text-anchor="middle" font-size="11">{months[number]}</text>'
        )
    return "".join(parts)


def timeline(scenarios: dict[str, list[GrowthMonth]]) -> str:
    """Which phase runs when: a bar per scenario."""
    longest = max((len(months) for months in scenarios.values()), default=1)
    names = list(dict.fromkeys(month.phase for months in scenarios.values() for month in months))
    width = (_WIDTH - _LEFT - 20) / max(longest, 1)
    parts = []
    for row, (scenario, months) in enumerate(scenarios.items()):
        top = 10 + row * _ROW
        parts.append(f'<text x="0" y="{top + 19}" font-size="12">{escape(scenario[:11])}</text>')
        begun, bars = 0, 0
        for number, month in enumerate(months):
            if number + 1 < len(months) and months[number + 1].phase == month.phase:
                continue
            colour = _COLOURS[names.index(month.phase) % len(_COLOURS)]
            left, wide = _LEFT + begun * width, (number + 1 - begun) * width
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="28" fill="{colour}" opacity="0.85"/>'
                f'<text x="{left + 4:.1f}" y="{top + 41 + 13 * (bars % 2)}" font-size="11">{escape(month.phase)}, '
                f"{months[begun].month}</text>"
            )
            begun, bars = number + 1, bars + 1
    return _svg("phases by month", _WIDTH, 20 + _ROW * max(len(scenarios), 1), parts)


def diagram(phase: Phase) -> str:
    """The machines of a phase in the order in which a request passes them."""
    parts, top = [], 0
    for machine in phase.machines:
        shown = min(machine.count, _MOST_BOXES)
        for number in range(shown):
            left = number * (_BOX + _GAP)
            parts.append(
                f'<rect x="{left}" y="{top}" width="{_BOX}" height="58" rx="4" fill="#eef4f1" stroke="#1f6f54"/>'
                + _text(left + 8, top + 17, machine.role[:16], 'font-size="12" font-weight="bold"')
                + _text(left + 8, top + 33, (machine.plan or "as stated")[:18])
                + _text(left + 8, top + 49, _size(machine.vcpu, machine.ram_gib))
            )
        left = shown * (_BOX + _GAP)
        if machine.count > shown:
            parts.append(f'<text x="{left}" y="{top + 33}" font-size="12">and {machine.count - shown} more</text>')
        elif shown <= 3:
            words = ", ".join(machine.services)[:60]
            parts.append(f'<text x="{left}" y="{top + 33}" font-size="11" fill="#555">{escape(words)}</text>')
        top += 72
    return _svg(f"machines of {phase.name}", _WIDTH + 60, max(top, 20), parts)


def _text(x: float, y: float, words: str, style: str = 'font-size="11"') -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _size(vcpu: float, ram_gib: float) -> str:
    return f"{vcpu:g} vCPU, {ram_gib:g} GiB" if vcpu else ""


def _short(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
