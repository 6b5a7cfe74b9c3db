"""What one role's machines need for each registered user, in every world."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from banyan.planner.demand import Load
from banyan.planner.deployment import BESIDE_POOL, POOL_SIZES, RESERVED_CONNECTIONS
from banyan.planner.draws import Draws
from banyan.planner.profile import Profile
from banyan.planner.quantity import Worlds
from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.topology import Role
from banyan.planner.workload.models import Workload

_TINY = 1e-15
_KIB_PER_MIB = 1024.0
_OS_DISK_GIB = 8.0  # Debian, logs of a week and room for an upgrade
_POOLED_PER_VCPU = 8  # of PgBouncer, for each of the database's cores
_POOLED_AT_LEAST = 20


class Needs(Struct, frozen=True):
    """Of all machines of a role together, per registered user, unless the name says otherwise."""

    key: str  # of the role
    cores: Worlds  # CPU seconds a second, on the profile's core
    request_seconds: Worlds  # of one request, where somebody waits for it
    variation_squared: Worlds
    objective_seconds: Worlds | None  # the role's part of the response time
    spike_factor: Worlds
    memory_fixed_mib: Worlds  # per machine
    memory_per_vcpu_mib: Worlds
    memory_mib: Worlds
    disk_fixed_gib: Worlds  # per machine
    disk_gib: Worlds
    sockets: Worlds
    sockets_per_vcpu: Worlds
    connections: Worlds  # in use
    max_connections: float
    dispatch: Dispatch  # how a request finds a core
    copies: int  # machines that each hold everything, such as replicas: they do not share the load
    connections_per_vcpu: float = 0  # that the role's processes open


class Parts(Struct, frozen=True):
    """What each part of the system does, on the profile's core."""

    cores: dict[str, Worlds]  # CPU seconds a second, per registered user
    request_seconds: dict[str, Worlds]  # of one request, where somebody waits for it


def build_parts(load: Load, profile: Profile, draws: Draws) -> Parts:
    """Requests' own work, and what messages and sockets take beside them."""

    def of(key: str) -> Worlds:
        return draws.of(f"profile.{key}", profile.figures[key], profile.source_of(key))

    balancer = of("balancer.request_ms") / 1000
    cores = {
        "app": load.requests * load.app_seconds,
        "database": load.requests * (load.database_seconds + load.worker_database_seconds),
        "worker": load.requests * load.worker_seconds,
        "sockets": draws.known(0.0),
        "balancer": load.requests * balancer,
        "cache": load.requests * balancer * 0.5,  # a few commands a request, each cheaper than a proxied request
    }
    if not profile.declared:
        message = profile.operation("message")
        costs = (
            ("app", "app_ms", message.app_ms),
            ("database", "database_ms", message.database_ms),
            ("worker", "worker_ms", message.worker_ms),
            ("database", "worker_database_ms", message.worker_database_ms),
        )
        for part, name, quantity in costs:
            key = f"operations.message.{name}"
            drawn = draws.of(f"profile.{key}", quantity, profile.source_of(key))
            cores[part] = cores[part] + load.messages * drawn / 1000
        pushes = load.messages * of("sockets.pushes_per_message") * of("sockets.push_ms")
        beats = load.sockets / of("sockets.heartbeat_seconds") * of("sockets.heartbeat_ms")
        cores["sockets"] = (pushes + beats) / 1000
    return Parts(cores, {"app": load.app_seconds, "database": load.database_seconds, "balancer": balancer})


