"""What holds for every workload, with common random numbers."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.planner.catalogue.prices import load_catalogue
from banyan.planner.choose import NothingHolds, amount, choose
from banyan.planner.demand import build_load
from banyan.planner.draws import Draws
from banyan.planner.options import Market
from banyan.planner.profile import banyan_profile
from banyan.planner.workload.models import Workload
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
FEW = settings(max_examples=6, deadline=None)

users = st.floats(100, 400_000)
milliseconds = st.floats(5, 400)
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
@given(st.lists(users, min_size=2, max_size=4), seeds)
def test_cost_never_falls_as_users_grow(counts: list[float], seed: int) -> None:
    place = market(workload(), seed)
    costs = [cost(place, count) for count in sorted(counts)]
    assert costs == sorted(costs)


@FEW
@given(users, milliseconds, milliseconds, st.floats(0, 0.6), st.floats(0, 0.6), seeds)
def test_a_looser_objective_never_costs_more(
    count: float, one: float, other: float, free: float, freer: float, seed: int
) -> None:
    tight = {"p95_ms": min(one, other), "cpu_headroom_share": max(free, freer)}
    loose = {"p95_ms": max(one, other), "cpu_headroom_share": min(free, freer)}
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
@given(users, seeds)
def test_what_is_chosen_holds_in_as_many_worlds_as_promised(count: float, seed: int) -> None:
    place = market(workload(), seed)
    for option in place.options(count):
        assert option.holds(count, place.chance)
        for picked in option.picked:
            least = min(float(carried.max()) for carried in picked.users.values())
            assert least >= count
