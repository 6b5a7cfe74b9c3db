"""What a file must say, and what cannot be, beyond the kind of each value.

Contradictions between figures that could each be true are findings of the plan (`planner/findings/`); here is only what
leaves nothing to compute with.
"""

import zoneinfo
from collections.abc import Iterator, Sequence

from banyan.planner.quantity import Quantity
from banyan.planner.workload.lines import Key
from banyan.planner.workload.models import Scenario, Workload

Complaint = tuple[Key, str]

_MOST_USERS = 1e12
_FASTEST_REVENUE = 10.0  # a month
_MINUTES_PER_DAY = 24 * 60
_HOURS_PER_MONTH = 31 * 24
_MOST_MONTHS = 120


def check_workload(workload: Workload) -> Iterator[Complaint]:
    """Every impossible value, missing part and reference to nothing: key and what would be right."""
    yield from _check_people(workload)
    yield from _check_traffic(workload)
    yield from _check_time(workload)
    yield from _check_names(workload)
    yield from _check_phases(workload)
    for number, scenario in enumerate(workload.scenarios):
        yield from _check_scenario(("scenarios", number), scenario)
    for number, claim in enumerate(workload.claims):
        if not claim.formula.strip():
            yield ("claims", number, "formula"), "should be a formula over keys of the file and its plan"


def _check_people(workload: Workload) -> Iterator[Complaint]:
    people, traffic = workload.people, workload.traffic
    known = (
        people.daily_active_users,
        people.daily_active_share,
        people.peak_concurrent_users,
        traffic.peak_requests_per_second,
        traffic.requests_per_registered_user_per_day,
    )
    if all(value is None for value in known) and not any(phase.capacity.concurrent_users for phase in workload.phases):
        yield (
            ("people",),
            "does not say how many are active: add daily_active_share or daily_active_users, "
            "peak_concurrent_users, or traffic.peak_requests_per_second or requests_per_registered_user_per_day",
        )
    if people.registered_users.high > _MOST_USERS:
        yield (
            ("people", "registered_users"),
            f"should be at most {_MOST_USERS:.0e}: some 8 billion people live on earth",
        )
    growth = workload.revenue.growth_per_month
    if growth is not None and growth.high > _FASTEST_REVENUE:
        yield ("revenue", "growth_per_month"), f"should be at most {_FASTEST_REVENUE:g} (0.2 is 20% a month)"
    if growth is not None and growth.low < -1:
        yield ("revenue", "growth_per_month"), "should be at least -1 (0.2 is 20% a month)"
    if people.registered_users.high == 0:
        yield ("people", "registered_users"), "should be above 0"
    yield from _check_within(
        "daily_active_users", people.daily_active_users, "registered_users", people.registered_users
    )
    yield from _check_within(
        "peak_concurrent_users", people.peak_concurrent_users, "registered_users", people.registered_users
    )


def _check_within(part_name: str, part: Quantity | None, whole_name: str, whole: Quantity) -> Iterator[Complaint]:
    if part is not None and part.low > whole.high:
        yield (
            ("people", part_name),
            f"should be at most people.{whole_name} ({whole.high:,.0f}): these people are some of them",
        )


def _check_traffic(workload: Workload) -> Iterator[Complaint]:
    people, traffic, p95 = workload.people, workload.traffic, workload.objectives.p95_ms
    if p95 is not None and p95.low <= 0:
        yield ("objectives", "p95_ms"), "should be above 0: no answer takes no time"
    for number, spike in enumerate(traffic.spikes):
        if spike.hours_per_month.low > _HOURS_PER_MONTH:
            yield (
                ("traffic", "spikes", number, "hours_per_month"),
                f"should be at most {_HOURS_PER_MONTH}, all hours of a month",
            )
    sessions, minutes = people.sessions_per_active_user_per_day, people.session_minutes
    if sessions is not None and minutes is not None and sessions.low * minutes.low > _MINUTES_PER_DAY:
        yield (
            ("people", "session_minutes"),
            f"{sessions.low:g} sessions of {minutes.low:g} minutes are more than the {_MINUTES_PER_DAY} of a day",
        )


