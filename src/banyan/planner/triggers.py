"""When to look and when to act: thresholds from where p95 breaks and from how long an upgrade takes.

Critical is where the resource stops holding its objective (the knee). Warning is where, at the fastest growth of the
file's scenarios, the lead time is just enough to upgrade before that.
"""

from collections.abc import Iterable

from banyan.planner.demand import DAYS_PER_MONTH
from banyan.planner.draws import middle
from banyan.planner.growth import Curve
from banyan.planner.phases import PhaseModel
from banyan.planner.plan import Trigger
from banyan.planner.workload.models import Threshold, Workload

_ACTIONS = {
    "cpu": "look for slow queries and routes, then move to the next phase",
    "memory": "look for a leak, then rent more memory",
    "disk": "delete what is past its retention, move files to the object store, then rent more disk",
    "connections": "lower the pools or put PgBouncer in front of the database",
    "sockets": "add a realtime process or a machine for one",
    "egress_allowance": "put a CDN in front of files, or pay for the traffic",
}
_EXPRESSIONS = {
    "cpu": 'max(1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))',
    "memory": "max(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
    "disk": 'max(1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes)',
    "connections": (
        "(sum(banyan_database_connections) - sum(banyan_database_idle)) / sum(banyan_database_connections)"
    ),
    "sockets": "max(banyan_realtime_connections) / 15000",
}
_P95 = "histogram_quantile(0.95, sum by (le) (rate(banyan_http_request_seconds_bucket[5m]))) * 1000"
_ERRORS = (
    'sum(rate(banyan_http_requests_total{status=~"5.."}[5m])) / clamp_min(sum(rate(banyan_http_requests_total[5m])), 1)'
)
# What the documents' metrics are called in Banyan's own.
_STATED_EXPRESSIONS = {
    "cpu_share": _EXPRESSIONS["cpu"],
    "memory_share": _EXPRESSIONS["memory"],
    "disk_share": _EXPRESSIONS["disk"],
    "p95_ms": _P95,
    "response_p95_ms": _P95,
    "error_share": _ERRORS,
    "database_connections_share": _EXPRESSIONS["connections"],
}
_KNEE_LIMIT = 0.9
_FIRST = 0.95  # of what is critical: the least distance of a warning from it
_FOR_MINUTES = {"cpu": 5.0, "memory": 10.0, "disk": 30.0}


def triggers(workload: Workload, model: PhaseModel | None, curves: Iterable[Curve]) -> list[Trigger]:
    """Those of the phase that is running now, then the document's own."""
    growth = fastest_growth(curves)
    found = [] if model is None else [*_derived(workload, model, growth), _autoscaling(model)]
    found += _promises(workload, growth)
    return found + [_stated(workload, threshold) for threshold in workload.thresholds]


def fastest_growth(curves: Iterable[Curve]) -> float:
    """The largest growth from one month to the next over all scenarios; 0.2 is 20%."""
    rates = [
        after / before - 1
        for curve in curves
        for before, after in zip(curve.users, curve.users[1:], strict=False)
        if before > 0
    ]
    return max(rates, default=0.0)


def ahead_of(critical: float, growth_per_month: float, lead_time_days: float) -> float:
    """The level from which growth reaches `critical` in the lead time: no less than half of it, and a little below it
    where nothing grows, so that the warning comes first.
    """
    months = lead_time_days / DAYS_PER_MONTH
    grown: float = (1 + max(growth_per_month, 0.0)) ** months
    return min(max(critical / grown, critical / 2), critical * _FIRST)


def _derived(workload: Workload, model: PhaseModel, growth: float) -> list[Trigger]:
    lead, found = workload.objectives.lead_time_days, []
    resources = {usage.resource for usage in model.usage if usage.per_user > 0 or usage.resource == "memory"}
    for resource in sorted(resources & _ACTIONS.keys()):
        critical = knee(workload, model, resource)
        found.append(
            Trigger(
                metric=f"{resource}_share",
                warning=round(ahead_of(critical, growth, lead), 3),
                critical=round(critical, 3),
                for_minutes=_FOR_MINUTES.get(resource, 10.0),
                severity="page" if resource in ("cpu", "memory", "disk") else "ticket",
                action=_ACTIONS[resource],
                source=_reason(model, resource, growth, lead),
                unit="share",
                expression=_EXPRESSIONS.get(resource, ""),
            )
        )
    return found


