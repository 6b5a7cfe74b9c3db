"""What is stored against the disks, what leaves against the allowance."""

from collections.abc import Iterator

from banyan.planner.catalogue.prices import RentedPlan
from banyan.planner.findings.context import Context, number, span
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Machine, Phase

_GB_PER_GIB = 1.073741824


def find(context: Context) -> Iterator[Finding]:
    for where, phase in context.deployments():
        yield from _disk(context, where, phase)
        yield from _egress(context, where, phase)


def _stored(context: Context, phase: Phase) -> Quantity | None:
    """GiB that the phase's machines must hold at its end, as the file states storage."""
    storage, people = context.workload.storage, context.workload.people.registered_users
    users = phase.to_users or phase.from_users or people.mid
    parts = [storage.logs_and_backups_gib] if storage.logs_and_backups_gib else []
    share = users / people.mid if people.mid else 1
    media_outside = storage.object_store or any("object storage" in line.item.lower() for line in phase.costs)
    if storage.database_gib is not None:
        parts.append(storage.database_gib.scaled(share))
    elif storage.database_kib_per_registered_user is not None:
        parts.append(storage.database_kib_per_registered_user.scaled(users / 1024**2))
    if storage.media_gib is not None and not media_outside:
        parts.append(storage.media_gib.scaled(share))
    elif storage.media_mib_per_registered_user is not None and not media_outside:
        parts.append(storage.media_mib_per_registered_user.scaled(users / 1024))
    if not parts:
        return None
    return Quantity(sum(part.low for part in parts), sum(part.mid for part in parts), sum(part.high for part in parts))


def _disk(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    stored = _stored(context, phase)
    disks = [machine.count * disk for machine in phase.machines if (disk := _disk_of(context, machine))]
    if stored is None or not disks or len(disks) < len(phase.machines):
        return
    has = sum(disks)
    needed = stored.scaled(_GB_PER_GIB)
    if needed.high <= has:
        return
    yield Finding(
        "error" if needed.low > has else "warning",
        "disk_over",
        f"{where}.machines",
        f"{number(has)} GB",
        span(needed, "GB"),
        f"{phase.name}'s disks have {number(has)} GB; what is stored by its end is {span(needed, 'GB')}",
    )


def _plan(context: Context, machine: Machine) -> RentedPlan | None:
    if machine.provider is None or machine.plan is None:
        return None
    return context.catalogue.find_plan(machine.provider, machine.plan)


def _disk_of(context: Context, machine: Machine) -> float | None:
    plan = _plan(context, machine)
    return machine.disk_gb if machine.disk_gb is not None else plan.disk_gb if plan else None


def _egress(context: Context, where: str, phase: Phase) -> Iterator[Finding]:
    allowances = []
    for machine in phase.machines:
        plan = _plan(context, machine)
        allowance = machine.transfer_tb if machine.transfer_tb is not None else plan.transfer_tb if plan else None
        if not allowance:
            return
        allowances.append(machine.count * allowance * 1000)
    demand = context.plan.demand
    users = phase.to_users or phase.from_users
    if not allowances or not users or demand.registered_users <= 0:
        return
    leaving = demand.egress_gib_per_month * users / demand.registered_users * _GB_PER_GIB
    if leaving > sum(allowances):
        yield Finding(
            "warning",
            "egress_over",
            f"{where}.machines",
            f"{number(sum(allowances))} GB a month",
            f"{number(leaving)} GB a month",
            f"{number(users)} users of {phase.name} make {number(leaving)} GB of traffic a month, "
            f"its plans hold {number(sum(allowances))}: the rest is paid for",
        )
