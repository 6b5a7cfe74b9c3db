"""Any variation and dispatch: the known anchors, fresh simulations between the table's rows, and the inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.queueing.exact import response_quantile
from banyan.planner.queueing.response import max_rate_per_second, p95_seconds
from banyan.planner.queueing.simulate import Case, simulate

dispatches = st.sampled_from(Dispatch)


@pytest.mark.parametrize(
    ("variation", "dispatch", "milliseconds"),
    [
        (0.25, Dispatch.SHARED, 99),
        (1.0, Dispatch.SHARED, 150),
        (5.5, Dispatch.SHARED, 445),
        (1.0, Dispatch.RANDOM, 545),
    ],
)
def test_four_servers_at_the_same_load_and_mean(variation: float, dispatch: Dispatch, milliseconds: float) -> None:
    found = float(p95_seconds(4, 178, 0.020, variation, dispatch))
    assert found * 1000 == pytest.approx(milliseconds, rel=0.03)


@pytest.mark.parametrize(
    "case",
    [
        Case(5, 0.75, 3.0),
        Case(20, 0.85, 6.0),
        Case(10, 0.6, 0.1),
        Case(7, 0.75, 1.5, Dispatch.RANDOM),
        Case(6, 0.75, 3.0, Dispatch.ROUND_ROBIN),
        Case(6, 0.75, 0.4, Dispatch.LEAST_CONNECTIONS),
        Case(3, 0.6, 3.0, Dispatch.LEAST_CONNECTIONS),
    ],
    ids=str,
)
def test_between_the_rows_of_the_table(case: Case) -> None:
    found = simulate([case], seed=11)[0]
    read = float(p95_seconds(case.servers, case.load * case.servers, 1.0, case.variation_squared, case.dispatch))
    assert read == pytest.approx(found.p95, rel=0.06)


@settings(deadline=None)
@given(servers=st.integers(1, 80), load=st.floats(0.0, 0.99))
def test_the_curves_of_exponential_service_are_exact(servers: int, load: float) -> None:
    assert float(p95_seconds(servers, load * servers, 1.0, 1.0)) == pytest.approx(
        float(response_quantile(servers, load)), rel=0.002
    )


@settings(deadline=None)
@given(
    servers=st.integers(1, 80),
    variation=st.floats(0, 20),
    mean=st.floats(0.0005, 0.2),
    slack=st.floats(0.2, 200),
    dispatch=dispatches,
)
def test_the_largest_rate_is_the_inverse(
    servers: int, variation: float, mean: float, slack: float, dispatch: Dispatch
) -> None:
    wanted = mean * slack
    rate = float(max_rate_per_second(servers, mean, variation, wanted, dispatch))
    assert 0 <= rate < servers / mean
    if rate > 0:
        assert float(p95_seconds(servers, rate, mean, variation, dispatch)) <= wanted * (1 + 1e-9)
        looser = float(max_rate_per_second(servers, mean, variation, wanted * 1.1, dispatch))
        assert looser >= rate
    else:
        assert float(p95_seconds(servers, 1e-9 / mean, mean, variation, dispatch)) >= wanted * (1 - 1e-6)


def test_worlds_are_answered_at_once() -> None:
    means = np.array([0.002, 0.004, 0.5])
    rates = max_rate_per_second(8, means, np.array([0.5, 5.0, 1.0]), 0.15)
    assert rates.shape == (3,)
    assert rates[0] > rates[1] > rates[2] == 0
    alone = [float(max_rate_per_second(8, mean, v, 0.15)) for mean, v in zip(means, (0.5, 5.0, 1.0), strict=True)]
    assert rates.tolist() == alone


def test_very_many_servers_take_no_longer_to_compute_and_never_carry_less() -> None:
    rates = [float(max_rate_per_second(servers, 0.02, 1.0, 0.1)) for servers in (4096, 5000, 10**12)]
    assert rates == sorted(rates)
    assert rates[1] == pytest.approx(rates[0] * 5000 / 4096)
