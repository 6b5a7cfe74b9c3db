"""Thresholds against each other, against the phases' borders and against what is allotted from the first day."""

from collections.abc import Iterator
from itertools import combinations

from banyan.planner.findings.context import Context, number, percent
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Threshold

_GIB = 1024


def find(context: Context) -> Iterator[Finding]:
    yield from _twice(context)
    yield from _order(context)
    yield from _borders(context)
    yield from _people(context)
    yield from _memory_from_the_start(context)


def _values(threshold: Threshold) -> list[float]:
    return [value for value in (threshold.warning, threshold.critical) if value is not None]


def _twice(context: Context) -> Iterator[Finding]:
    numbered = list(enumerate(context.workload.thresholds))
    for (_, first), (place, second) in combinations(numbered, 2):
        if first.metric != second.metric or set(_values(first)) & set(_values(second)):
            continue
        yield Finding(
            "note",
            "threshold_twice",
            f"thresholds.{place}",
            " and ".join(_say(second.metric, value) for value in _values(second)),
            " and ".join(_say(first.metric, value) for value in _values(first)),
            f"{first.metric} has two sets of thresholds for {first.action or 'one thing'!r} "
            f"and {second.action or 'another'!r}: say which one acts",
        )


def _say(metric: str, value: float) -> str:
    return percent(value) if metric.endswith("share") else number(value)


def _order(context: Context) -> Iterator[Finding]:
    for place, threshold in enumerate(context.workload.thresholds):
        warning, critical = threshold.warning, threshold.critical
        if warning is not None and critical is not None and warning >= critical:
            yield Finding(
                "error",
                "warning_after_critical",
                f"thresholds.{place}.warning",
                number(warning),
                number(critical),
                f"{threshold.metric} warns at {number(warning)}, no earlier than it is critical ({number(critical)})",
            )


def _borders(context: Context) -> Iterator[Finding]:
    borders = sorted(
        {phase.from_users for phase in context.workload.phases if phase.from_users}
        | {phase.to_users for phase in context.workload.phases if phase.to_users}
    )
    for place, threshold in enumerate(context.workload.thresholds):
        if threshold.metric != "registered_users" or not borders:
            continue
        for value in _values(threshold):
            if value not in borders:
                yield Finding(
                    "warning",
                    "threshold_beside_phases",
                    f"thresholds.{place}",
                    f"{number(value)} users",
                    f"{', '.join(number(border) for border in borders)} users",
                    f"{threshold.action or 'a threshold'} at {number(value)} users, but the phases change at "
                    f"{', '.join(number(border) for border in borders)}",
                )


def _people(context: Context) -> Iterator[Finding]:
    """Registered and concurrent users mixed up: thresholds that stand for different sizes of the same community."""
    demand = context.plan.demand
    if demand.registered_users <= 0 or demand.peak_concurrent_users <= 0:
        return
    share = demand.peak_concurrent_users / demand.registered_users
    last = max((phase.to_users or phase.from_users for phase in context.workload.phases), default=0)
    registered = [
        value
        for threshold in context.workload.thresholds
        if threshold.metric == "registered_users"
        for value in _values(threshold)
    ]
    for place, threshold in enumerate(context.workload.thresholds):
        if threshold.metric != "peak_concurrent_users":
            continue
        for value in _values(threshold):
            means = value / share
            beside = min(registered, key=lambda other: abs(other - means), default=None)
            if beside is not None and not 0.8 * beside <= means <= 1.25 * beside:
                other = f"{number(beside)} registered users"
            elif beside is None and last and means > last:
                other = f"the last phase, which ends at {number(last)} registered users"
            else:
                continue
            yield Finding(
                "warning",
                "thresholds_of_different_size",
                f"thresholds.{place}",
                f"{number(value)} at once",
                f"{number(means)} registered users",
                f"{number(value)} people at once are {number(means)} registered users at the stated "
                f"{percent(share)}: beside {other} it is not the same moment (registered and concurrent mixed up?)",
            )


def _memory_from_the_start(context: Context) -> Iterator[Finding]:
    limits = [
        value
        for threshold in context.workload.thresholds
        if threshold.metric == "memory_share"
        for value in _values(threshold)
    ]
    if not limits:
        return
    for where, phase, machine in context.machines():
        allotted = sum(service.memory_mib.low for service in context.on(machine))
        if not machine.ram_gib or not where.startswith("phases"):
            continue
        share = allotted / (machine.ram_gib * _GIB)
        if min(limits) < share <= 1:
            yield Finding(
                "warning",
                "memory_alarm_from_the_start",
                f"{where}.services",
                f"alarm at {percent(min(limits))}",
                f"{percent(share)} allotted",
                f"the services of {phase.name}'s {machine.role} machine are allotted {percent(share)} of its memory: "
                f"once they use it, the alarm at {percent(min(limits))} rings on the first day",
            )
