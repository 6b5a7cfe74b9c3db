"""The machines of a phase in the order in which a request passes them."""

from msgspec import Struct

from banyan.planner.answer import MachineGroup, groups_of, has_object_store
from banyan.planner.plan import Phase
from banyan.planner.report.svg import picture, rectangle, text
from banyan.planner.words import money, shortened

_FRONT = ("balancer", "proxy", "edge", "cdn", "nginx", "gateway")
_MIDDLE = ("app", "api", "all", "web", "node", "realtime", "socket", "kubernetes", "cluster", "server")
_WIDE, _HIGH, _GAP_X, _GAP_Y = 236, 104, 46, 18
_PEOPLE = 76
_CHARACTERS = 36
_BEHIND = 5  # how far the edges of a stack stand out


class _Card(Struct, frozen=True):
    """One box: what it is, then up to four lines about it."""

    title: str
    lines: tuple[str, ...]
    stacked: bool = False
    outside: bool = False


def diagram(phase: Phase) -> str:
    """Columns of boxes from the people to the data; a stack is several alike."""
    columns = _columns(phase)
    if not columns:
        return ""
    tallest = max(len(column) for column in columns)
    height = tallest * (_HIGH + _GAP_Y) - _GAP_Y + 4 * _BEHIND
    width = _PEOPLE + len(columns) * (_GAP_X + _WIDE) + 2 * _BEHIND + 2
    middle = height / 2
    parts = [rectangle(1, middle - 20, _PEOPLE - 2, 40, "people", round=20)]
    parts.append(text(_PEOPLE / 2, middle + 4, "people", kind="strong", anchor="middle"))
    before = [(float(_PEOPLE), middle)]
    for number, column in enumerate(columns):
        left = _PEOPLE + _GAP_X + number * (_WIDE + _GAP_X)
        top = (height - len(column) * (_HIGH + _GAP_Y) + _GAP_Y) / 2
        places = [top + row * (_HIGH + _GAP_Y) for row in range(len(column))]
        parts += [_arrow(x, y, left - 3, place + _HIGH / 2) for x, y in before for place in places]
        for card, place in zip(column, places, strict=True):
            parts += _box(card, left, place)
        before = [
            (left + _WIDE + (_BEHIND if column[row].stacked else 0), y + _HIGH / 2) for row, y in enumerate(places)
        ]
    return picture(_spoken(columns), width, height, parts)


def _columns(phase: Phase) -> list[list[_Card]]:
    found: list[list[_Card]] = [[], [], []]
    for group in groups_of(phase):
        found[_place(group.machine.role)].append(_card(group))
    if not phase.declared and has_object_store(phase) and phase.machines:
        found[2].append(_Card("object storage", ("files of the people",), outside=True))
    return [column for column in found if column]


def _place(role: str) -> int:
    low = role.lower()
    if any(word in low for word in _FRONT):
        return 0
    return 1 if any(word in low for word in _MIDDLE) else 2


def _card(group: MachineGroup) -> _Card:
    machine = group.machine
    lines = [group.model or "as stated", _size(machine.vcpu, machine.ram_gib, machine.disk_gb)]
    if machine.price_month:
        lines[0] += f", {money(machine.price_month, machine.currency)}"
    lines += _listed(group.services)
    return _Card(group.name, tuple(each for each in lines if each), stacked=group.count > 1)


def _listed(services: tuple[str, ...]) -> list[str]:
    """Names in at most two lines; how many more there are is said."""
    lines = [""]
    for number, name in enumerate(services):
        more = f" and {len(services) - number} more"
        joined = f"{lines[-1]}, {name}" if lines[-1] else name
        last = len(lines) == 2 and number + 1 < len(services)
        if len(joined) + (len(more) if last else 0) <= _CHARACTERS:
            lines[-1] = joined
        elif len(lines) == 1:
            lines.append(name)
        else:
            lines[-1] += more
            break
    return lines


def _size(vcpu: float, ram_gib: float, disk_gb: float) -> str:
    parts = [f"{vcpu:g} vCPU" if vcpu else "", f"{ram_gib:g} GiB" if ram_gib else ""]
    parts.append(f"{disk_gb:g} GB disk" if disk_gb else "")
    return ", ".join(part for part in parts if part)


def _box(card: _Card, left: float, top: float) -> list[str]:
    parts = []
    if card.stacked:
        for out in (2 * _BEHIND, _BEHIND):
            parts.append(rectangle(left + out / 1.25, top - out / 1.25, _WIDE - 4, _HIGH, "card", round=6))
    parts.append(rectangle(left, top, _WIDE, _HIGH, "card outside" if card.outside else "card", round=6))
    parts.append(text(left + 12, top + 23, shortened(card.title, _CHARACTERS - 4), kind="strong"))
    for row, words in enumerate(card.lines):
        parts.append(text(left + 12, top + 42 + 17 * row, shortened(words, _CHARACTERS), kind="dim"))
    return parts


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    end, bend = x2 - 5, (x1 + x2) / 2
    path = f"M{x1:.1f},{y1:.1f} C{bend:.1f},{y1:.1f} {bend:.1f},{y2:.1f} {end:.1f},{y2:.1f}"
    tip = f"{x2:.1f},{y2:.1f} {x2 - 8:.1f},{y2 - 4:.1f} {x2 - 8:.1f},{y2 + 4:.1f}"
    return f'<path class="arrow" d="{path}"/><polygon class="tip" points="{tip}"/>'


def _spoken(columns: list[list[_Card]]) -> str:
    return "People reach " + ", then ".join(" and ".join(card.title for card in column) for column in columns)