def _reason(model: PhaseModel, resource: str, growth: float, lead_time_days: int) -> str:
    ends = f"{model.phase.name} stops holding its objectives" if resource == model.resource else "its headroom begins"
    if growth <= 0:
        return f"computed: critical where {ends}, warning a little below, for nothing grows"
    return (
        f"computed: critical where {ends}, warning {lead_time_days} days before it at the fastest month's growth of "
        f"{growth:.0%}"
    )


def knee(workload: Workload, model: PhaseModel, resource: str) -> float:
    """The used share of a resource at the end of the phase, or what its headroom leaves where another binds."""
    objectives = workload.objectives
    floors = {
        "cpu": 1 - objectives.cpu_headroom_share,
        "memory": 1 - objectives.memory_headroom_share,
        "disk": 1 - objectives.disk_headroom_share,
        "connections": 0.7,
        "sockets": 0.8,
    }
    budget = floors.get(resource, _KNEE_LIMIT)
    if resource == "cpu" and model.resource == "cpu":
        # Usage is the median world's, so where that one ends counts, not where the phase does for the unluckier ones'.
        ends = max(middle(model.capacity), model.limit)
        used = max((each.used(ends) for each in model.usage if each.resource == "cpu"), default=budget)
        # What was kept free, also for a spike, may be used before p95 breaks.
        spikes = [each.factor.mid for each in workload.traffic.spikes]
        return min(max(used * max(1 / (1 - objectives.cpu_headroom_share), *spikes, 1), 0.2), _KNEE_LIMIT)
    return budget


def _autoscaling(model: PhaseModel) -> Trigger:
    used = max((each.used(model.limit) for each in model.usage if each.resource == "cpu"), default=0.7)
    target = round(min(max(used, 0.3), 0.8), 2)
    return Trigger(
        metric="autoscale_cpu_share",
        warning=target,
        critical=round(min(target * 1.1, 0.95), 3),
        for_minutes=5,
        severity="none",
        action="replicas = ceil(current x cpu / target), nothing within 10%; down after five quiet minutes",
        source="computed: CPU at the end of the phase, with its headroom kept",
        unit="share",
        expression="avg(rate(process_cpu_seconds_total[5m]))",
    )


def _promises(workload: Workload, growth: float) -> list[Trigger]:
    lead, p95 = workload.objectives.lead_time_days, workload.objectives.p95_ms
    found = [
        Trigger(
            metric="error_share",
            warning=0.01,
            critical=0.05,
            for_minutes=5,
            severity="page",
            action="look at the log of failed requests and undo the last change",
            source="the documents: 1% and 5%",
            unit="share",
            expression=_ERRORS,
        ),
        Trigger(
            metric="queue_lag_seconds",
            warning=60,
            critical=300,
            for_minutes=10,
            severity="ticket",
            action="look at dead letters, then add a worker",
            source="decided: mail and pushes are late by so much",
            unit="s",
            expression="max(banyan_jobs_queue_lag_seconds)",
        ),
    ]
    if p95 is not None:
        found.insert(
            0,
            Trigger(
                metric="p95_ms",
                warning=round(ahead_of(p95.mid, growth, lead), 1),
                critical=p95.mid,
                for_minutes=10,
                severity="page",
                action="look for slow queries and routes, then move to the next phase",
                source="objectives.p95_ms",
                unit="ms",
                expression=_P95,
            ),
        )
    return found


def _stated(workload: Workload, threshold: Threshold) -> Trigger:
    ends = [each for each in (threshold.warning, threshold.critical) if each is not None]
    return Trigger(
        metric=threshold.metric,
        warning=threshold.warning if threshold.warning is not None else ends[0] if ends else 0.0,
        critical=threshold.critical if threshold.critical is not None else ends[-1] if ends else 0.0,
        for_minutes=threshold.for_minutes,
        severity="page" if threshold.critical is not None else "ticket",
        action=threshold.action,
        source=workload.document or "the file",
        unit=threshold.metric.rsplit("_", 1)[-1],
        expression=_STATED_EXPRESSIONS.get(threshold.metric, ""),
    )
