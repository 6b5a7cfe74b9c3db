"""Which line of a file does what: each change of the file alone, and the plan that comes of it."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from banyan.planner.catalogue.prices import CatalogueError
from banyan.planner.diff.effects import effects, leading
from banyan.planner.plan import Plan
from banyan.planner.quantity import Quantity
from banyan.planner.workload.checks import check_workload
from banyan.planner.workload.models import Workload

_MOST = 10  # changes that are tried one by one; more are tried section by section
_SHOWN = 5  # of a section's changes
_NOTHING = "nothing that is planned changes"
_MISSING = object()

Path = tuple[str | int, ...]
Replan = Callable[[Workload], Plan]


class Change(Struct, frozen=True):
    """One value that differs between two files; `path` leads to it in the first."""

    key: str
    path: Path
    before: Any
    after: Any


class Cause(Struct, frozen=True):
    """What moved in the file, what that alone does to the plan, and both as a sentence."""

    keys: list[str]
    effects: list[str]
    text: str
    idle: bool = False  # it changes nothing that is planned


def changes(before: Workload, after: Workload) -> list[Change]:
    """What the second file says otherwise, adds or leaves out."""
    return list(_changes((), "", *(each.model_dump(exclude_unset=True) for each in (before, after))))


def _changes(path: Path, key: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{key}.{name}" if key else str(name)
            yield from _changes((*path, name), inner, old.get(name, _MISSING), new.get(name, _MISSING))
    elif _named(old) and _named(new) and _names(old) == _names(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes((*path, number), f"{key}.{_names(old)[number]}", one, other)
    elif old is _MISSING or new is _MISSING or old != new:
        yield Change(key, path, old, new)


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _names(value: list[dict[str, Any]]) -> list[str]:
    return [str(each.get("name") or each.get("role") or each.get("item") or n) for n, each in enumerate(value)]


def find_causes(before: Workload, after: Workload, plan: Plan, replan: Replan) -> list[Cause]:
    """Each change alone, laid over the first file whose plan is `plan`."""
    found = changes(before, after)
    groups: dict[str, list[Change]] = {}
    for change in found:
        groups.setdefault(change.key if len(found) <= _MOST else str(change.path[0]), []).append(change)
    causes = [_cause(before, group, plan, replan) for group in groups.values()]
    idle = [cause for cause in causes if cause.idle]
    return [*(cause for cause in causes if not cause.idle), *_together(idle)]


def _together(idle: list[Cause]) -> Iterator[Cause]:
    """What does nothing, in one sentence."""
    keys = [key for cause in idle for key in cause.keys]
    if len(idle) > 1:
        named = ", ".join(keys[:_MOST]) + (f" and {len(keys) - _MOST} more" if len(keys) > _MOST else "")
        yield Cause(keys, [], f"{named}: {_NOTHING}", idle=True)
    else:
        yield from idle


def _cause(before: Workload, group: list[Change], plan: Plan, replan: Replan) -> Cause:
    told = "; ".join(_told(change) for change in group[:_SHOWN])
    if len(group) > _SHOWN:
        told += f"; and {len(group) - _SHOWN} more of {group[0].path[0]}"
    keys = [change.key for change in group]
    changed = _laid_over(before, group)
    try:
        varied = replan(changed) if changed is not None else None
    except CatalogueError:
        varied = None
    if varied is None:
        return Cause(keys, [], f"{told}: only together with the other changes")
    found = effects(plan, varied)
    does = "; ".join(leading(plan, varied)) if found else _NOTHING
    return Cause(keys, found, f"{told}: {does}", idle=not found)


def _laid_over(before: Workload, group: list[Change]) -> Workload | None:
    """The first file with these values of the second; None where that makes no file."""
    raw = copy.deepcopy(before.model_dump(exclude_unset=True))
    for change in group:
        place: Any = raw
        for step in change.path[:-1]:
            place = place[step]
        if change.after is _MISSING:
            del place[change.path[-1]]
        else:
            place[change.path[-1]] = change.after
    try:
        changed = Workload.model_validate(raw)
    except ValidationError:
        return None
    return None if next(check_workload(changed), None) else changed


def _told(change: Change) -> str:
    old, new = change.before, change.after
    if missing(old):
        return f"{change.key} is new ({shown(new)})"
    if missing(new):
        return f"{change.key} is gone (it was {shown(old)})"
    ends = [figure_of(each) for each in (old, new)]
    if ends[0] is None or ends[1] is None or ends[0] == ends[1]:
        return f"{change.key} changes from {shown(old)} to {shown(new)}"
    share = f" ({ends[1] / ends[0] - 1:+.0%})" if ends[0] > 0 else ""
    return f"{change.key} {'rises' if ends[1] > ends[0] else 'falls'} from {shown(old)} to {shown(new)}{share}"


def missing(value: Any) -> bool:
    """Whether a file says nothing there."""
    return value is None or value is _MISSING


def figure_of(value: Any) -> float | None:
    """A number, or the middle of an interval; None for what is neither."""
    if isinstance(value, Quantity):
        return value.mid
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def shown(value: Any) -> str:
    """A value of a file in a sentence: intervals by their ends, lists by how many they hold."""
    if missing(value):
        return "nothing"
    if isinstance(value, Quantity):
        return _number(value.mid) if value.known else f"{_number(value.low)}-{_number(value.high)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(float(value))
    if _named(value):
        return ", ".join(_names(value))
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value[:_MOST]) + (", ..." if len(value) > _MOST else "") or "none"
    if isinstance(value, dict):
        return ", ".join(
            str(each.get("name", name)) if isinstance(each, dict) else name for name, each in value.items()
        )
    return str(value)


def _number(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
