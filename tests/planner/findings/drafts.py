"""A plan as thin as findings need it: the file's own figures, no sizing."""

from datetime import date

from banyan.planner.findings.context import total
from banyan.planner.plan import Band, Capacity, Cost, Demand, Phase, Plan
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Phase as Declared
from banyan.planner.workload.models import Workload

NOTHING = Band(0, 0, 0)


def draft_plan(workload: Workload, as_of: date) -> Plan:
    """What `compute_plan` gives for a declared stack, without capacities."""
    return Plan(
        name=workload.name,
        title=workload.title,
        stack="declared",
        currency=workload.currency,
        demand=_demand(workload),
        phases=[_phase(phase, workload) for phase in workload.phases],
        growth={},
        years={},
        outgrow={},
        upgrades=[],
        triggers=[],
        advice=[],
        findings=[],
        stated=[],
        prices_as_of=as_of,
        as_of=as_of,
        seed=1,
        worlds=1,
    )


def _demand(workload: Workload) -> Demand:
    people, traffic = workload.people, workload.traffic
    registered = people.registered_users.mid
    daily = people.daily_active_users or Quantity.of(registered * (people.daily_active_share or Quantity.of(0)).mid)
    peak = people.peak_concurrent_users or daily.scaled((people.peak_concurrent_share or Quantity.of(0)).mid)
    rate = traffic.peak_requests_per_second or Quantity.of(0)
    each = workload.egress.mib_per_registered_user_per_month or Quantity.of(0)
    return Demand(
        registered_users=registered,
        daily_active_users=daily.mid,
        peak_concurrent_users=peak.mid,
        peak_requests_per_second=Band(rate.low, rate.mid, rate.high),
        peak_requests_per_second_by_class={},
        messages_per_second=NOTHING,
        sockets=peak.mid,
        requests_in_progress=NOTHING,
        database_connections_in_use=NOTHING,
        storage_gib_by_month=[],
        database_gib=(workload.storage.database_gib or Quantity.of(0)).mid,
        media_gib=(workload.storage.media_gib or Quantity.of(0)).mid,
        egress_gib_per_month=(workload.egress.gib_per_month or each.scaled(registered / 1024)).mid,
        object_store_writes_per_month=0,
        object_store_reads_per_month=0,
        hourly_share=[1 / 24] * 24,
        time_zone=workload.time_zone,
    )


def _phase(phase: Declared, workload: Workload) -> Phase:
    cost = (total(phase) or Quantity.of(0)).mid
    return Phase(
        name=phase.name,
        title=phase.title,
        from_users=phase.from_users,
        to_users=phase.to_users,
        topology=phase.topology,
        declared=True,
        machines=[],
        services=[],
        cost_month=Cost(workload.currency, cost, [], Band(cost, cost, cost)),
        cost_per_user=None,
        cost_per_active_user=None,
        capacity=Capacity(0, 0, 0, 0, NOTHING),
        binding_resource="cpu",
        headroom={},
        p95_ms=None,
        shortfall_chance=0,
        availability_percent=0,
        rejected=[],
        configuration=[],
        memory_budget_mib={},
        connection_budget={},
    )
