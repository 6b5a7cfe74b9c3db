"""The formulas against the simulation, which knows none of them."""

import numpy as np
import pytest

from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.exact import response_quantile
from banyan.planner.queueing.simulate import Case, service_times, simulate

CASES = 200
SERVERS = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)


def _drawn() -> list[Case]:
    """Cases inside the formulas' assumptions; a few numbers of servers, so that runs go side by side."""
    random = np.random.default_rng(20)
    loads = np.append(random.uniform(0.05, 0.9, CASES - 2), [0.9, 0.9])
    shared = [Case(int(random.choice(SERVERS)), float(load)) for load in loads[20:]]
    return shared + [Case(int(random.integers(2, 5)), float(load), 1.0, Dispatch.RANDOM) for load in loads[:20]]


def test_the_exact_p95_is_what_two_hundred_simulations_find() -> None:
    cases = _drawn()
    # A run that ends as soon as its interval is narrow enough ends where that looks narrow by chance: ask for less.
    for case, found in zip(cases, simulate(cases, precision=0.015, seed=5), strict=True):
        servers = 1 if case.dispatch is Dispatch.RANDOM else case.servers
        assert found.half_width <= 0.02 * found.p95, case
        assert found.p95 == pytest.approx(float(response_quantile(servers, case.load)), rel=0.05), case


@pytest.mark.parametrize("variation", [0.0, 0.25, 1.0, 5.5])
def test_service_times_have_the_mean_and_variation_that_a_case_names(variation: float) -> None:
    drawn = service_times(variation, (400_000,), np.random.default_rng(3))
    assert drawn.mean() == pytest.approx(1, rel=0.02)
    assert drawn.var() == pytest.approx(variation, rel=0.05)


def test_the_same_seed_gives_the_same_figures() -> None:
    cases = [Case(2, 0.6, 2.0), Case(2, 0.6, 2.0, Dispatch.LEAST_CONNECTIONS)]
    assert simulate(cases, precision=0.05, seed=7) == simulate(cases, precision=0.05, seed=7)


def test_fewer_queues_and_better_picks_wait_less() -> None:
    found = simulate([Case(4, 0.8, 1.0, dispatch) for dispatch in Dispatch], precision=0.03)
    p95 = {dispatch: estimate.p95 for dispatch, estimate in zip(Dispatch, found, strict=True)}
    assert p95[Dispatch.SHARED] < p95[Dispatch.LEAST_CONNECTIONS] < p95[Dispatch.ROUND_ROBIN] < p95[Dispatch.RANDOM]
