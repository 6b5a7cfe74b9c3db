"""Prometheus: what to ask, and when to call somebody."""

import json
from collections.abc import Iterator

from banyan.planner.deployment import Alarm, Deployment, Host, Part

# Figures over Banyan's own metrics (src/banyan/infra/metrics.py and others); a test holds the names against them.
_P95 = "histogram_quantile(0.95, sum by (le) (rate(banyan_http_request_seconds_bucket[5m])))"
_ERRORS = (
    'sum(rate(banyan_http_requests_total{status=~"5.."}[5m])) / clamp_min(sum(rate(banyan_http_requests_total[5m])), 1)'
)

# The plan's names for what stands below under another, in another unit or seen from the other end.
_SAME = {"p95_ms": "response_time_p95", "response_p95_ms": "response_time_p95", "disk_share": "disk_free_share"}


def standing_alarms(deployment: Deployment) -> Iterator[Alarm]:
    """What holds for every installation; the plan's own triggers come beside them and win by name."""
    p95 = deployment.p95_ms / 1000
    yield Alarm(
        "response_time_p95", _P95, p95, 2 * p95, 10, "see which route is slow; then the next step of UPGRADE.md"
    )
    yield Alarm("error_share", _ERRORS, 0.01, 0.05, 5, "read the log of the request ids with status 5xx")
    yield Alarm(
        "requests_per_second",
        "sum(rate(banyan_http_requests_total[5m]))",
        round(deployment.requests_per_second * 0.8, 1),
        round(deployment.requests_per_second, 1),
        15,
        "this phase is nearly outgrown: begin UPGRADE.md",
    )
    if deployment.sockets:
        sockets = "sum(banyan_realtime_connections)"
        most = deployment.sockets
        yield Alarm("sockets", sockets, round(most * 0.8), most, 15, "add realtime processes: begin UPGRADE.md")
    yield Alarm(
        "database_connections_in_use",
        "1 - sum(banyan_database_idle) / clamp_min(sum(banyan_database_connections), 1)",
        0.7,
        0.9,
        10,
        "find slow statements (pg_stat_statements), then raise pools within max_connections",
    )
    yield Alarm(
        "waiting_for_database", "max(banyan_database_waiting)", 5, 50, 5, "the pool is empty: see slow statements"
    )
    yield Alarm("job_queue_lag_seconds", "max(banyan_jobs_queue_lag_seconds)", 60, 600, 10, "add a worker")
    yield Alarm(
        "dead_letters", "max(banyan_jobs_dead_letters)", 0, 20, 5, "banyan jobs list --state dead, then retry or drop"
    )
    yield Alarm("shed_requests", "sum(rate(banyan_http_shed_total[5m]))", 0, 1, 5, "more arrives than fits: UPGRADE.md")
    yield Alarm(
        "cpu_share",
        '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
        0.7,
        0.9,
        10,
        "more processes if cores are free, else the next step of UPGRADE.md",
    )
    memory = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
    yield Alarm("memory_share", memory, 0.85, 0.95, 10, "see which process grew; then a machine with more memory")
    disk = (
        'min by (instance) (node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"})'
    )
    yield Alarm("disk_free_share", disk, 0.2, 0.1, 15, "delete old backups, or a larger disk", above=False)


def _replication_alarms(deployment: Deployment) -> Iterator[Alarm]:
    """Over what banyan-replication.timer measures: nobody notices otherwise that a standby went weeks ago."""
    wanted = len(deployment.standbys)
    missing = f"{wanted} - sum(postgresql_standbys_streaming)"
    yield Alarm(
        "standbys_missing", missing, 0, wanted - 0.5, 5, "FAILOVER.md, a standby; until then nothing can take over"
    )
    lag = "max(postgresql_standby_lag_bytes)"
    yield Alarm(
        "standby_lag_bytes", lag, 64e6, 1e9, 5, "is the standby's disk or the network slow? FAILOVER.md, a standby"
    )
    primaries = "abs(sum(postgresql_is_primary) - 1)"
    yield Alarm(
        "primaries_beside_one", primaries, 0, 0.5, 1, "none, or two that take different writes: FAILOVER.md at once"
    )


def alarms(deployment: Deployment) -> list[Alarm]:
    """The plan's triggers, and those that hold for every installation unless the plan measures the same."""
    # How many replicas an autoscaler would want is nothing to call anybody for, and here is none.
    planned = [each for each in deployment.alarms if each.expression and not each.name.startswith("autoscale")]
    measured = {alarm.expression for alarm in planned} | {_SAME.get(alarm.name, "") for alarm in planned}
    standing = list(standing_alarms(deployment))
    standing += _replication_alarms(deployment) if deployment.standbys else []
    named = {alarm.name: alarm for alarm in standing if not {alarm.expression, alarm.name} & measured}
    return list((named | {alarm.name: alarm for alarm in planned}).values())


def rules_yml(deployment: Deployment) -> str:
    """Alerting rules: a warning and a critical one for each alarm, and one for a process that is gone."""
    lines = [f"# {deployment.title}, phase {deployment.phase}. Made by `banyan plan render`.", "groups:"]
    lines += ["  - name: banyan", "    rules:"]
    lines += _rule("BanyanDown", "up == 0", 1, "critical", "a process, exporter or machine is gone: systemctl status")
    for alarm in alarms(deployment):
        name = "Banyan" + "".join(word.capitalize() for word in alarm.name.replace("-", "_").split("_"))
        sign = ">" if alarm.above else "<"
        for severity, threshold in (("warning", alarm.warning), ("critical", alarm.critical)):
            expression = f"{alarm.expression} {sign} {threshold:.10g}"
            lines += _rule(name, expression, alarm.for_minutes, severity, alarm.action)
    return "\n".join(lines) + "\n"


def _rule(name: str, expression: str, for_minutes: float, severity: str, action: str) -> list[str]:
    # JSON strings are YAML strings: nothing in an action can break out of them.
    return [
        f"      - alert: {name}",
        f"        expr: {json.dumps(expression)}",
        f"        for: {round(for_minutes * 60)}s",
        "        labels:",
        f"          severity: {severity}",
        "        annotations:",
        f"          summary: {json.dumps(f'{name}: {{{{ $value }}}}')}",
        f"          action: {json.dumps(action)}",
    ]


def prometheus_yml(deployment: Deployment) -> str:
    """What is asked: each process by its own port, and node_exporter on each machine."""
    lines = [f"# {deployment.title}, phase {deployment.phase}. Made by `banyan plan render`.", "global:"]
    lines += ["  scrape_interval: 15s", "  evaluation_interval: 15s", "rule_files:", "  - banyan.rules.yml"]
    lines += ["scrape_configs:", "  - job_name: banyan"]
    if len(deployment.hosts) > 1:
        lines += ["    authorization:", "      credentials_file: /etc/prometheus/banyan-metrics-token"]
    lines.append("    static_configs:")
    for host in deployment.hosts:
        for process in host.processes:
            lines += _targets(host, process.ports, process.name)
    lines += ["  - job_name: machines", "    static_configs:"]
    for host in deployment.hosts:
        lines += _targets(host, [9100], "machine")
    return "\n".join(lines) + "\n"


def _targets(host: Host, ports: list[int], process: str) -> list[str]:
    targets = ", ".join(json.dumps(f"{host.address}:{port}") for port in ports)
    labels = f"        labels: {{machine: {host.name}, process: {process}}}"
    return [f"      - targets: [{targets}]", labels]


def monitoring_host(deployment: Deployment) -> Host:
    """Where Prometheus runs: beside the balancer, which is the least busy."""
    return deployment.host_of(Part.BALANCER)