def build_needs(role: Role, workload: Workload, load: Load, profile: Profile, parts: Parts, draws: Draws) -> Needs:
    """Adds up what the parts of a role need."""

    def of(key: str) -> Worlds:
        return draws.of(f"profile.{key}", profile.figures[key], profile.source_of(key))

    has = set(role.parts)
    zero = draws.known(0.0)
    cores: Worlds = np.sum([parts.cores[part] for part in role.parts], axis=0)
    waited = [seconds for part, seconds in parts.request_seconds.items() if part in has]
    seconds: Worlds = np.sum(waited, axis=0) if waited else zero
    if role.replicas:
        cores = cores * _busiest_share(load, of("database.read_share_of_replicas"), role.replicas - role.spares)
    fixed, per_vcpu, per_user = of("memory.system_mib"), zero, zero
    stated = _stated_memory(workload, draws) if profile.declared else {}
    fixed = fixed + sum((memory for kind, memory in stated.items() if kind in has), zero)
    if "app" in has and not stated:
        per_vcpu = per_vcpu + of("memory.api_process_mib")
        fixed = fixed + of("memory.worker_process_mib")
    if "sockets" in has:
        per_user = per_user + load.sockets * of("sockets.kib_each") / _KIB_PER_MIB
        if "app" not in has:
            per_vcpu = per_vcpu + of("memory.realtime_process_mib")
        elif not stated:
            # One process, and one more for each 15,000 sockets.
            fixed = fixed + of("memory.realtime_process_mib")
            per_user = per_user + load.sockets * of("memory.realtime_process_mib") / of("sockets.per_process")
    if "database" in has:
        fixed = fixed + of("memory.database_base_mib")
        per_user = per_user + load.database_gib * 1024 * of("memory.hot_share")
        if "database" not in stated:
            some, each = open_connections(together="app" in has)
            fixed = fixed + some * of("memory.database_connection_mib")
            per_vcpu = per_vcpu + each * of("memory.database_connection_mib")
    if "balancer" in has:
        per_vcpu = per_vcpu + of("memory.balancer_mib")
        per_user = per_user + load.sockets * of("memory.balancer_kib_per_socket") / _KIB_PER_MIB
    if "cache" in has:
        fixed = fixed + of("memory.cache_base_mib")
        per_user = per_user + load.active * of("memory.cache_kib_per_active_user") / _KIB_PER_MIB
    disk_fixed, disk = _disk(role, load, of, draws)
    return Needs(
        key=role.key,
        cores=np.maximum(cores, _TINY),
        request_seconds=np.maximum(seconds, 1e-9),
        variation_squared=load.variation_squared,
        objective_seconds=_objective(has, workload, parts, draws),
        spike_factor=load.spike_factor,
        memory_fixed_mib=fixed,
        memory_per_vcpu_mib=per_vcpu,
        memory_mib=per_user,
        disk_fixed_gib=disk_fixed,
        disk_gib=disk,
        sockets=load.sockets if "sockets" in has else zero,
        sockets_per_vcpu=of("sockets.per_process"),
        # A connection is held while the statement runs and while the process turns rows into an answer.
        connections=load.requests * (load.database_seconds + 0.5 * load.app_seconds) if "database" in has else zero,
        max_connections=profile.figures["database.max_connections"].mid - RESERVED_CONNECTIONS,
        # nginx gives a request to the process with the fewest (`least_conn`), and a process has one core; connections
        # of the database and threads of nginx run on whichever core is free.
        dispatch=Dispatch.LEAST_CONNECTIONS if "app" in has else Dispatch.SHARED,
        copies=1 + role.replicas if role.replicas else 0,
        connections_per_vcpu=profile.figures["database.connections_per_process"].mid if "app" in has else 0,
    )


def open_connections(*, together: bool) -> tuple[int, int]:
    """Connections that a database holds open, and more for each of its machine's cores: all that the processes beside
    it may open, for these close none; else what PgBouncer may.
    """
    if together:
        return POOL_SIZES["realtime"] + POOL_SIZES["worker"] + 2 * BESIDE_POOL, POOL_SIZES["api"] + BESIDE_POOL
    return _POOLED_AT_LEAST, _POOLED_PER_VCPU


_PART_OF_ROLE = {
    "api": "app",
    "other": "app",
    "worker": "worker",
    "realtime": "sockets",
    "database": "database",
    "cache": "cache",
    "broker": "worker",
    "storage": "app",
    "balancer": "balancer",
}


def _stated_memory(workload: Workload, draws: Draws) -> dict[str, Worlds]:
    """What a document budgets for its services, by the part that they belong to."""
    found: dict[str, Worlds] = {}
    for service in workload.stack.services if workload.stack else []:
        part = _PART_OF_ROLE[service.role]
        drawn = draws.of(f"stack.services.{service.name}.memory_mib", service.memory_mib)
        found[part] = found.get(part, draws.known(0.0)) + drawn
    return found


def _objective(has: set[str], workload: Workload, parts: Parts, draws: Draws) -> Worlds | None:
    """The role's part of the p95, as its share of the mean service time. 95% of each part within its share is
    stricter than 95% of the whole within the sum."""
    wanted = workload.objectives.p95_ms
    mine = [value for name, value in parts.request_seconds.items() if name in has]
    if wanted is None or not mine:
        return None
    whole: Worlds = np.sum(list(parts.request_seconds.values()), axis=0)
    share: Worlds = np.sum(mine, axis=0) / np.maximum(whole, 1e-12)
    return draws.of("objectives.p95_ms", wanted) / 1000 * share


def _busiest_share(load: Load, replica_reads: Worlds, replicas: int) -> Worlds:
    """Load of the busiest of a primary and its replicas, over the load of one that does all."""
    if not replicas:
        return np.ones_like(load.write_share)
    writes, reads = load.write_share, 1 - load.write_share
    primary = writes + reads * (1 - replica_reads)
    replica = writes * 0.5 + reads * replica_reads / replicas  # replaying a write costs about half of making it
    return np.maximum(primary, replica)


def _disk(role: Role, load: Load, of: Callable[[str], Worlds], draws: Draws) -> tuple[Worlds, Worlds]:
    fixed, disk = draws.known(_OS_DISK_GIB), draws.known(0.0)
    if "database" in role.parts:
        fixed = fixed + of("database.wal_gib")
        disk = disk + load.database_gib * of("database.bytes_overhead")
    if role.media:
        disk = disk + load.media_gib
        fixed = fixed + load.log_gib
    return fixed, disk
