"""Which option to rent: the one with the least regret among those that keep their promise, and why not the others."""

from collections.abc import Iterator
from math import inf

import numpy as np
from msgspec import Struct

from banyan.planner.catalogue.prices import RentedPlan
from banyan.planner.cost import Bill
from banyan.planner.options import (
    Market,
    Option,
    Picked,
    availability_percent,
    exceeds_connections,
    lower_quantile,
    rented,
)
from banyan.planner.plan import Rejected
from banyan.planner.topology import Role, Shape
from banyan.planner.words import percent_up, resource

_SHOWN_PLANS = 12  # of one role: the cheaper plans that do not hold


class Choice(Struct, frozen=True):
    """What to rent for so many people. `regret` is what it costs a month beyond what each world would have needed."""

    option: Option
    bill: Bill
    users: float
    regret: float
    shortfall: float
    availability_percent: float
    rejected: tuple[Rejected, ...]


class NothingHolds(Exception):
    """No option holds so many people."""

    def __init__(self, users: float) -> None:
        super().__init__(f"nothing that may be rented holds {users:,.0f} registered users")


def choose(market: Market, users: float) -> Choice:
    """The option to rent for `users`. Raises NothingHolds.

    Feasible is what falls short in no more than the allowed chance. Among those the regret (the bill, less the cheapest
    machines that would have held in each world) is least where the bill is, because what each world would have needed
    is the same for all.
    """
    billed = _billed(market, users)
    allowed = [entry for entry in billed if refusal(market, entry[0].shape, counts_of(entry[0])) is None]
    if not allowed:
        raise NothingHolds(users)
    option, bill = min(allowed, key=_order)
    needed = market.cheapest_by_world(users)
    machines = market.prices.machines(option.rented)
    held = option.capacity >= users
    spared = np.where(np.isfinite(needed) & held, machines - needed, 0.0)
    return Choice(
        option=option,
        bill=bill,
        users=users,
        regret=float(np.mean(np.maximum(spared, 0))),
        shortfall=option.shortfall(users),
        availability_percent=availability_percent(option.shape, counts_of(option)),
        rejected=tuple(_reasons(market, users, (option, bill), billed)),
    )


def refusals(market: Market, users: float) -> list[Rejected]:
    """Why nothing holds `users`: every shape at every provider, or what the file leaves of the catalogue."""
    reasons = [*_reasons(market, users, None, _billed(market, users))] or [*_not_for_rent(market, None)]
    return reasons or [Rejected("every plan", "the file's rent section leaves nothing to rent", "rent")]


def _billed(market: Market, users: float) -> list[tuple[Option, Bill]]:
    return [(option, bill_of(market, option, users)) for option in market.options(users)]


def _order(entry: tuple[Option, Bill]) -> tuple[float, bool, int, str]:
    """Of equally cheap options the simpler one."""
    option, bill = entry
    return amount(bill), option.shape.object_store, len(option.picked), option.title


def amount(bill: Bill) -> float:
    """The sum of a bill's lines."""
    return sum(line.amount for line in bill.lines)


def bill_of(market: Market, option: Option, users: float, piled_users: float | None = None) -> Bill:
    """The whole bill of an option; of `users` who have been there for long unless `piled_users` is said."""
    piled = users if piled_users is None else piled_users
    return market.prices.bill(option.rented, users, piled, object_store=option.shape.object_store)


def refusal(market: Market, shape: Shape, counts: dict[str, int]) -> str | None:
    """Why a shape is out, however large its machines: promised uptime that a single machine breaks."""
    wanted = market.workload.objectives.availability_percent
    reached = availability_percent(shape, counts)
    if market.workload.high_availability and not shape.redundant:
        return "one machine's failure stops it, and the file asks for high availability"
    if wanted is not None and reached < wanted:
        return (
            f"single points of failure: about {percent_up(reached)} of the time up, {percent_up(wanted)} are promised"
        )
    return None


def counts_of(option: Option) -> dict[str, int]:
    """Machines by role."""
    return {each.role.name: each.count for each in option.picked}


def _reasons(
    market: Market, users: float, chosen: tuple[Option, Bill] | None, billed: list[tuple[Option, Bill]]
) -> Iterator[Rejected]:
    currency = market.catalogue.currency
    by_place = {(option.shape.name, option.provider): (option, bill) for option, bill in billed}
    for shape in market.shapes:
        for provider in market.providers:
            entry = by_place.get((shape.name, provider))
            if entry is None:
                yield _too_small(market, shape, provider, users)
                continue
            option, bill = entry
            if chosen is not None and option is chosen[0]:
                continue
            out = refusal(market, shape, counts_of(option))
            if out is not None:
                yield Rejected(option.title, out, "availability", amount(bill))
            elif chosen is not None:
                more = amount(bill) - amount(chosen[1])
                reason = f"holds, but costs {more:,.2f} {currency} a month more"
                yield Rejected(option.title, reason, "cost", amount(bill))
    if chosen is not None:
        for picked in chosen[0].picked:
            yield from _smaller_plans(market, chosen[0], picked, users)
        yield from _not_for_rent(market, chosen[0])


