"""What comes nearest where nothing keeps every promise, what it lacks, and by how much."""

from math import floor

import numpy as np
from msgspec import Struct

from banyan.planner.catalogue.prices import RentedPlan
from banyan.planner.choose import amount, bill_of, counts_of, refusal, refusals, scarcest
from banyan.planner.options import (
    Market,
    Option,
    Picked,
    availability_percent,
    exceeds_connections,
    lower_quantile,
    make_option,
)
from banyan.planner.plan import Rejected, Unmet
from banyan.planner.queueing.response import p95_seconds
from banyan.planner.topology import Role, Shape
from banyan.planner.words import figure, people, percent_up, resource

_MINUTES_A_MONTH = 30.4 * 24 * 60


class _Largest(Struct, frozen=True):
    """The most that one provider has for a shape: how many people it carries, and whose resource ends."""

    option: Option
    users: float
    resource: str
    role: Role
    too_slow: float  # p95 of an idle machine over the promised one; up to 1 it can be kept


def nearest(market: Market, users: float) -> Unmet:
    """What comes nearest to holding `users` registered users; only for numbers that nothing holds."""
    rejected = refusals(market, users)
    most = [(option, availability_percent(option.shape, counts_of(option))) for option in market.options(users)]
    if most:
        best = max(most, key=lambda each: (each[1], -amount(bill_of(market, each[0], users))))
        return _interrupted(market, users, *best, rejected)
    found = [
        each
        for shape in market.shapes
        for provider in market.providers
        if (each := _largest(market, shape, provider)) is not None
    ]
    steady = [each for each in found if refusal(market, each.option.shape, counts_of(each.option)) is None]
    if not found:
        message = "the file's [rent] leaves no machine that could be sized"
        return Unmet(users, "", None, 0.0, "rent", "", "a machine to rent", "none", 1.0, message, rejected)
    quick = [each for each in steady or found if each.too_slow <= 1]
    if not quick:
        return _slow(market, users, min(steady or found, key=lambda each: each.too_slow), rejected)
    return _small(market, users, max(quick, key=lambda each: each.users), rejected)


def _interrupted(market: Market, users: float, option: Option, up: float, rejected: list[Rejected]) -> Unmet:
    """Large enough, but a machine's failure stops it more often than is promised."""
    cost = amount(bill_of(market, option, users))
    wanted = market.workload.objectives.availability_percent
    if wanted is None or up >= wanted:
        stated, reached = "no machine whose failure stops it", "one"
        lacking, lacks = 1.0, "one machine's failure stops it, and the file asks for high availability"
    else:
        stated, reached = percent_up(wanted), percent_up(up)
        away, may = ((100 - share) / 100 * _MINUTES_A_MONTH for share in (up, wanted))
        lacking = 1 - may / away
        lacks = (
            f"up {reached} of the time where {stated} is promised: {away:.2g} minutes a month away, {may:.2g} may be"
        )
    return Unmet(users, option.title, cost, users, "availability", "", stated, reached, lacking, lacks, rejected)


def _slow(market: Market, users: float, found: _Largest, rejected: list[Rejected]) -> Unmet:
    """Too slow even where nobody waits."""
    wanted = market.workload.objectives.p95_ms
    promised = wanted.mid if wanted is not None else 0.0
    reached = promised * found.too_slow
    lacks = (
        f"with nobody waiting 95 of 100 requests take {figure(reached, 3)} ms, {figure(promised, 3)} ms are promised: "
        f"{figure(found.too_slow, 2)} times as long"
    )
    return Unmet(
        users,
        found.option.title,
        amount(bill_of(market, found.option, 1)),
        0.0,
        "response_time",
        found.role.name,
        f"{figure(promised, 3)} ms",
        f"{figure(reached, 3)} ms",
        1 - 1 / found.too_slow,
        lacks,
        rejected,
    )


def _small(market: Market, users: float, found: _Largest, rejected: list[Rejected]) -> Unmet:
    """Too small for so many."""
    holds = float(floor(found.users))
    lacks = lacking_size(holds, users, f"{resource(found.resource)} ({found.role.name})")
    return Unmet(
        users,
        found.option.title,
        amount(bill_of(market, found.option, max(holds, 1))),
        holds,
        found.resource,
        found.role.name,
        people(users),
        people(holds),
        1 - holds / users,
        lacks,
        rejected,
    )


def lacking_size(holds: float, users: float, ended: str) -> str:
    """How many it carries, and how much more of what ends would be needed."""
    times = f"{figure(users / holds, 3)} times as much of it" if holds else "more than any machine has"
    return (
        f"it carries {people(holds)} of {people(users)} registered users: {ended} ends first, {times} would be needed"
    )


def _largest(market: Market, shape: Shape, provider: str) -> _Largest | None:
    """The largest machines in the largest number for every role; None where a role has none with what it needs."""
    parts = len(shape.roles)
    picked: list[tuple[float, Picked]] = []
    for role in shape.roles:
        counts = [(plan, _most(market, role, plan)) for plan in market.plans[provider]]
        ends = [
            (
                market.reach(role, plan, parts) * role.carrying(count),
                -_slowness(market, role, plan, parts),
                plan,
                count,
            )
            for plan, count in counts
            if count and (plan.disk_gb or "disk" not in _ended(market, role, plan))
        ]
        if not ends:
            return None
        reach, _, plan, count = max(ends, key=lambda each: (each[0], each[1], -each[2].price_month))
        picked.append((reach, market.picked(role, plan, count)))
    reach, least = min(picked, key=lambda each: each[0])
    slow = max(_slowness(market, each.role, each.plan, parts) for _, each in picked)
    name, _ = scarcest(market, least.role, least.plan, parts)
    option = make_option(shape, provider, tuple(each for _, each in picked))
    return _Largest(option, reach, name, least.role, slow)


def _most(market: Market, role: Role, plan: RentedPlan) -> int:
    """How many machines of a plan a role may have; 0 where even the least open too many connections."""
    for count in range(role.max_count, role.min_count - 1, -1):
        if not exceeds_connections(role, plan, market.needs(role), count):
            return count
    return 0


def _ended(market: Market, role: Role, plan: RentedPlan) -> set[str]:
    """The resources of which there is nothing for anybody."""
    return {name for name, users in market.carried(role, plan).by_resource.items() if not users.any()}


def _slowness(market: Market, role: Role, plan: RentedPlan, parts: int) -> float:
    """p95 of an idle machine over the role's part of the promised one, in as many worlds as are to hold."""
    needs = market.needs(role)
    if needs.objective_seconds is None:
        return 0.0
    mean = needs.request_seconds / market.core(plan.cpu_class)
    idle = p95_seconds(max(int(plan.vcpu), 1), np.zeros_like(mean), mean, needs.variation_squared, needs.dispatch)
    return -lower_quantile(-idle / needs.objective_seconds, market.chance / parts)
