"""What may be lost (RPO) and how long it takes to come back (RTO) against the backups."""

from collections.abc import Iterator

from banyan.planner.findings.context import Context, number, span
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity

_RESTORE_MIB_PER_SECOND = 50  # pg_restore with indexes on one VPS; a cautious round figure
_GIB = 1024


def find(context: Context) -> Iterator[Finding]:
    yield from _loss(context)
    yield from _return(context)
    yield from _kept(context)
    yield from _bill(context)


def _loss(context: Context) -> Iterator[Finding]:
    backups, rpo = context.workload.backups, context.workload.objectives.rpo_hours
    every = backups.database_every_hours
    if rpo is None:
        if every is None and context.workload.phases:
            yield Finding(
                "warning", "no_backup", "backups", "nothing", "no backup", "the file has no backup of the database"
            )
        return
    if every is None and not backups.point_in_time:
        yield Finding(
            "error",
            "rpo_without_backup",
            "objectives.rpo_hours",
            f"{number(rpo)} h",
            "no backup",
            "there is no backup to go back to",
        )
    elif every is not None and every > rpo and not backups.point_in_time:
        copied = (
            "; the replica that is written along has the same mistakes within a second, it does not go back in time"
            if backups.replicated
            else ""
        )
        yield Finding(
            "error",
            "rpo_beyond_backups",
            "objectives.rpo_hours",
            f"{number(rpo)} h",
            f"{number(every)} h",
            f"a backup every {number(every)} hours loses up to {number(every)} hours, not {number(rpo)}{copied}: "
            "archive the write-ahead log (point_in_time = true)",
        )
    media = backups.media_every_hours
    if media is not None and media > rpo:
        yield Finding(
            "error",
            "rpo_beyond_backups",
            "backups.media_every_hours",
            f"{number(rpo)} h",
            f"{number(media)} h",
            f"media copied every {number(media)} hours lose up to {number(media)} hours, not {number(rpo)}",
        )


def _return(context: Context) -> Iterator[Finding]:
    rto = context.workload.objectives.rto_hours
    if rto is None:
        return
    last = max((phase.to_users or phase.from_users for phase in context.workload.phases), default=0)
    demand = context.plan.demand
    growth = max(last / demand.registered_users, 1) if demand.registered_users else 1
    hours = demand.database_gib * growth * _GIB / _RESTORE_MIB_PER_SECOND / 3600
    if hours > rto:
        yield Finding(
            "error",
            "rto_beyond_restore",
            "objectives.rto_hours",
            f"{number(rto)} h",
            f"{number(hours)} h",
            f"restoring {number(demand.database_gib * growth)} GiB at {_RESTORE_MIB_PER_SECOND} MiB/s takes "
            f"{number(hours)} hours",
        )
    if context.workload.backups.restore_test_every_days is None:
        yield Finding(
            "warning",
            "restore_never_tested",
            "backups.restore_test_every_days",
            f"back within {number(rto)} h",
            "no restore test",
            f"a return within {number(rto)} h is promised and no restore is ever tried",
        )


def _kept(context: Context) -> Iterator[Finding]:
    """One full copy at least must fit into what is rented for backups."""
    storage = context.workload.storage
    registered = context.plan.demand.registered_users
    parts = [part for part in (storage.database_gib, storage.media_gib) if part is not None]
    if not parts or registered <= 0:
        return
    stored = Quantity(
        sum(part.low for part in parts), sum(part.mid for part in parts), sum(part.high for part in parts)
    )
    for number_, phase in enumerate(context.workload.phases):
        users = phase.to_users or phase.from_users
        needed = stored.scaled(users / registered) if users else stored
        if phase.backup_gib is not None and phase.backup_gib.high < needed.low:
            yield Finding(
                "error",
                "backup_storage_too_small",
                f"phases.{number_}.backup_gib",
                span(phase.backup_gib, "GiB"),
                span(needed, "GiB"),
                f"{phase.name} rents {span(phase.backup_gib, 'GiB')} for backups; one copy of database and media of "
                f"{number(users)} users is {span(needed, 'GiB')}, and {context.workload.backups.retention_days or 1} "
                "days are to be kept",
            )


def _bill(context: Context) -> Iterator[Finding]:
    """What one phase pays for and a later one, which still needs it, does not."""
    kinds = {"backup": ("backup",), "domain": ("domain",), "monitoring": ("monitor",), "CDN": ("cdn",)}
    phases = context.workload.phases
    for kind, words in kinds.items():
        paid = [any(word in line.item.lower() for line in phase.costs for word in words) for phase in phases]
        for place in range(1, len(phases)):
            if paid[place - 1] and not paid[place] and phases[place].costs:
                yield Finding(
                    "warning",
                    "cost_forgotten",
                    f"phases.{place}.costs",
                    "nothing",
                    f"{kind}, as in {phases[place - 1].name}",
                    f"{phases[place - 1].name} pays for {kind}, {phases[place].name} no longer does and still needs it",
                )
