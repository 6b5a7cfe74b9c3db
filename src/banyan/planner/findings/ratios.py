"""Figures that should stand in the same relation everywhere: requests by person, by core, sockets by person."""

from collections.abc import Iterator

from banyan.planner.findings.context import Context, number, span
from banyan.planner.plan import Finding
from banyan.planner.workload.models import Phase

_DRIFT = 2.0
_OVERBUILT = 10.0
_ROUNDED = 1.1
_PEAK_DRIFT = 3.0  # the busiest hour's share of a day is known no better
_SECONDS_PER_HOUR = 3600


def find(context: Context) -> Iterator[Finding]:
    yield from _drift(
        context, "requests_per_concurrent_user", _requests_per_person(context), "requests/s a concurrent user"
    )
    yield from _drift(context, "requests_per_vcpu", _requests_per_vcpu(context), "requests/s a vCPU")
    yield from _sockets(context)
    yield from _capacity(context)
    yield from _littles_law(context)
    yield from _requests(context)
    yield from _peak(context)


def _requests_per_person(context: Context) -> list[tuple[str, float, float]]:
    found = []
    for where, phase in context.deployments():
        rate, people = phase.capacity.requests_per_second, phase.capacity.concurrent_users
        if rate is not None and people is not None and people.low > 0:
            found.append((f"{where}.capacity.requests_per_second", rate.low / people.high, rate.high / people.low))
    return found


def _requests_per_vcpu(context: Context) -> list[tuple[str, float, float]]:
    found = []
    for where, phase in context.deployments():
        cores = _cores(context, phase)
        rate = phase.capacity.requests_per_second
        if rate is not None and cores:
            found.append((f"{where}.capacity.requests_per_second", rate.low / cores, rate.high / cores))
    return found


def _cores(context: Context, phase: Phase) -> float | None:
    """vCPU of the machines that answer requests; None when a size is not said."""
    machines = [
        machine
        for machine in phase.machines
        if any(service.role in ("api", "realtime") for service in context.on(machine))
    ]
    if not machines or any(machine.vcpu is None for machine in machines):
        return None
    return sum(machine.count * (machine.vcpu or 0) for machine in machines)


def _drift(context: Context, code: str, ratios: list[tuple[str, float, float]], unit: str) -> Iterator[Finding]:
    if len(ratios) < 2:
        return
    _, low, _ = least = min(ratios, key=lambda ratio: ratio[1])
    where, _, high = max(ratios, key=lambda ratio: ratio[2])
    if high / low > _DRIFT:
        yield Finding(
            "warning",
            f"{code}_drifts",
            where,
            f"{number(high)} {unit}",
            f"{number(low)} {unit}",
            f"{unit} range from {number(low)} ({least[0]}) to {number(high)}: "
            "the phases' capacities cannot all come from the same measurement",
        )


def _sockets(context: Context) -> Iterator[Finding]:
    each = context.workload.people.sockets_per_concurrent_user
    factor = each.low if each is not None else 1
    for where, phase in context.deployments():
        sockets, people = phase.capacity.sockets, phase.capacity.concurrent_users
        if sockets is not None and people is not None and sockets.high < people.high * factor:
            yield Finding(
                "error",
                "fewer_sockets_than_people",
                f"{where}.capacity.sockets",
                span(sockets, "sockets"),
                f"{number(people.high * factor)} sockets",
                f"{phase.name} is to carry {span(people)} people at once, but only {span(sockets, 'sockets')}",
            )


def _capacity(context: Context) -> Iterator[Finding]:
    demand = context.plan.demand
    registered = demand.registered_users
    if registered <= 0:
        return
    for where, phase in context.deployments():
        rate, people = phase.capacity.requests_per_second, phase.capacity.concurrent_users
        users = phase.to_users or phase.from_users
        if not users:
            continue
        asked = demand.peak_requests_per_second.high * users / registered
        least = demand.peak_requests_per_second.low * users / registered
        if rate is not None and asked > 0 and rate.low > _OVERBUILT * asked:
            yield Finding(
                "note",
                "capacity_beyond_demand",
                f"{where}.capacity.requests_per_second",
                span(rate, "requests/s"),
                f"{number(asked)} requests/s",
                f"{phase.name} carries {span(rate, 'requests/s')}, but {number(users)} registered users ask for "
                f"{number(asked)} at most in the busiest hour: cheaper machines would do",
            )
        if rate is not None and rate.high < least:
            yield _short(
                where, "requests_per_second", phase, span(rate, "requests/s"), f"{number(least)} requests/s", users
            )
        at_once = demand.peak_concurrent_users * users / registered
        if people is not None and people.high < at_once * 0.9:
            yield _short(where, "concurrent_users", phase, span(people, "people"), f"{number(at_once)} people", users)