def _check_time(workload: Workload) -> Iterator[Complaint]:
    try:
        zoneinfo.ZoneInfo(workload.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield (
            ("time_zone",),
            f"should be a zone of the tz database, such as Africa/Lagos (it is {workload.time_zone!r})",
        )
    for number, (start, end) in enumerate(workload.traffic.peak_hours):
        if start >= end:
            yield (
                ("traffic", "peak_hours", number),
                f"should go from an earlier to a later hour (it is [{start}, {end}]); "
                "over midnight it is two spans, such as [22, 24] and [0, 2]",
            )
    yield from _check_peak(workload)
    weights = workload.traffic.hourly_weights
    if weights is not None and (min(weights) < 0 or sum(weights) <= 0):
        yield ("traffic", "hourly_weights"), "should be 24 weights of at least 0, not all 0"


def _check_peak(workload: Workload) -> Iterator[Complaint]:
    factor, spans = workload.traffic.peak_hour_factor, workload.traffic.peak_hours
    hours = len({hour for start, end in spans for hour in range(start, end)}) or 2
    if factor is not None and factor.low * hours > 24:
        yield (
            ("traffic", "peak_hour_factor"),
            f"should be at most {24 / hours:g}: {hours} peak hours with {factor.low:g} times the mean hour are more "
            "than the whole day",
        )


def _check_names(workload: Workload) -> Iterator[Complaint]:
    yield from _check_unique(("phases",), [phase.name for phase in workload.phases])
    yield from _check_unique(("scenarios",), [scenario.name for scenario in workload.scenarios])
    yield from _check_unique(("traffic", "spikes"), [spike.name for spike in workload.traffic.spikes])
    yield from _check_unique(("storage", "records"), [record.name for record in workload.storage.records])
    services = [service.name for service in workload.stack.services] if workload.stack else []
    yield from _check_unique(("stack", "services"), services)
    for section, phases in (("phases", workload.phases), ("alternatives", workload.alternatives)):
        for number, phase in enumerate(phases):
            for place, machine in enumerate(phase.machines):
                key = (section, number, "machines", place, "services")
                yield from _check_services(key, machine.services, services)


def _check_services(key: Key, named: Sequence[str], services: Sequence[str]) -> Iterator[Complaint]:
    for position, service in enumerate(named):
        if service not in services:
            known = ", ".join(services) or "none"
            yield (*key, position), f"no service is named {service!r} in [[stack.services]]; known: {known}"


def _check_unique(key: Key, names: Sequence[str]) -> Iterator[Complaint]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (*key, number, "name"), f"{name!r} is taken; names are used once"


def _check_phases(workload: Workload) -> Iterator[Complaint]:
    for number, phase in enumerate(workload.phases):
        key = ("phases", number)
        if phase.to_users is not None and phase.to_users <= phase.from_users:
            yield (*key, "to_users"), f"should be above from_users ({phase.from_users:,})"
        if phase.to_users is None and number < len(workload.phases) - 1:
            yield (*key, "to_users"), "is missing; only the last phase may be open"
        for place, machine in enumerate(phase.machines):
            if (machine.provider is None) != (machine.plan is None):
                lacking = "provider" if machine.provider is None else "plan"
                yield (*key, "machines", place, lacking), "is missing; a catalogue plan is named by provider and plan"
            if machine.provider is None and machine.price_month is None:
                yield (
                    (*key, "machines", place, "price_month"),
                    "is missing; a machine has a price, or a provider and plan of the catalogue",
                )


def _check_scenario(key: Key, scenario: Scenario) -> Iterator[Complaint]:
    given = scenario.registered_users_by_month
    if len(given) > _MOST_MONTHS:
        yield (
            (*key, "registered_users_by_month"),
            f"should be at most {_MOST_MONTHS} months, ten years (it has {len(given):,})",
        )
    rates = (scenario.start_users, scenario.growth_per_month, scenario.months)
    if given:
        if any(value is not None for value in rates):
            yield key, "has both registered_users_by_month and a rate; one of them says how it grows"
    elif any(value is None for value in rates):
        names = ("start_users", "growth_per_month", "months")
        lacking = [name for name, value in zip(names, rates, strict=True) if value is None]
        yield key, f"lacks {', '.join(lacking)}; or give registered_users_by_month"
    counts = [("start_users", scenario.start_users), *(("registered_users_by_month", each) for each in given)]
    for name, count in counts:
        if count is not None and count > _MOST_USERS:
            yield (*key, name), f"should be at most {_MOST_USERS:.0e}: some 8 billion people live on earth"
            break
    if scenario.growth_per_month is not None and scenario.growth_per_month.low <= -1:
        yield (*key, "growth_per_month"), "should be above -1 (0.2 is 20% a month)"
