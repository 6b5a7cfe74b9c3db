"""Connections, files and ports as budgets over everybody who holds them."""

from collections.abc import Iterator

from banyan.planner.findings.context import Context, number, setting, span
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Phase

_RESERVED = 3  # PostgreSQL's superuser_reserved_connections; backups and monitoring want some as well
_PER_VCPU = 50  # beyond this PostgreSQL spends its time on switching; a pooler in front is cheaper
_FILES_KEPT = 1024


def find(context: Context) -> Iterator[Finding]:
    for where, phase in context.deployments():
        yield from _budget(context, where, phase)
        yield from _many(context, where, phase)
    yield from _pool_takes_all(context)
    yield from _requests_for_connections(context)
    yield from _files(context)
    yield from _ports(context)
    yield from _balancer(context)


def _budget(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    stack = context.workload.stack
    limits = [
        limit
        for machine in phase.machines
        for service in context.on(machine)
        if service.role == "database" and (limit := setting(service, "max_connections")) is not None
    ]
    limit = min(limits, default=stack.database_max_connections if stack else None)
    takers = [
        (service.name, machine.count * (service.workers or 1) * service.connections_per_worker)
        for machine in phase.machines
        for service in context.on(machine)
        if service.connections_per_worker
    ]
    wanted = sum(count for _, count in takers)
    if limit is None or wanted <= limit - _RESERVED:
        return
    yield Finding(
        "error" if wanted > limit else "warning",
        "connections_over",
        f"{where}.machines",
        f"{number(limit)} connections",
        f"{number(wanted)} connections",
        f"the pools of {phase.name} may open {number(wanted)} connections "
        f"({', '.join(f'{name} {number(count)}' for name, count in takers)}); the database takes {number(limit)}, "
        f"{_RESERVED} of them reserved",
    )


def _many(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    stated = phase.capacity.database_connections
    cores = [
        machine.vcpu * machine.count
        for machine in phase.machines
        if machine.vcpu and any(service.role == "database" for service in context.on(machine))
    ]
    if stated is None or not cores or stated.low <= _PER_VCPU * sum(cores):
        return
    yield Finding(
        "warning",
        "connections_beyond_cores",
        f"{where}.capacity.database_connections",
        span(stated, "connections"),
        f"{number(_PER_VCPU * sum(cores))} connections",
        f"{phase.name} has {span(stated)} database connections on {number(sum(cores))} vCPU: beyond about {_PER_VCPU} "
        "a core more of them make it slower; put a pooler in front",
    )


def _pool_takes_all(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        pool, limit = setting(service, "pool_max_connections"), setting(service, "max_connections")
        if pool is not None and limit is not None and pool > limit - _RESERVED:
            yield Finding(
                "error",
                "pool_takes_all_connections",
                f"{where}.settings.pool_max_connections",
                f"{number(pool)} of {number(limit)}",
                f"{number(limit - _RESERVED)} at most",
                f"pools may take {number(pool)} of {number(limit)} connections: none is left for backups, monitoring "
                "and whoever must look when all are taken",
            )


def _requests_for_connections(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        at_once, pool = service.concurrency_per_worker, service.connections_per_worker
        if at_once and pool and at_once > 4 * pool:
            yield Finding(
                "note",
                "requests_wait_for_connections",
                f"{where}.concurrency_per_worker",
                f"{at_once} requests",
                f"{pool} connections",
                f"{service.name} takes {at_once} requests at once with {pool} connections a worker: "
                f"{at_once - pool} of them wait",
            )


def _files(context: Context) -> Iterator[Finding]:
    stack = context.workload.stack
    if stack is None or stack.open_files_per_process is None or stack.sockets_per_node is None:
        return
    workers = max(
        (service.workers or 1 for _, service in context.services() if service.role in ("api", "realtime")), default=1
    )
    needed = stack.sockets_per_node.high / workers + _FILES_KEPT
    if needed > stack.open_files_per_process:
        yield Finding(
            "error",
            "open_files_over",
            "stack.open_files_per_process",
            f"{number(stack.open_files_per_process)} files",
            f"{number(needed)} files",
            f"{span(stack.sockets_per_node)} sockets a node on {workers} processes need {number(needed)} files each",
        )


def _ports(context: Context) -> Iterator[Finding]:
    """A proxy needs a port of its own for every connection to the same address behind it."""
    for where, service in context.services():
        first, last = setting(service, "port_from"), setting(service, "port_to")
        stack = context.workload.stack
        if first is None or last is None or stack is None or stack.sockets_per_node is None:
            continue
        ports = last - first + 1
        if stack.sockets_per_node.high > ports:
            yield Finding(
                "error",
                "ports_over",
                f"{where}.settings.port_to",
                f"{number(ports)} ports",
                f"{number(stack.sockets_per_node.high)} sockets",
                f"a proxy has {number(ports)} ports to reach a node from; "
                f"{number(stack.sockets_per_node.high)} sockets do not fit",
            )


def _balancer(context: Context) -> Iterator[Finding]:
    for where, service in context.services():
        listed = setting(service, "upstream_servers")
        if listed is None:
            continue
        for _, phase, machine in context.machines():
            serves = any(each.role in ("api", "realtime") for each in context.on(machine))
            if serves and machine.count > listed:
                yield Finding(
                    "error",
                    "balancer_misses_machines",
                    f"{where}.settings.upstream_servers",
                    f"{number(listed)} servers",
                    f"{machine.count} machines",
                    f"{service.name} sends requests to {number(listed)} servers; {phase.name} has {machine.count}",
                )
                return
