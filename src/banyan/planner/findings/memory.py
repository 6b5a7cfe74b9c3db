"""Memory that is promised twice on one machine, or not there."""

from collections.abc import Iterator

from banyan.planner.findings.context import Context, number, setting, span
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Machine, Phase, Service

_GIB = 1024
_PROCESS_MIB = 10  # a PostgreSQL backend without its work_mem


def find(context: Context) -> Iterator[Finding]:
    for where, phase, machine in context.machines():
        yield from _machine(context, where, phase, machine)
    yield from _databases(context)
    yield from _claimed(context)
    yield from _phases(context)


def _machine(context: Context, where: str, phase: Phase, machine: Machine) -> Iterator[Finding]:
    services = context.on(machine)
    if not services or not machine.ram_gib:
        return
    stack = context.workload.stack
    system = stack.system_memory_mib.low if stack and stack.system_memory_mib else 0
    needs = [(service, _memory(service)) for service in services]
    needed = sum(memory for _, memory in needs) + system
    has = machine.ram_gib * _GIB
    if needed <= has * 1.001:
        return
    largest = ", ".join(
        f"{service.name} {number(mib)}" for service, mib in sorted(needs, key=lambda need: -need[1])[:4]
    )
    yield Finding(
        "error",
        "memory_over",
        f"{where}.services",
        f"{number(machine.ram_gib)} GiB",
        f"{number(needed / _GIB)} GiB",
        f"what runs on {phase.name}'s {machine.role} machine needs {number(needed / _GIB)} GiB of its "
        f"{number(machine.ram_gib)} GiB ({largest} MiB" + (f", system {number(system)} MiB)" if system else ")"),
    )


def _memory(service: Service) -> float:
    """A service's budget is for all its workers, unless its heap is set for each."""
    heap = setting(service, "max_old_space_size_mib")
    return max(service.memory_mib.low, (heap or 0) * (service.workers or 1))


def _databases(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        shared = setting(service, "shared_buffers_mib")
        if service.role != "database" or shared is None:
            continue
        yield from _worst_case(context, where, service, shared)
        yield from _effective_cache(context, where, service)


def _worst_case(context: Context, where: str, service: Service, shared: float) -> Iterator[Finding]:
    work, connections = setting(service, "work_mem_mib"), setting(service, "max_connections")
    if work is None or connections is None:
        return
    needed = shared + connections * (work + _PROCESS_MIB)
    budget = service.memory_mib.high
    hosts = [machine for _, _, machine in context.machines() if service.name in machine.services and machine.ram_gib]
    machine_mib = min((machine.ram_gib * _GIB for machine in hosts if machine.ram_gib), default=None)
    limit = machine_mib if machine_mib is not None and needed > machine_mib else budget
    if needed <= limit:
        return
    of = "machine" if limit == machine_mib else "budget"
    yield Finding(
        "error",
        "memory_twice",
        f"{where}.settings.work_mem_mib",
        f"{number(limit)} MiB ({of})",
        f"{number(needed)} MiB",
        f"{service.name}: shared_buffers {number(shared)} MiB and {number(connections)} connections with work_mem "
        f"{number(work)} MiB and {_PROCESS_MIB} MiB each may need {number(needed)} MiB, its {of} has {number(limit)}",
    )


def _effective_cache(context: Context, where: str, service: Service) -> Iterator[Finding]:
    """effective_cache_size promises the planner the page cache, which other services on the machine also have."""
    cache = setting(service, "effective_cache_size_mib")
    if cache is None:
        return
    for _, phase, machine in context.machines():
        if service.name not in machine.services or not machine.ram_gib:
            continue
        others = sum(_memory(other) for other in context.on(machine) if other.name != service.name)
        left = machine.ram_gib * _GIB - others
        if cache > left:
            yield Finding(
                "warning",
                "memory_twice",
                f"{where}.settings.effective_cache_size_mib",
                f"{number(cache)} MiB",
                f"{number(max(left, 0))} MiB",
                f"effective_cache_size of {service.name} counts on {number(cache)} MiB; beside the other services of "
                f"{phase.name}'s {machine.role} machine {number(max(left, 0))} MiB are left",
            )
            return


def _claimed(context: Context) -> Iterator[Finding]:
    stack = context.workload.stack
    said = stack.memory_mib_per_service if stack else None
    own = [service for _, service in context.services() if service.role in ("api", "realtime", "worker")]
    if said is None or not own:
        return
    total = sum(service.memory_mib.mid for service in own)
    mean = total / len(own)
    if not said.low / 2 <= mean <= said.high * 2:
        yield Finding(
            "warning",
            "memory_claims_differ",
            "stack.memory_mib_per_service",
            span(said, "MiB"),
            f"{number(mean)} MiB",
            f"a service is said to need {span(said, 'MiB')}, but is allotted {number(mean)} MiB in the mean "
            f"({number(mean / said.mid)} times as much)",
        )


def _phases(context: Context) -> Iterator[Finding]:
    """Settings that are for a machine of another size than the one that they run on."""
    for where, service in context.services():
        written_for = setting(service, "server_ram_gib")
        for _, phase, machine in context.machines():
            if written_for is None or service.name not in machine.services or not machine.ram_gib:
                continue
            share = Quantity(0, service.memory_mib.mid / _GIB, service.memory_mib.high / _GIB)
            if share.high < written_for / 2 or machine.ram_gib < written_for:
                yield Finding(
                    "warning",
                    "settings_for_another_machine",
                    f"{where}.settings",
                    f"{number(written_for)} GiB",
                    f"{number(share.high)} of {number(machine.ram_gib)} GiB",
                    f"the settings of {service.name} are for a machine of {number(written_for)} GiB of its own; in "
                    f"{phase.name} it is allotted {number(share.high)} GiB of {number(machine.ram_gib)}",
                )
                break
