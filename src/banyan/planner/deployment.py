"""A deployment, as one says it to who builds it: hosts, what runs on each, how large it is."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

_CLUSTER_MEMBERS = 3  # the fewest that Redis makes a cluster of
POOL_SIZES = {"api": 8, "realtime": 4, "worker": 6, "scheduler": 2}  # database connections of a process
RESERVED_CONNECTIONS = 10  # operators, backups, monitoring
UNSEEN = frozenset({"worker", "scheduler"})  # their ports answer for health and metrics alone
BESIDE_POOL = 3  # of each process at most: it listens, it migrates, as a worker it fans out


class Part(StrEnum):
    """Servers beside Banyan's own processes."""

    BALANCER = "balancer"  # nginx
    DATABASE = "database"  # PostgreSQL
    POOLER = "pooler"  # PgBouncer
    CACHE = "cache"  # Redis


class Process(Struct, frozen=True):
    """`count` processes of `banyan serve --target TARGET`, with ports from `first_port` on."""

    name: str
    target: str
    count: int
    memory_mib: int  # of each
    pool_size: int  # database connections of each
    first_port: int

    @property
    def ports(self) -> list[int]:
        """One for each process, so that each is measured, and balanced, alone."""
        return list(range(self.first_port, self.first_port + self.count))

    @property
    def serves_people(self) -> bool:
        """Whether a balancer sends people there."""
        return not UNSEEN.issuperset(self.target.split(","))

    @property
    def connections(self) -> int:
        """What all of them may open: their pools, and what each has beside its pool."""
        return self.count * (self.pool_size + BESIDE_POOL)


class Host(Struct, frozen=True):
    """A machine. Its address is the one in the private network; 127.0.0.1 where it is the only one."""

    name: str
    address: str
    vcpu: float
    ram_gib: float
    disk_gb: float
    processes: list[Process]
    parts: list[Part]
    database_memory_mib: int = 0  # PostgreSQL's share of the memory, the system's file cache for it included
    cache_memory_mib: int = 0
    rented: str = ""  # provider and plan
    assumed: bool = False  # nobody said how large it is: the file takes a size to be likely

    @property
    def sized(self) -> bool:
        """Whether it is known how large it is: documents name machines by their price alone at times."""
        return self.vcpu > 0 and self.ram_gib > 0

    def has(self, part: Part) -> bool:
        """Whether that server runs here."""
        return part in self.parts


class Alarm(Struct, frozen=True):
    """A threshold over Banyan's metrics. The expression is PromQL without the comparison."""

    name: str
    expression: str
    warning: float
    critical: float
    for_minutes: float
    action: str
    above: bool = True


class Step(Struct, frozen=True):
    """What comes after this phase."""

    name: str
    topology: str
    machines: list[str]
    extra_cost_month: str
    because: str
    lead_time_days: int


class Deployment(Struct, frozen=True):
    """One phase, ready to be built."""

    name: str
    title: str
    phase: str
    topology: str
    domain: str
    hosts: list[Host]
    sockets: int
    requests_per_second: float
    p95_ms: float
    time_zone: str
    quiet_hour: int  # of the people's day, when least is lost by maintenance
    backup_every_hours: float
    backup_retention_days: int
    restore_test_every_days: int
    pooled: bool  # Banyan's connections go through PgBouncer
    alarms: list[Alarm]
    next_step: Step | None = None
    folder: str = "/opt/banyan"  # a checkout of Banyan on every host
    community: str = ""  # its name on pages and in mails; the title where it is empty
    managed_database: bool = False  # rented as a service: no host has a PostgreSQL

    def hosts_with(self, part: Part) -> list[Host]:
        """Where that server runs."""
        return [host for host in self.hosts if host.has(part)]

    def host_of(self, part: Part) -> Host:
        """Where the only one of its kind runs. Raises LookupError."""
        found = self.hosts_with(part)
        if not found:
            raise LookupError(f"no host has the part {part}")
        return found[0]

    @property
    def primary(self) -> Host | None:
        """Where people's writes go at first; None of a managed database."""
        return next(iter(self.hosts_with(Part.DATABASE)), None)

    @property
    def standbys(self) -> list[Host]:
        """Databases that follow the primary, each able to take over from it."""
        return self.hosts_with(Part.DATABASE)[1:]

    @property
    def redis_cluster(self) -> bool:
        """Three servers share the keys; of two, one waits to take over by hand."""
        return len(self.hosts_with(Part.CACHE)) >= _CLUSTER_MEMBERS

    def processes(self, name: str) -> list[tuple[Host, Process]]:
        """All groups of processes of that name."""
        return [(host, process) for host in self.hosts for process in host.processes if process.name == name]

    @property
    def connections(self) -> int:
        """What all processes may open together."""
        return connections_of(self.hosts)


def connections_of(hosts: Iterable[Host]) -> int:
    """What all processes on these hosts may open together."""
    return sum(process.connections for host in hosts for process in host.processes)
