"""From a phase of a plan to the deployment that its files describe."""

import re
from collections.abc import Iterable
from math import ceil

from banyan.planner.deployment import RESERVED_CONNECTIONS, Alarm, Deployment, Part, Step, connections_of
from banyan.planner.plan import Machine, Phase, Plan, Trigger
from banyan.planner.render.hosts import hosts_of, sized
from banyan.planner.workload.models import Machine as DeclaredMachine
from banyan.planner.workload.models import Workload

# PGTune's max_connections for the web; beyond it, backends cost more than a pooler does.
_DIRECT_CONNECTIONS = 200
_UNLIMITED = 1e8
_DATABASE_LINE = re.compile(r"\b(database|postgres\w*|rds)\b", re.IGNORECASE)


class NoSuchPhase(Exception):
    """A phase that the plan does not have; the message names those that it has."""


def deployment_of(plan: Plan, name: str, workload: Workload, domain: str = "community.example") -> Deployment:
    """The deployment of the phase of that name. Raises NoSuchPhase."""
    phase = next((phase for phase in plan.phases if phase.name == name), None)
    if phase is None:
        names = ", ".join(phase.name for phase in plan.phases) or "none: nothing meets its objectives"
        raise NoSuchPhase(f"There is no phase {name}; the plan has {names}.")
    sockets = max(1, ceil(_known(phase.capacity.sockets, plan.demand.sockets)))
    hosts = hosts_of(phase, sockets, _assumed(phase, workload))
    managed = not any(host.has(Part.DATABASE) for host in hosts) and _buys_database(phase)
    objectives, backups = workload.objectives, workload.backups
    return Deployment(
        name=plan.name,
        title=_plain(plan.title or plan.name),
        phase=phase.name,
        topology=phase.topology,
        domain=domain,
        hosts=hosts,
        sockets=sockets,
        requests_per_second=_known(phase.capacity.requests_per_second, plan.demand.peak_requests_per_second.high),
        p95_ms=objectives.p95_ms.mid if objectives.p95_ms else 500,
        time_zone=workload.time_zone,
        quiet_hour=_quiet_hour(plan),
        backup_every_hours=min(backups.database_every_hours or 24, objectives.rpo_hours or 24),
        backup_retention_days=backups.retention_days or 30,
        restore_test_every_days=backups.restore_test_every_days or 30,
        pooled=not managed and connections_of(hosts) + RESERVED_CONNECTIONS > _DIRECT_CONNECTIONS,
        alarms=[_alarm(trigger) for trigger in _usable(plan.triggers)],
        next_step=_next(plan, phase, workload),
        community=_plain((plan.title or plan.name).partition(":")[0]),
        managed_database=managed,
    )


def _assumed(phase: Phase, workload: Workload) -> list[DeclaredMachine]:
    """The file's own machines of the phase, which may hold sizes to render with."""
    return next((each.machines for each in workload.phases if phase.declared and each.name == phase.name), [])


def _buys_database(phase: Phase) -> bool:
    return any(_DATABASE_LINE.search(line.item) for line in phase.cost_month.lines)


def _known(capacity: float, demand: float) -> float:
    """What a phase carries; where nothing limits it, what is asked of it."""
    return capacity if 0 < capacity < _UNLIMITED else demand


def _plain(title: str) -> str:
    """Without what would end a string in one of the files."""
    return re.sub(r"[^\w .,()&-]", "", title).strip() or "Banyan"


def _quiet_hour(plan: Plan) -> int:
    shares = plan.demand.hourly_share
    return min(range(len(shares)), key=shares.__getitem__) if shares else 3


def _usable(triggers: Iterable[Trigger]) -> list[Trigger]:
    return [trigger for trigger in triggers if trigger.expression and trigger.warning and trigger.critical]


def _alarm(trigger: Trigger) -> Alarm:
    return Alarm(
        name=trigger.metric,
        expression=trigger.expression,
        warning=trigger.warning,
        critical=trigger.critical,
        for_minutes=trigger.for_minutes,
        action=trigger.action,
        above=trigger.critical >= trigger.warning,
    )


def _next(plan: Plan, phase: Phase, workload: Workload) -> Step | None:
    later = plan.phases[plan.phases.index(phase) + 1 :]
    if not later:
        return None
    extra = later[0].cost_month.total - phase.cost_month.total
    assumed = _assumed(later[0], workload)
    return Step(
        name=later[0].name,
        topology=later[0].topology,
        machines=[_words(machine) for machine in sized(later[0], assumed)],
        extra_cost_month=f"{extra:,.2f} {later[0].cost_month.currency}",
        because=phase.binding_resource,
        lead_time_days=workload.objectives.lead_time_days,
    )


def _words(machine: Machine) -> str:
    named = " ".join(word for word in (machine.provider, machine.plan) if word)
    size = size_words(machine.vcpu, machine.ram_gib, machine.disk_gb)
    return f"{machine.count} x {f'{named} ({size})' if named else size} as {machine.role}"


def size_words(vcpu: float, ram_gib: float, disk_gb: float) -> str:
    """How large a machine is, as far as it is known."""
    known = [(vcpu, "vCPU"), (ram_gib, "GiB"), (disk_gb, "GB of disk")]
    return ", ".join(f"{value:g} {unit}" for value, unit in known if value) or "a machine of unknown size"
