"""From the machines of a phase to hosts: what runs on each, and how much memory it may take."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count, repeat
from math import ceil

from msgspec import structs

from banyan.planner.deployment import POOL_SIZES, Host, Part, Process
from banyan.planner.plan import Machine, Phase
from banyan.planner.workload.models import Machine as DeclaredMachine
from banyan.planner.workload.models import Topology

_PARTS = {
    "nginx": Part.BALANCER,
    "postgresql": Part.DATABASE,
    "mysql": Part.DATABASE,
    "redis": Part.CACHE,
    "pgbouncer": Part.POOLER,
}
_ROLE_PARTS = {"balancer": Part.BALANCER, "database": Part.DATABASE, "cache": Part.CACHE, "redis": Part.CACHE}
_FIRST_PORTS = {"api": 8000, "realtime": 8200, "worker": 8400, "scheduler": 8600}
# Measured with `banyan up` and under load (docs/performance.md), with room for caches; a socket takes 9 KiB.
_PROCESS_MIB = {"api": 160, "realtime": 110, "worker": 200, "scheduler": 110}
_SOCKET_KIB = 12
_SOCKETS_PER_PROCESS = 15_000
_SYSTEM_MIB = 350  # more than the profile assumes at most: what is configured must not be overdrawn
_FIRST_ADDRESS = 10
_ROOMY_GIB = 4
_CLOCKS = 2  # where any machine may fail: the second waits for the first


def hosts_of(phase: Phase, sockets: int, assumed: Sequence[DeclaredMachine]) -> list[Host]:
    """A host per machine, in the phase's order. `assumed` are the file's machines, for sizes that nobody said."""
    machines = [machine for machine in sized(phase, assumed) for _ in range(machine.count)]
    parts = _parts(machines)
    runs = [_is_app(machine) or len(found) == len(Part) for machine, found in zip(machines, parts, strict=True)]
    totals = Counter(machine.role for machine in machines)
    numbers = {role: count(1) for role in totals}
    clocks = _CLOCKS if phase.topology == Topology.REPLICATED else 1
    found: list[Host] = []
    for machine, here, running in zip(machines, parts, runs, strict=True):
        number = next(numbers[machine.role])
        name = machine.role if totals[machine.role] == 1 else f"{machine.role}-{number}"
        address = "127.0.0.1" if len(machines) == 1 else f"10.0.0.{_FIRST_ADDRESS + len(found)}"
        clock = sum(bool(host.processes) for host in found) < clocks
        load = ceil(sockets / sum(runs))
        processes = _processes(_planned(phase, machine, totals), machine, load, clock) if running else []
        found.append(_host(machine, name, address, processes, here))
    unknown = [not machine.vcpu for machine in phase.machines for _ in range(machine.count)]
    return [structs.replace(host, assumed=assumed) for host, assumed in zip(found, unknown, strict=True)]


def sized(phase: Phase, assumed: Sequence[DeclaredMachine]) -> list[Machine]:
    """The phase's machines; of unknown ones with the size that the file takes to be likely."""
    pairs = zip(phase.machines, [*assumed, *repeat(None, len(phase.machines))], strict=False)
    return [_sized(machine, declared) for machine, declared in pairs]


def _sized(machine: Machine, declared: DeclaredMachine | None) -> Machine:
    if declared is None or (machine.vcpu and machine.ram_gib):
        return machine
    vcpu, ram_gib = declared.assumed_vcpu or 0, declared.assumed_ram_gib or 0
    return structs.replace(machine, vcpu=machine.vcpu or vcpu, ram_gib=machine.ram_gib or ram_gib)


def _parts(machines: Sequence[Machine]) -> list[list[Part]]:
    """Servers of each: as its services say, and its role; every deployment has a front and a cache, and one of each
    where no machine is named for it.
    """
    if len(machines) == 1:
        return [list(Part)]
    found = [{_PARTS[service] for service in machine.services if service in _PARTS} for machine in machines]
    for machine, here in zip(machines, found, strict=True):
        here |= {part for role, part in _ROLE_PARTS.items() if role in machine.role}
    if not any(Part.BALANCER in here for here in found):
        found[next((index for index, machine in enumerate(machines) if _is_app(machine)), 0)].add(Part.BALANCER)
    cached = any(Part.CACHE in here for here in found)
    for here in found:
        here |= {Part.CACHE} if Part.BALANCER in here and not cached else set()
        here |= {Part.POOLER} if Part.DATABASE in here else set()
    return [[part for part in Part if part in here] for here in found]


def _is_app(machine: Machine) -> bool:
    return bool({"api", "realtime", "worker"} & set(machine.services)) or not any(
        word in machine.role for word in ("database", "balancer", "redis", "cache", "storage", "monitoring", "broker")
    )


def _planned(phase: Phase, machine: Machine, totals: Counter[str]) -> dict[str, int]:
    """Processes on the machine by service; the plan counts them over all of the role. What a document runs of its own
    software says nothing of Banyan's.
    """
    workers: Counter[str] = Counter()
    for size in phase.services if not phase.declared else ():
        if size.machine_role == machine.role:
            workers[size.name] += size.workers
    return {name: max(1, ceil(planned / totals[machine.role])) for name, planned in workers.items()}


def _processes(planned: dict[str, int], machine: Machine, sockets: int, clock: bool) -> list[Process]:
    realtime = max(planned.get("realtime", 1), ceil(sockets / _SOCKETS_PER_PROCESS))
    # Small machines have no room for a process that looks at the clock: their worker does it.
    apart = machine.ram_gib >= _ROOMY_GIB
    found = [
        _process("api", planned.get("api", max(1, int(machine.vcpu)))),
        _process("realtime", realtime, extra_mib=sockets / realtime * _SOCKET_KIB / 1024),
        _process("worker", planned.get("worker", 1), "worker,scheduler" if clock and not apart else ""),
    ]
    return _beside_each_other([*found, _process("scheduler", 1)] if clock and apart else found)


def _beside_each_other(processes: Iterable[Process]) -> list[Process]:
    """Each kind on ports of its own, also where more run of one than lie between its first port and the next one's."""
    found: list[Process] = []
    free = 0
    for process in processes:
        found.append(structs.replace(process, first_port=max(process.first_port, free)))
        free = found[-1].first_port + process.count
    return found


def _process(name: str, count: int, target: str = "", extra_mib: float = 0) -> Process:
    return Process(
        name=name,
        target=target or name,
        count=count,
        memory_mib=ceil(_PROCESS_MIB[name] + extra_mib),
        pool_size=POOL_SIZES[name],
        first_port=_FIRST_PORTS[name],
    )


def _host(machine: Machine, name: str, address: str, processes: list[Process], parts: list[Part]) -> Host:
    memory = machine.ram_gib * 1024
    cache = _cache_mib(memory, processes, parts)
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
        rented=" ".join(word for word in (machine.provider, machine.plan) if word),
    )


def _cache_mib(memory: float, processes: list[Process], parts: list[Part]) -> int:
    """Redis has a machine of its own, or a little of one that others need more."""
    if Part.CACHE not in parts:
        return 0
    if parts == [Part.CACHE]:
        return int(max(memory - _SYSTEM_MIB, memory / 2))
    return int(min(256 if processes else 4096, max(64, memory / 32)))
