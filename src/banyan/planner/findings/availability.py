"""Single points of failure against the promised uptime."""

from collections.abc import Iterator

from banyan.planner.findings.context import DATABASE_ROLES, Context, number, percent, span
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Machine, Phase, Topology

_NO_SINGLE_FROM = 99.9  # percent: 44 minutes a month, less than replacing a machine and restoring a backup takes
_MINUTES_PER_MONTH = 730 * 60
_REDUNDANT = (Topology.REPLICATED, Topology.CLUSTER)


def find(context: Context) -> Iterator[Finding]:
    promised = context.workload.objectives.availability_percent
    if promised is None and context.workload.high_availability:
        promised = _NO_SINGLE_FROM
    for where, phase in context.deployments():
        if not phase.machines:
            continue
        if promised is not None and promised >= _NO_SINGLE_FROM and where.startswith("phases"):
            yield from _single_points(where, phase, promised)
        if phase.topology in _REDUNDANT:
            yield from _replicated_in_name(context, where, phase)
        yield from _spare(context, where, phase, promised)
    yield from _computed(context, promised)


def _alone(phase: Phase) -> list[Machine]:
    """Machines whose role no other machine shares."""
    counts: dict[str, int] = {}
    for machine in phase.machines:
        counts[_family(machine.role)] = counts.get(_family(machine.role), 0) + machine.count
    return [machine for machine in phase.machines if counts[_family(machine.role)] == 1]


def _family(role: str) -> str:
    return "database" if role.startswith(DATABASE_ROLES) else role


def _single_points(where: str, phase: Phase, promised: float) -> Iterator[Finding]:
    alone = [machine.role for machine in _alone(phase)]
    if not alone:
        return
    minutes = (1 - promised / 100) * _MINUTES_PER_MONTH
    yield Finding(
        "error",
        "single_point_of_failure",
        f"{where}.machines",
        f"{promised:g}%",
        f"one {', one '.join(alone)}",
        f"{phase.name} has a single {' and a single '.join(alone)} machine; {promised:g}% leaves "
        f"{number(minutes)} minutes a month, less than one of them takes to be replaced",
    )


def _replicated_in_name(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    for machine in _alone(phase):
        stateful = machine.role.startswith(DATABASE_ROLES) or any(
            service.role in ("database", "cache", "broker") for service in context.on(machine)
        )
        if stateful:
            yield Finding(
                "error",
                "replicated_on_one_machine",
                f"{where}.machines",
                str(phase.topology),
                f"1 {machine.role} machine",
                f"{phase.name} is called {phase.topology}, but its {machine.role} is one machine: "
                "nothing can take over from it",
            )


def _spare(context: Context, where: str, phase: Phase, promised: float | None) -> Iterator[Finding]:
    """Whether the stated load still fits when one machine of several is missing."""
    stack, sockets = context.workload.stack, phase.capacity.sockets
    per_node = stack.sockets_per_node if stack else None
    if promised is None or sockets is None or per_node is None:
        return
    for place, machine in enumerate(phase.machines):
        if not any(service.role in ("api", "realtime") for service in context.on(machine)):
            continue
        whole = per_node.scaled(machine.count)
        left = per_node.scaled(machine.count - 1)
        if whole.low < sockets.low:
            yield Finding(
                "error",
                "sockets_do_not_fit",
                f"{where}.machines.{place}.count",
                span(sockets, "sockets"),
                span(whole, "sockets"),
                f"{machine.count} machines with {span(per_node)} sockets each hold {span(whole)}: "
                f"{span(sockets)} do not fit at the lower figure",
            )
        if left.high < sockets.low:
            yield Finding(
                "error",
                "no_spare_machine",
                f"{where}.machines.{place}.count",
                span(sockets, "sockets"),
                span(left, "sockets"),
                f"with one of {machine.count} machines down {span(left, 'sockets')} are left for {span(sockets)}: "
                f"{promised:g}% needs at least one machine more",
            )


def _computed(context: Context, promised: float | None) -> Iterator[Finding]:
    for phase in context.plan.phases:
        if promised is not None and 0 < phase.availability_percent < promised:
            yield Finding(
                "error",
                "availability_below_objective",
                f"plan.phases.{phase.name}",
                f"{promised:g}%",
                f"{phase.availability_percent:.4g}%",
                f"{phase.name} is up {phase.availability_percent:.4g}% of the time ({phase.topology}), "
                f"{percent((promised - phase.availability_percent) / 100)} less than promised",
            )
