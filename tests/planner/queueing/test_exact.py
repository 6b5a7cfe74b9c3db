"""The proven formulas: against their textbook forms, at their limits, and as inverses of each other."""

from math import exp, factorial, inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.planner.queueing.exact import erlang_b, erlang_c, response_quantile, response_tail

servers = st.integers(1, 60)
loads = st.floats(0.0, 0.995)


@settings(deadline=None)
@given(servers=st.integers(1, 20), load=st.floats(0.01, 0.99))
def test_erlang_c_is_the_textbook_sum(servers: int, load: float) -> None:
    offered = servers * load
    full = offered**servers / factorial(servers) / (1 - load)
    below = sum(offered**busy / factorial(busy) for busy in range(servers))
    assert float(erlang_c(servers, offered)) == pytest.approx(full / (below + full), rel=1e-9)


def test_known_chances() -> None:
    assert float(erlang_b(1, 1.0)) == 0.5
    assert float(erlang_c(1, 0.3)) == pytest.approx(0.3)
    assert float(erlang_c(2, 2.0)) == 1.0
    assert float(erlang_c(5, 9.0)) == 1.0


@settings(deadline=None)
@given(servers=servers, load=loads)
def test_the_quantile_is_the_inverse_of_the_tail(servers: int, load: float) -> None:
    for share in (0.5, 0.95, 0.999):
        quantile = response_quantile(servers, load, share)
        assert float(response_tail(servers, load, quantile)) == pytest.approx(1 - share, rel=1e-6)


@settings(deadline=None)
@given(servers=st.integers(2, 60), load=st.floats(0.0, 0.99), more=st.floats(0.001, 0.005))
def test_busier_servers_answer_later_and_more_servers_sooner(servers: int, load: float, more: float) -> None:
    assert response_quantile(servers, load) <= response_quantile(servers, load + more)
    assert response_quantile(servers, load) <= response_quantile(servers - 1, load) + 1e-9


def test_a_single_server_is_exponential() -> None:
    assert float(response_quantile(1, 0.9)) == pytest.approx(log(20) / 0.1)
    assert float(response_quantile(30, 0.0)) == pytest.approx(log(20))
    assert response_quantile(4, 1.0) == inf


def test_where_the_textbook_form_divides_by_zero() -> None:
    # theta = c (1 - load) is 1 for two servers at one half; C is 1/3 there.
    at, beside = response_tail(2, 0.5, 2.0), response_tail(2, 0.5 + 1e-5, 2.0)
    assert float(at) == pytest.approx(exp(-2) * (1 + 2 / 3), rel=1e-9)
    assert float(beside) == pytest.approx(float(at), rel=1e-3)