def _too_small(market: Market, shape: Shape, provider: str, users: float) -> Rejected:
    """The role whose largest machines carry the fewest, and what ends first on them."""
    parts = len(shape.roles)
    title = f"{shape.name}: {provider}"
    short: list[tuple[float, Role, RentedPlan]] = []
    for role in shape.roles:
        if market.pick(shape, provider, role, users) is None:
            needs, every = market.needs(role), market.plans[provider]
            allowed = [each for each in every if not exceeds_connections(role, each, needs, 1)]
            plan = max(allowed or every, key=lambda each: market.reach(role, each, parts))
            most = role.carrying(role.max_count)
            short.append((market.reach(role, plan, parts) * most, role, plan))
    if not short:
        return Rejected(title, "its roles do not hold together", "cpu")
    holds, role, plan = min(short, key=lambda each: each[0])
    name, _ = scarcest(market, role, plan, parts)
    if name == "disk" and plan.disk_gb == 0:
        why = "its plans have no disk of their own, and the catalogue has no price for one; rent.plans may state both"
        return Rejected(title, why, name)
    if holds >= users:
        why = f"{plan.plan} ({role.name}) would hold, but open more connections than the database takes"
        return Rejected(title, why, "connections")
    reason = f"at most {holds:,.0f} of {users:,.0f} users: {resource(name)} ends on {plan.plan} ({role.name})"
    return Rejected(title, reason, name)


def scarcest(market: Market, role: Role, plan: RentedPlan, parts: int) -> tuple[str, float]:
    """The resource that ends first on one machine of a role, and for how many it does; of `parts` roles."""
    users = market.carried(role, plan).by_resource
    chance = market.chance / parts
    ends = {name: lower_quantile(worlds, chance) for name, worlds in users.items()}
    return min(ends, key=lambda name: ends[name]), market.reach(role, plan, parts)


def _smaller_plans(market: Market, option: Option, picked: Picked, users: float) -> Iterator[Rejected]:
    """Cheaper plans of the chosen provider that would not do for this role."""
    parts = len(option.shape.roles)
    spent = picked.plan.price_month * picked.count
    chosen = market.prices.of_role(rented(option.shape, picked.role, picked.plan, picked.count), users)
    shown = 0
    for plan in market.plans[option.provider]:
        if plan.price_month >= spent or plan is picked.plan or shown == _SHOWN_PLANS:
            continue
        ended, holds = scarcest(market, picked.role, plan, parts)
        count = market.count_for(picked.role, plan, users, parts)
        title = f"{option.shape.name}: {option.provider} {plan.plan} ({picked.role.name})"
        if count is None:
            reason = f"one carries {holds:,.0f} of {users:,.0f} users: {resource(ended)} ends first"
        else:
            more = market.prices.of_role(rented(option.shape, picked.role, plan, count), users) - chosen
            reason = f"{count} of them hold, but cost {more:,.2f} a month more, traffic beyond the allowance included"
        shown += 1
        yield Rejected(title, reason, ended if count is None else "cost", plan.price_month * (count or 1))


def _not_for_rent(market: Market, option: Option | None) -> Iterator[Rejected]:
    """Plans of the catalogue that would be cheaper than the option, but may not be taken; without one all of these."""
    rent = market.workload.rent
    spent = market.prices.machines(option.rented) if option else inf
    may = {(plan.provider, plan.plan) for plan in market.catalogue.plans}
    for plan in market.catalogue.all_plans:
        if (plan.provider, plan.plan) in may or plan.price_month >= spent:
            continue
        if rent.providers and plan.provider not in rent.providers:
            continue
        if plan.architecture not in rent.architectures:
            reason, lacking = f"{plan.architecture} is not among the file's architectures", "architecture"
        elif plan.cpu_class not in rent.cpu_classes:
            reason, lacking = f"its cores are {plan.cpu_class}, which the file does not take", "cpu_class"
        else:
            reason, lacking = f"cannot be ordered: {plan.orderable}", "orderable"
        yield Rejected(f"{plan.provider} {plan.plan}", reason, lacking, plan.price_month)
