"""From a phase of a plan to the deployment that its files describe."""

import re
from collections.abc import Iterable
from math import ceil

from banyan.planner.deployment import Alarm, Deployment, Host, Part, Process, Step
from banyan.planner.plan import Machine, Phase, Plan, Trigger
from banyan.planner.workload.models import Workload

_PARTS = {
    "nginx": Part.BALANCER,
    "postgresql": Part.DATABASE,
    "redis": Part.CACHE,
    "pgbouncer": Part.POOLER,
}
_ROLE_PARTS = {"balancer": Part.BALANCER, "database": Part.DATABASE, "cache": Part.CACHE, "redis": Part.CACHE}
_FIRST_PORTS = {"api": 8000, "realtime": 8200}
# Measured with `banyan up` and under load (docs/performance.md), with room for caches; a socket takes 9 KiB.
_PROCESS_MIB = {"api": 160, "realtime": 110, "worker": 200, "scheduler": 110}
_SOCKET_KIB = 12
_SOCKETS_PER_PROCESS = 15_000
_POOLS = {"api": 8, "realtime": 4, "worker": 6, "scheduler": 2}
_SYSTEM_MIB = 350
# PGTune's figure for the web; beyond it, backends cost more than a pooler does.
_DIRECT_CONNECTIONS = 200
_FIRST_ADDRESS = 10
_UNLIMITED = 1e8


class NoSuchPhase(Exception):
    """A phase that the plan does not have; the message names those that it has."""


def deployment_of(plan: Plan, name: str, workload: Workload, domain: str = "community.example") -> Deployment:
    """The deployment of the phase of that name. Raises NoSuchPhase."""
    phase = next((phase for phase in plan.phases if phase.name == name), None)
    if phase is None:
        raise NoSuchPhase(f"There is no phase {name}; the plan has {', '.join(phase.name for phase in plan.phases)}.")
    sockets = max(1, ceil(_known(phase.capacity.sockets, plan.demand.sockets)))
    hosts = _hosts(phase, sockets)
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
        pooled=_connections(hosts) > _DIRECT_CONNECTIONS,
        alarms=[_alarm(trigger) for trigger in _usable(plan.triggers)],
        next_step=_next(plan, phase, workload),
    )


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
    return Step(
        name=later[0].name,
        topology=later[0].topology,
        machines=[_words(machine) for machine in later[0].machines],
        extra_cost_month=f"{extra:,.2f} {later[0].cost_month.currency}",
        because=phase.binding_resource,
        lead_time_days=workload.objectives.lead_time_days,
    )


def _words(machine: Machine) -> str:
    size = f"{machine.vcpu:g} vCPU, {machine.ram_gib:g} GiB, {machine.disk_gb:g} GB"
    return f"{machine.count} x {machine.provider} {machine.plan} ({size}) as {machine.role}"


def _hosts(phase: Phase, sockets: int) -> list[Host]:
    machines = [(machine, number) for machine in phase.machines for number in range(1, machine.count + 1)]
    parts = {machine.role: _parts(phase, machine) for machine in phase.machines}
    runs = [machine.role for machine in phase.machines if _runs_banyan(machine, parts[machine.role])]
    apps = sum(machine.count for machine in phase.machines if machine.role in runs)
    found: list[Host] = []
    for index, (machine, number) in enumerate(machines):
        address = "127.0.0.1" if len(machines) == 1 else f"10.0.0.{_FIRST_ADDRESS + index}"
        name = machine.role if machine.count == 1 else f"{machine.role}-{number}"
        first = not any(host.processes for host in found)
        runs_here = machine.role in runs
        processes = _processes(phase, machine, ceil(sockets / apps), first) if runs_here else []
        found.append(_host(machine, name, address, processes, parts[machine.role]))
    return found


def _parts(phase: Phase, machine: Machine) -> list[Part]:
    """Its servers: as its services say, else as its role says; every deployment has a front, a database, a cache."""
    if len(phase.machines) == 1 and machine.count == 1:
        return list(Part)
    named = [_PARTS[service] for service in machine.services if service in _PARTS]
    named += [part for role, part in _ROLE_PARTS.items() if role in machine.role]
    roles = [other.role for other in phase.machines]
    if not any("balancer" in role for role in roles) and machine is _first_app(phase):
        named.append(Part.BALANCER)
    cached = any("redis" in role or "cache" in role for role in roles) or any(
        _PARTS.get(service) is Part.CACHE for other in phase.machines for service in other.services
    )
    if Part.BALANCER in named and not cached:
        named.append(Part.CACHE)
    if Part.DATABASE in named:
        named.append(Part.POOLER)
    return [part for part in Part if part in named]


def _first_app(phase: Phase) -> Machine:
    return next((machine for machine in phase.machines if _is_app(machine)), phase.machines[0])


def _is_app(machine: Machine) -> bool:
    return bool({"api", "realtime", "worker"} & set(machine.services)) or not any(
        word in machine.role for word in ("database", "balancer", "redis", "cache", "storage", "monitoring", "broker")
    )


def _runs_banyan(machine: Machine, parts: list[Part]) -> bool:
    return _is_app(machine) or len(parts) == len(Part)


def _processes(phase: Phase, machine: Machine, sockets: int, first: bool) -> list[Process]:
    cores = max(1, int(machine.vcpu))
    counts = {"api": _count(phase, machine, "api", cores), "worker": _count(phase, machine, "worker", 1)}
    counts["realtime"] = max(_count(phase, machine, "realtime", 1), ceil(sockets / _SOCKETS_PER_PROCESS))
    # Small machines have no room for a process that looks at the clock: their worker does it.
    apart = machine.ram_gib >= 4
    found = [
        _process("api", counts["api"]),
        _process("realtime", counts["realtime"], extra_mib=sockets / counts["realtime"] * _SOCKET_KIB / 1024),
        _process("worker", counts["worker"], "worker" if apart or not first else "worker,scheduler"),
    ]
    return [*found, _process("scheduler", 1)] if apart and first else found


def _count(phase: Phase, machine: Machine, service: str, least: int) -> int:
    """Processes on one of the machines; the plan counts them over all of the role."""
    planned = sum(size.workers for size in phase.services if (size.name, size.machine_role) == (service, machine.role))
    return max(1, ceil(planned / machine.count)) if planned else least


def _process(name: str, count: int, target: str = "", extra_mib: float = 0) -> Process:
    return Process(
        name=name,
        target=target or name,
        count=count,
        memory_mib=ceil(_PROCESS_MIB[name] + extra_mib),
        pool_size=_POOLS[name],
        first_port=_FIRST_PORTS.get(name),
    )


def _host(machine: Machine, name: str, address: str, processes: list[Process], parts: list[Part]) -> Host:
    memory = machine.ram_gib * 1024
    cache = int(min(4096 if not processes else 256, max(64, memory / 32))) if Part.CACHE in parts else 0
    others = sum(process.count * process.memory_mib for process in processes) + cache
    alone = not processes and not cache
    # A database of its own machine has all of it in PGTune's sense; beside others it has what they leave.
    share = memory if alone else max(memory - others - _SYSTEM_MIB, memory / 4, 256)
    return Host(
        name=name,
        address=address,
        vcpu=machine.vcpu,
        ram_gib=machine.ram_gib,
        disk_gb=machine.disk_gb,
        processes=processes,
        parts=parts,
        database_memory_mib=int(share) if Part.DATABASE in parts else 0,
        cache_memory_mib=cache,
        rented=f"({machine.provider} {machine.plan})",
    )


def _connections(hosts: list[Host]) -> int:
    return sum(process.count * (process.pool_size + 2) for host in hosts for process in host.processes)
