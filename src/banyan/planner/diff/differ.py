"""What differs between two plans, and what in their files makes it so."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from banyan.planner.diff.causes import Cause, Change, Replan, changes, figure_of, find_causes, missing, shown
from banyan.planner.diff.effects import effects
from banyan.planner.plan import Phase, Plan
from banyan.planner.words import figure
from banyan.planner.workload.models import Workload

_SAME = 1e-9


class Difference(Struct, frozen=True):
    """A figure that differs. `before` or `after` is empty where one plan has no such thing."""

    key: str
    before: str
    after: str
    change: str


class PlanDifference(Struct, frozen=True):
    """What changes from one plan to another and why: in sentences, then key by key.

    `summary` is what all changes of the file do together, `causes` what each does alone; `plan` are the figures that
    differ, `because` the lines of the files.
    """

    summary: list[str]
    causes: list[Cause]
    plan: list[Difference]
    because: list[Difference]


def compare(before: Plan, after: Plan, files: tuple[Workload, Workload], replan: Replan) -> PlanDifference:
    """The differences that somebody decides by, and what each change of the file does: `replan` plans a variant."""
    return PlanDifference(
        summary=effects(before, after),
        causes=find_causes(files[0], files[1], before, replan),
        plan=[*_compare(_headline(before), _headline(after))],
        because=[_stated(change) for change in changes(files[0], files[1])],
    )


def _stated(change: Change) -> Difference:
    old, new = change.before, change.after
    texts = ["" if missing(each) else shown(each) for each in (old, new)]
    moved = _change(*(each if figure_of(each) is None else figure_of(each) for each in (old, new)))
    if missing(old) or missing(new):
        moved = "new" if missing(old) else "gone"
    return Difference(change.key, texts[0], texts[1], moved)


def _headline(plan: Plan) -> dict[str, Any]:
    figures: dict[str, Any] = {f"demand.{name}": value for name, value in _plain(plan.demand).items()}
    for phase in plan.phases:
        figures |= _phase(phase)
    for scenario, entries in plan.outgrow.items():
        for entry in entries:
            figures[f"outgrow.{scenario}.{entry.phase}"] = f"{entry.month or 'never'} ({entry.resource})"
    for scenario, years in plan.years.items():
        for year in years:
            figures[f"years.{scenario}.{year.year}.cost"] = year.cost
    for finding in plan.findings:
        figures[f"findings.{finding.code} {finding.where}"] = finding.message
    return figures


def _phase(phase: Phase) -> dict[str, Any]:
    key = f"phases.{phase.name}"
    machines = ", ".join(
        f"{each.count} x {each.provider} {each.plan}".strip() + f" ({each.role})" for each in phase.machines
    )
    return {
        f"{key}.to_users": phase.to_users,
        f"{key}.topology": phase.topology,
        f"{key}.machines": machines,
        f"{key}.cost_month.total": phase.cost_month.total,
        f"{key}.cost_per_user": phase.cost_per_user,
        f"{key}.binding_resource": phase.binding_resource,
        f"{key}.capacity.registered_users": phase.capacity.registered_users,
        f"{key}.shortfall_chance": phase.shortfall_chance,
    }


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value)
    flat: dict[str, Any] = {}
    for name, each in found.items():
        if isinstance(each, dict) and not _is_band(each):
            flat |= {f"{name}.{key}": value for key, value in each.items()}
        elif not isinstance(each, list):
            flat[name] = each
    return flat


def _is_band(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"low", "mid", "high"}


def _compare(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if not _equal(old, new):
            yield Difference(key, _text(old), _text(new), _change(old, new))


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return abs(old - new) <= _SAME * max(abs(old), abs(new), 1)
    if _is_band(old) and _is_band(new):
        return all(_equal(old[end], new[end]) for end in ("low", "mid", "high"))
    return bool(old == new)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return figure(value, 6)
    if _is_band(value):
        return f"{figure(value['mid'], 4)} ({figure(value['low'], 4)} to {figure(value['high'], 4)})"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, msgspec.Struct):
        return _text(msgspec.to_builtins(value))
    return str(value)


def _change(old: Any, new: Any) -> str:
    numbers = (int, float)
    if _is_band(old) and _is_band(new):
        return _change(old["mid"], new["mid"])
    if isinstance(old, numbers) and isinstance(new, numbers) and not isinstance(old, bool) and old:
        return f"{(new - old) / old:+.0%}"
    return "new" if old is None else "gone" if new is None else "changed"
