"""Phases and tables against each other and against the scenarios' months."""

from collections.abc import Iterator
from itertools import pairwise

from banyan.planner.findings.context import Context, number, percent, span, total
from banyan.planner.growth import MOST_USERS, users_by_month
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity
from banyan.planner.words import figure
from banyan.planner.workload.models import Phase, Scenario

_PEOPLE_ON_EARTH = 8.2e9  # World Population Prospects 2024, United Nations
_DOUBLING = 1.0  # a month
_DOUBLING_MONTHS = 6


def find(context: Context) -> Iterator[Finding]:
    yield from _joined(context)
    yield from _tables(context)
    yield from _months(context)
    yield from _beyond(context)
    yield from _absurd(context)


def _joined(context: Context) -> Iterator[Finding]:
    for place, (before, after) in enumerate(pairwise(context.workload.phases), start=1):
        if before.to_users is not None and before.to_users != after.from_users:
            gap = "a gap" if before.to_users < after.from_users else "an overlap"
            yield Finding(
                "error",
                "phases_do_not_join",
                f"phases.{place}.from_users",
                number(after.from_users),
                number(before.to_users),
                f"{before.name} ends at {number(before.to_users)} users and {after.name} begins at "
                f"{number(after.from_users)}: {gap}",
            )


def _cost(phase: Phase) -> Quantity | None:
    return phase.total_month or total(phase)


def _tables(context: Context) -> Iterator[Finding]:
    """Two tables for the same people that ask for different money."""
    for place, other in enumerate(context.workload.alternatives):
        mine = _cost(other)
        if mine is None or other.to_users is None or other.instead_of is not None:
            continue
        middle = (other.from_users + other.to_users) / 2
        for phase in context.workload.phases:
            theirs = _cost(phase)
            if theirs is None or not phase.from_users <= middle < (phase.to_users or float("inf")):
                continue
            if mine.low > theirs.high or mine.high < theirs.low:
                yield Finding(
                    "warning",
                    "tables_disagree",
                    f"alternatives.{place}",
                    span(mine, context.workload.currency),
                    span(theirs, context.workload.currency),
                    f"at {number(middle)} users {other.name} ({other.title}) costs {span(mine)} "
                    f"and {phase.name} {span(theirs, context.workload.currency)}",
                )


def _users(context: Context, scenario: Scenario, month: int) -> float | None:
    """At the end of the scenario's month, 1 being its first, as the plan's growth has it; None beyond its end."""
    users = users_by_month(scenario, context.workload)
    return users[month - 1] if month <= len(users) else None


def _months(context: Context) -> Iterator[Finding]:
    """A schedule by months against the scenarios: phases that are built before, or after, anybody needs them."""
    scenarios = context.workload.scenarios
    for place, phase in enumerate(context.workload.phases):
        month = phase.starts_in_month
        if month is None or not scenarios:
            continue
        users = {each.name: count for each in scenarios if (count := _users(context, each, month)) is not None}
        early = {name: count for name, count in users.items() if count < phase.from_users / 2}
        late = {name: count for name, count in users.items() if phase.to_users and count > phase.to_users}
        for code, found, words in (
            ("too_early", early, "needs it only from"),
            ("too_late", late, "has outgrown its end at"),
        ):
            if found:
                border = phase.from_users if code == "too_early" else phase.to_users or 0
                listed = ", ".join(f"{name} {number(count)}" for name, count in found.items())
                yield Finding(
                    "warning",
                    f"schedule_{code}",
                    f"phases.{place}.starts_in_month",
                    f"month {month}",
                    listed,
                    f"{phase.name} starts in month {month} with {listed} users and {words} {number(border)} users",
                )


def _beyond(context: Context) -> Iterator[Finding]:
    """Scenarios that end beyond the last phase."""
    last = context.workload.phases[-1].to_users if context.workload.phases else None
    for place, scenario in enumerate(context.workload.scenarios):
        users = users_by_month(scenario, context.workload)[-1]
        if last is not None and users > last:
            yield Finding(
                "warning",
                "growth_beyond_phases",
                f"scenarios.{place}",
                f"{number(users)} users",
                f"{number(last)} users",
                f"{scenario.name} reaches {number(users)} users, the last phase ends at {number(last)}",
            )


def _absurd(context: Context) -> Iterator[Finding]:
    """More people than there are, and growth that nobody has kept up."""
    registered = context.workload.people.registered_users
    if registered.high > _PEOPLE_ON_EARTH:
        yield _too_many("people.registered_users", "the file", registered.high, "")
    for place, scenario in enumerate(context.workload.scenarios):
        where = f"scenarios.{place}"
        growth, users = scenario.growth_per_month, users_by_month(scenario, context.workload)
        if max(users) > _PEOPLE_ON_EARTH:
            yield _too_many(where, scenario.name, max(users), f" within {len(users)} months")
        if growth is not None and growth.mid >= _DOUBLING and (scenario.months or 0) > _DOUBLING_MONTHS:
            yield Finding(
                "warning",
                "growth_implausible",
                f"{where}.growth_per_month",
                f"{percent(growth.mid)} a month for {scenario.months} months",
                f"at most {percent(_DOUBLING)} for {_DOUBLING_MONTHS} months",
                f"{scenario.name} more than doubles in each of {scenario.months} months: 0.2 would be 20% a month",
            )


def _too_many(where: str, what: str, users: float, within: str) -> Finding:
    shown = (
        f"more than {MOST_USERS / 1e12:.0f} trillion" if users >= MOST_USERS else f"{figure(users / 1e9, 3)} billion"
    )
    return Finding(
        "error",
        "more_people_than_there_are",
        where,
        f"{shown} registered users",
        f"{_PEOPLE_ON_EARTH / 1e9:.1f} billion people",
        f"{what} has {shown} registered users{within}; {_PEOPLE_ON_EARTH / 1e9:.1f} billion people live on earth",
    )
