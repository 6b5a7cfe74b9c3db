"""Objectives against each other, against the thresholds and against what the plan's phases do."""

from collections.abc import Iterator
from itertools import pairwise

from banyan.planner.findings.context import Context, number, percent
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Scenario, Threshold


def find(context: Context) -> Iterator[Finding]:
    yield from _alarms_after_the_fact(context)
    yield from _utilisation(context)
    yield from _growth(context)
    yield from _cost_per_user(context)
    yield from _cost_growth(context)
    yield from _phases(context)
    yield from _return(context)


def _first(threshold: Threshold) -> float | None:
    """Where a threshold first speaks."""
    return threshold.warning if threshold.warning is not None else threshold.critical


def _alarms_after_the_fact(context: Context) -> Iterator[Finding]:
    promised = context.workload.objectives.p95_ms
    if promised is None:
        return
    for place, threshold in enumerate(context.workload.thresholds):
        first = _first(threshold)
        if threshold.metric in ("response_p95_ms", "response_ms") and first is not None and first > promised.high:
            yield Finding(
                "warning",
                "alarm_beyond_objective",
                f"thresholds.{place}",
                f"{number(first)} ms",
                f"{number(promised.high)} ms",
                f"the alarm at {number(first)} ms speaks after the objective of {number(promised.high)} ms is missed",
            )


def _utilisation(context: Context) -> Iterator[Finding]:
    objectives = context.workload.objectives
    wanted = objectives.utilisation_share_min
    if wanted is None:
        return
    where = "objectives.utilisation_share_min"
    for threshold in context.workload.thresholds:
        first = _first(threshold)
        if threshold.metric in ("cpu_share", "memory_share") and first is not None and first <= wanted:
            yield Finding(
                "error",
                "utilisation_is_alarm",
                where,
                f"at least {percent(wanted)}",
                f"alarm at {percent(first)}",
                f"machines are to be used at {percent(wanted)} and more, where {threshold.metric} raises the alarm "
                f"({percent(first)}): it never falls silent",
            )
    absorbed = objectives.growth_absorbed_share
    room = 1 / wanted - 1
    if absorbed is not None and absorbed > room:
        yield Finding(
            "error",
            "utilisation_leaves_no_room",
            "objectives.growth_absorbed_share",
            percent(absorbed),
            percent(room),
            f"machines used at {percent(wanted)} take {percent(room)} more load, not {percent(absorbed)}",
        )


def _monthly_growth(scenario: Scenario) -> list[float]:
    users = scenario.registered_users_by_month
    if users:
        return [after / before - 1 for before, after in pairwise(users) if before > 0]
    return [scenario.growth_per_month.low] if scenario.growth_per_month is not None else []


def _growth(context: Context) -> Iterator[Finding]:
    workload = context.workload
    for place, threshold in enumerate(workload.thresholds):
        first = _first(threshold)
        growths = {scenario.name: _monthly_growth(scenario) for scenario in workload.scenarios}
        if threshold.metric != "user_growth_per_month" or first is None or not growths:
            continue
        if all(values and min(values) > first for values in growths.values()):
            slowest = min(min(values) for values in growths.values())
            yield Finding(
                "warning",
                "threshold_always_reached",
                f"thresholds.{place}",
                percent(first),
                percent(slowest),
                f"every month of every scenario grows by more than {percent(first)} "
                f"(the slowest by {percent(slowest)}): this threshold says nothing",
            )
    kept = workload.objectives.user_growth_per_month
    for place, scenario in enumerate(workload.scenarios):
        values = _monthly_growth(scenario)
        if kept is not None and values and min(values) > kept:
            yield Finding(
                "note",
                "growth_beyond_objective",
                f"scenarios.{place}",
                percent(kept),
                f"{percent(min(values))}-{percent(max(values))}",
                f"the objective keeps up with {percent(kept)} a month, {scenario.name} grows by {percent(min(values))} "
                f"to {percent(max(values))}",
            )


