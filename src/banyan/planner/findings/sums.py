"""Sums that the file also gives as one figure."""

from collections.abc import Iterator

from banyan.planner.claims import agrees
from banyan.planner.findings.context import Context, number, off, span, total
from banyan.planner.plan import Finding
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Phase

_ROUNDING = 0.02
_FAR = 0.05


def find(context: Context) -> Iterator[Finding]:
    for where, phase in context.deployments():
        yield from _total(where, phase, context.workload.currency)
        yield from _cost_per_user(where, phase, context.workload.currency)
    yield from _records(context)
    yield from _per_user(context)
    yield from _people(context)


def _total(where: str, phase: Phase, currency: str) -> Iterator[Finding]:
    computed = total(phase)
    stated = phase.total_month
    if stated is None or computed is None or agrees(stated, computed, _ROUNDING):
        return
    yield Finding(
        "error" if off(stated, computed) > _FAR else "warning",
        "total_differs",
        f"{where}.total_month",
        span(stated, currency),
        span(computed, currency),
        f"the parts of {phase.name} add up to {span(computed, currency)} a month, not {span(stated, currency)}",
    )


def _cost_per_user(where: str, phase: Phase, currency: str) -> Iterator[Finding]:
    stated, cost = phase.cost_per_user_month, phase.total_month or total(phase)
    if stated is None or cost is None:
        return
    smallest, largest = max(phase.from_users, 1), phase.to_users
    at_start = cost.high / smallest
    at_end = cost.low / largest if largest else 0
    computed = Quantity(at_end, (at_start + at_end) / 2, at_start)
    # The stated figure holds for some size of the phase, unless it lies outside all of them.
    outside = stated.low > at_start * (1 + _ROUNDING) or stated.high < at_end * (1 - _ROUNDING)
    partly = stated.high > at_start * (1 + _ROUNDING)
    if not outside and not partly:
        return
    until = f"{number(largest)} users" if largest else "any number"
    yield Finding(
        "error" if outside else "warning",
        "cost_per_user_differs",
        f"{where}.cost_per_user_month",
        span(stated, currency),
        span(computed, currency),
        f"{phase.name} costs {span(cost, currency)} a month for {number(smallest)} to {until}: "
        f"{number(at_start)} a user at most, not {span(stated, currency)}",
    )


def _records(context: Context) -> Iterator[Finding]:
    storage = context.workload.storage
    stated = storage.database_kib_per_registered_user
    parts = [
        record.bytes_each.mid * record.per_registered_user.mid
        for record in storage.records
        if record.per_registered_user is not None
    ]
    if stated is None or not parts:
        return
    # Documents count in KB as often as in KiB: both are let pass.
    computed = sum(parts) / 1000
    if (
        stated.low * 0.95 <= computed <= stated.high * 1.05
        or stated.low * 0.95 <= computed / 1.024 <= stated.high * 1.05
    ):
        return
    listed = " + ".join(
        f"{number(record.per_registered_user.mid)} × {number(record.bytes_each.mid)} B ({record.name})"
        for record in storage.records
        if record.per_registered_user is not None
    )
    yield Finding(
        "error",
        "records_differ",
        "storage.database_kib_per_registered_user",
        span(stated, "KB"),
        f"{number(computed)} KB",
        f"a user's records add up to {number(computed)} KB ({listed}), not {span(stated, 'KB')}",
    )


def _per_user(context: Context) -> Iterator[Finding]:
    storage, people = context.workload.storage, context.workload.people
    pairs = (
        ("database_gib", storage.database_gib, storage.database_kib_per_registered_user, 1024**2),
        ("media_gib", storage.media_gib, storage.media_mib_per_registered_user, 1024),
    )
    for name, whole, each, per_gib in pairs:
        if whole is None or each is None:
            continue
        users = people.registered_users
        computed = Quantity(
            users.low * each.low / per_gib, users.mid * each.mid / per_gib, users.high * each.high / per_gib
        )
        if computed.high < whole.low * 0.9 or computed.low > whole.high * 1.1:
            yield Finding(
                "error",
                "storage_differs",
                f"storage.{name}",
                span(whole, "GiB"),
                span(computed, "GiB"),
                f"{number(users.mid)} users at their stated size need {span(computed, 'GiB')}, "
                f"not {span(whole, 'GiB')}",
            )


def _people(context: Context) -> Iterator[Finding]:
    people = context.workload.people
    daily = people.daily_active_users
    if daily is not None and people.daily_active_share is not None:
        yield from _share("daily_active_users", daily, people.registered_users, people.daily_active_share)
    peak = people.peak_concurrent_users
    if daily is not None and peak is not None and people.peak_concurrent_share is not None:
        yield from _share("peak_concurrent_users", peak, daily, people.peak_concurrent_share)
    if daily is not None and peak is not None and peak.low > daily.high:
        yield Finding(
            "error",
            "concurrent_above_daily",
            "people.peak_concurrent_users",
            span(peak),
            span(daily),
            f"{span(peak)} people at once are more than the {span(daily)} of a whole day",
        )


def _share(name: str, part: Quantity, whole: Quantity, share: Quantity) -> Iterator[Finding]:
    computed = Quantity(whole.low * share.low, whole.mid * share.mid, whole.high * share.high)
    if not agrees(part, computed, 0.05):
        yield Finding(
            "error",
            "share_differs",
            f"people.{name}",
            span(part),
            span(computed),
            f"people.{name} is {span(part)}, but its share makes {span(computed)}",
        )