def _short(where: str, name: str, phase: Phase, stated: str, asked: str, users: float) -> Finding:
    return Finding(
        "error",
        "capacity_below_demand",
        f"{where}.capacity.{name}",
        stated,
        asked,
        f"{phase.name} carries {stated} at once, but its {number(users)} registered users bring {asked}",
    )


def _littles_law(context: Context) -> Iterator[Finding]:
    """People at once = people a day × sessions × length, spread over the hours in which they come."""
    people, traffic, demand = context.workload.people, context.workload.traffic, context.plan.demand
    minutes, sessions = people.session_minutes, people.sessions_per_active_user_per_day
    said = people.peak_concurrent_users or people.peak_concurrent_share
    if minutes is None or sessions is None or said is None:
        return
    hours = sum(end - start for start, end in traffic.peak_hours) or 24
    mean = demand.daily_active_users * sessions.mid * minutes.mid / 60 / hours
    highest = demand.daily_active_users * sessions.high * minutes.high / 60 / max(hours / 8, 1)
    peak = demand.peak_concurrent_users
    if peak > highest:
        yield Finding(
            "warning",
            "concurrent_beyond_sessions",
            "people.peak_concurrent_users" if people.peak_concurrent_users else "people.peak_concurrent_share",
            f"{number(peak)} people",
            f"{number(mean)} people",
            f"{number(demand.daily_active_users)} people a day with {span(sessions)} sessions "
            f"of {span(minutes)} minutes are {number(mean)} at once over {hours} hours (Little's law), "
            f"not {number(peak)}",
        )


def _requests(context: Context) -> Iterator[Finding]:
    """The requests of a day that a file declares, against what its operations add up to."""
    traffic, demand = context.workload.traffic, context.plan.demand
    if not traffic.operations or demand.registered_users <= 0:
        return
    active = demand.daily_active_users / demand.registered_users
    amounts = [operation.per_active_user_per_day for operation in traffic.operations.values()]
    low, high = sum(amount.low for amount in amounts), sum(amount.high for amount in amounts)
    for name, share, whom in (
        ("requests_per_registered_user_per_day", active, "registered"),
        ("requests_per_active_user_per_day", 1.0, "active"),
    ):
        stated = getattr(traffic, name)
        if stated is None or (stated.low <= high * share * _ROUNDED and stated.high * _ROUNDED >= low * share):
            continue
        computed = f"{number(low * share)}-{number(high * share)} requests"
        yield Finding(
            "warning",
            "requests_differ",
            f"traffic.{name}",
            span(stated, "requests"),
            computed,
            f"{span(stated, 'requests')} a day of a {whom} user are declared, but the operations add up to {computed}: "
            "the plan takes the declared figure and shares it out over them",
        )


def _peak(context: Context) -> Iterator[Finding]:
    """Requests a second that a file declares, against the requests of a day that it declares as well."""
    traffic, demand = context.workload.traffic, context.plan.demand
    stated = traffic.peak_requests_per_second
    daily, people = traffic.requests_per_registered_user_per_day, demand.registered_users
    if daily is None:
        daily, people = traffic.requests_per_active_user_per_day, demand.daily_active_users
    if stated is None or daily is None:
        return
    computed = daily.scaled(people * max(demand.hourly_share) / _SECONDS_PER_HOUR)
    if stated.low <= computed.high * _PEAK_DRIFT and stated.high * _PEAK_DRIFT >= computed.low:
        return
    yield Finding(
        "warning",
        "requests_differ",
        "traffic.peak_requests_per_second",
        span(stated, "requests/s"),
        span(computed, "requests/s"),
        f"{span(daily)} requests a day of {number(people)} people are {span(computed)} a second in the busiest hour, "
        f"not {span(stated)}: the plan takes the declared peak",
    )
