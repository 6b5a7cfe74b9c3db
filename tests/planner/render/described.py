"""Deployments to render: one machine, a database apart, and two of everything."""

from banyan.planner.deployment import Alarm, Deployment, Host, Part, Process, Step

_PROCESSES = [
    Process("api", "api", 2, 160, 8, 8000),
    Process("realtime", "realtime", 2, 130, 4, 8200),
    Process("worker", "worker", 1, 200, 6, 8400),
    Process("scheduler", "scheduler", 1, 110, 2, 8600),
]
_ALARM = Alarm("cpu_share", "max(banyan_http_in_flight)", 0.6, 0.8, 5, 'look for "slow" routes')


def single(processes: list[Process] | None = None, **changes: object) -> Deployment:
    """Everything on a machine with 4 cores and 4 GiB."""
    host = Host(
        name="all",
        address="127.0.0.1",
        vcpu=4,
        ram_gib=4,
        disk_gb=80,
        processes=_PROCESSES if processes is None else processes,
        parts=list(Part),
        database_memory_mib=1600,
        cache_memory_mib=128,
        rented="hetzner cpx31",
    )
    step = Step("split", "split", ["1 x hetzner cpx31 as app", "1 x hetzner cpx31 as database"], "20.00 EUR", "cpu", 14)
    return _deployment("single", [host], step, changes)


def split(**changes: object) -> Deployment:
    """The database on a machine of its own."""
    app = Host("app", "10.0.0.10", 4, 8, 80, _PROCESSES, [Part.BALANCER, Part.CACHE], 0, 256)
    database = Host("database", "10.0.0.11", 4, 8, 160, [], [Part.DATABASE, Part.POOLER], 8192)
    return _deployment("split", [app, database], None, changes)


def replicated(**changes: object) -> Deployment:
    """Two of everything: one may fail."""
    fronts = [
        Host(f"balancer-{number}", f"10.0.0.{9 + number}", 2, 2, 40, [], [Part.BALANCER, Part.CACHE], 0, 64)
        for number in (1, 2)
    ]
    apps = [
        Host(f"app-{number}", f"10.0.0.{11 + number}", 4, 8, 80, _PROCESSES, [], rented="hetzner cpx31")
        for number in (1, 2)
    ]
    databases = [
        Host(f"database-{number}", f"10.0.0.{13 + number}", 4, 4, 80, [], [Part.DATABASE, Part.POOLER], 4096)
        for number in (1, 2)
    ]
    return _deployment("replicated", [*fronts, *apps, *databases], None, changes)


def _deployment(shape: str, hosts: list[Host], step: Step | None, changes: dict[str, object]) -> Deployment:
    values: dict[str, object] = {
        "name": "neighbours",
        "title": "Surulere Neighbours",
        "phase": shape,
        "topology": shape,
        "domain": "neighbours.example",
        "hosts": hosts,
        "sockets": 600,
        "requests_per_second": 100,
        "p95_ms": 300,
        "time_zone": "Africa/Lagos",
        "quiet_hour": 3,
        "backup_every_hours": 6,
        "backup_retention_days": 30,
        "restore_test_every_days": 30,
        "pooled": shape != "single",
        "alarms": [_ALARM],
        "next_step": step,
    }
    return Deployment(**(values | changes))  # type: ignore[arg-type]
