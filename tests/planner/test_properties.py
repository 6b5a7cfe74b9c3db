"""What holds for every workload, with common random numbers."""

from datetime import date
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from banyan.planner.catalogue.prices import load_catalogue
from banyan.planner.choose import NothingHolds, amount, choose
from banyan.planner.demand import build_load
from banyan.planner.draws import Draws
from banyan.planner.options import Market, Picked
from banyan.planner.profile import banyan_profile
from banyan.planner.queueing.response import p95_seconds
from banyan.planner.workload.models import Workload
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
FEW = settings(max_examples=6, deadline=None)
ROUNDING = 1 + 1e-9
BUSY = {"daily_active_share": [0.5, 0.9]}  # so that roles need several machines

users = st.floats(100, 400_000)
milliseconds = st.floats(5, 400)
promises = st.sampled_from([None, 99.0, 99.5, 99.9, 99.99])
seeds = st.integers(0, 1000)


def market(file: Workload, seed: int) -> Market:
    draws = Draws(seed, 30)
    profile = banyan_profile()
    load = build_load(file, profile, draws)
    return Market(file, load, profile, load_catalogue(file.rent, file.currency), draws)


def cost(place: Market, count: float) -> float:
    """Infinite where nothing holds."""
    try:
        return amount(choose(place, count).bill)
    except NothingHolds:
        return float("inf")


@FEW
@given(
    st.sampled_from([[10, 40], [500, 2_000], 20_000]),
    st.sampled_from([[1, 2], [40, 90], [2_000, 5_000]]),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.sampled_from([8, 20, 200]),
    promises,
    seeds,
)
@example([10, 40], [1, 2], 0.0, 8, 99.0, 7)  # the cheaper machine sends less for nothing
@example(20_000, [2_000, 5_000], 0.5, 20, None, 7)  # as above, on the smallest
def test_cost_never_falls_as_users_grow(
    sent_mib: object, rows_kib: object, cdn: float, p95_ms: int, promised: float | None, seed: int
) -> None:
    file = workload(
        egress={"mib_per_registered_user_per_month": sent_mib, "cdn_share": cdn},
        storage={"database_kib_per_registered_user": rows_kib, "media_mib_per_registered_user": 0},
        objectives={"p95_ms": p95_ms, "availability_percent": promised},
    )
    place = market(file, seed)
    costs = [cost(place, count) for count in np.geomspace(100, 1_500_000, 90)]
    assert all(more >= less - 1e-9 for less, more in pairwise(costs))


@FEW
@given(users, milliseconds, milliseconds, st.floats(0, 0.6), st.floats(0, 0.6), promises, promises, seeds)
def test_a_looser_objective_never_costs_more(
    count: float, one: float, other: float, free: float, freer: float, up: float | None, upper: float | None, seed: int
) -> None:
    looser, stricter = sorted((up, upper), key=lambda promised: promised or 0.0)
    tight = {"p95_ms": min(one, other), "cpu_headroom_share": max(free, freer), "availability_percent": stricter}
    loose = {"p95_ms": max(one, other), "cpu_headroom_share": min(free, freer), "availability_percent": looser}
    costs = [cost(market(workload(objectives=each), seed), count) for each in (loose, tight)]
    assert costs[0] <= costs[1]


@FEW
@given(users, st.sets(st.sampled_from(["hetzner", "vultr", "linode", "lightsail", "digitalocean"]), min_size=1), seeds)
def test_fewer_providers_are_never_cheaper(count: float, providers: set[str], seed: int) -> None:
    rent = {"only_orderable": False}
    every = cost(market(workload(rent=rent), seed), count)
    some = cost(market(workload(rent={**rent, "providers": sorted(providers)}), seed), count)
    assert every <= some


@FEW
@given(users, promises, seeds)
def test_what_is_chosen_keeps_every_budget_in_as_many_worlds_as_promised(
    count: float, promised: float | None, seed: int
) -> None:
    """Computed from the needs themselves: what an option says that it carries is not asked."""
    place = market(workload(people=BUSY, objectives={"availability_percent": promised}), seed)
    for option in place.options(count):
        broken = np.any([broken_worlds(place, each, count) for each in option.picked], axis=0)
        assert broken.mean() <= place.chance, option.title


def broken_worlds(place: Market, picked: Picked, count: float) -> NDArray[np.bool_]:
    """Where a budget of a role's machines does not hold `count`, with one of several away where uptime is promised."""
    needs, plan, objectives = place.needs(picked.role), picked.plan, place.workload.objectives
    away = 1 if objectives.availability_percent is not None and picked.count > 1 else 0
    share = count if picked.role.replicas else count / (picked.count - away)
    core, cores = place.core(plan.cpu_class), max(int(plan.vcpu), 1)
    memory = needs.memory_fixed_mib + needs.memory_per_vcpu_mib * cores + needs.memory_mib * share
    disk = (needs.disk_fixed_gib + needs.disk_gib * share) * 1024**3 / 1e9
    broken = (
        (memory > plan.ram_gib * 1024 * (1 - objectives.memory_headroom_share) * ROUNDING)
        | (disk > plan.disk_gb * (1 - objectives.disk_headroom_share) * ROUNDING)
        | (needs.sockets * share > 0.8 * needs.sockets_per_vcpu * cores * ROUNDING)
        | (needs.connections * share > 0.7 * needs.max_connections * ROUNDING)
    )
    # With the headroom kept free, and in a spike without it, cores have so much more to do.
    crowding = np.maximum(1 / (1 - objectives.cpu_headroom_share), needs.spike_factor)
    rate, mean = needs.cores * share * crowding / needs.request_seconds, needs.request_seconds / core
    if needs.objective_seconds is None:
        return broken | (rate * mean > cores)
    late = p95_seconds(cores, rate / ROUNDING, mean, needs.variation_squared, needs.dispatch)
    return broken | (late > needs.objective_seconds * ROUNDING)


@FEW
@given(st.floats(50_000, 300_000), seeds)
def test_where_uptime_is_promised_one_of_several_machines_may_be_away(count: float, seed: int) -> None:
    place = market(workload(people=BUSY, objectives={"availability_percent": 99.9}), seed)
    for each in choose(place, count).option.picked:
        assert each.count > 1
        if not each.role.replicas:
            one = place.carried(each.role, each.plan).least
            assert np.mean(one * (each.count - 1) < count) <= place.chance