def _cost_per_user(context: Context) -> Iterator[Finding]:
    objectives = context.workload.objectives
    demand = context.plan.demand
    active = demand.daily_active_users / demand.registered_users if demand.registered_users else 0
    limits = (
        ("cost_per_user_month_max", objectives.cost_per_user_month_max, 1.0),
        ("cost_per_active_user_month_max", objectives.cost_per_active_user_month_max, active),
    )
    for name, limit, share in limits:
        if limit is None or share <= 0:
            continue
        yield from _months_above(context, name, limit, share)
        for phase in context.plan.phases:
            cost = phase.cost_month.total
            if not phase.declared or cost <= 0:
                continue
            needed = cost / limit / share
            beyond = phase.to_users is not None and needed > phase.to_users
            if not beyond and needed <= max(phase.from_users, 1):
                continue
            yield Finding(
                "error" if beyond else "warning",
                "cost_per_user_above_objective",
                f"objectives.{name}",
                f"{number(limit)} {context.plan.currency}",
                f"{number(cost / share / max(phase.from_users, 1))} {context.plan.currency}",
                f"{phase.name} costs {number(cost)} {context.plan.currency} a month: the objective holds from "
                f"{number(needed)} registered users on, the phase begins at {number(phase.from_users)}"
                + (f" and ends at {number(phase.to_users)}" if beyond and phase.to_users else ""),
            )


def _months_above(context: Context, name: str, limit: float, share: float) -> Iterator[Finding]:
    """Of phases that the planner chose, whose first people are those of the scenario's months."""
    chosen = {phase.name for phase in context.plan.phases if not phase.declared}
    currency = context.plan.currency
    for scenario, months in context.plan.growth.items():
        each = {month.month: month.cost_month / month.users / share for month in months if month.users}
        above = [month for month in months if month.phase in chosen and each.get(month.month, 0) > limit]
        if not above:
            continue
        worst = max(above, key=lambda month: each[month.month])
        cost = f"{number(each[worst.month])} {currency}"
        yield Finding(
            "error" if len(above) == len(months) else "warning",
            "cost_per_user_above_objective",
            f"objectives.{name}",
            f"{number(limit)} {currency}",
            cost,
            f"in {len(above)} of {scenario}'s {len(months)} months a user costs more than {number(limit)} {currency}; "
            f"most in {worst.month}, {cost}",
        )


def _cost_growth(context: Context) -> Iterator[Finding]:
    limit = context.workload.objectives.cost_growth_of_user_growth_max
    if limit is None:
        return
    for name, years in context.plan.years.items():
        for year in years:
            if year.cost_growth is None or not year.user_growth or year.user_growth <= 0:
                continue
            ratio = year.cost_growth / year.user_growth
            if ratio > limit:
                yield Finding(
                    "warning",
                    "cost_grows_too_fast",
                    "objectives.cost_growth_of_user_growth_max",
                    percent(limit),
                    percent(ratio),
                    f"in {name}'s year {year.year} cost grows by {percent(year.cost_growth)} while users grow by "
                    f"{percent(year.user_growth)}: {percent(ratio)} of it, not {percent(limit)}",
                )


def _phases(context: Context) -> Iterator[Finding]:
    """What the hardware of a declared phase cannot meet."""
    objectives = context.workload.objectives
    for phase in context.plan.phases:
        where = f"plan.phases.{phase.name}"
        if phase.to_users is not None and phase.shortfall_chance > objectives.shortfall_chance_max:
            yield Finding(
                "error" if phase.shortfall_chance > 0.5 else "warning",
                "phase_falls_short",
                where,
                f"{number(phase.to_users)} users",
                f"{number(phase.capacity.registered_users)} users",
                f"{phase.name} is to last until {number(phase.to_users)} users; {phase.binding_resource} ends it "
                f"earlier in {percent(phase.shortfall_chance)} of the worlds "
                f"(at {number(phase.capacity.registered_users)} in the middle)",
            )
        if objectives.p95_ms is not None and phase.p95_ms is not None and phase.p95_ms > objectives.p95_ms.high:
            yield Finding(
                "error",
                "phase_too_slow",
                where,
                f"{number(objectives.p95_ms.high)} ms",
                f"{number(phase.p95_ms)} ms",
                f"{phase.name} answers within {number(phase.p95_ms)} ms (p95) at its end, "
                f"not {number(objectives.p95_ms.high)} ms",
            )


def _return(context: Context) -> Iterator[Finding]:
    revenue = context.workload.revenue
    said = revenue.per_registered_user_month is not None or revenue.per_active_user_month is not None
    within = context.workload.objectives.return_within_months
    watched = [threshold.metric for threshold in context.workload.thresholds if threshold.metric.startswith("revenue")]
    if said or (within is None and not watched):
        return
    yield Finding(
        "warning",
        "revenue_unknown",
        "revenue",
        f"a return within {within} months" if within is not None else f"a threshold of {watched[0]}",
        "no revenue",
        "the file speaks of revenue and gives none: neither can be computed, say [revenue] per_active_user_month",
    )
