"""Formulas of files: what they read, what they refuse, how they carry intervals along."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.planner.claims import FormulaError, Scope, UnknownKeyError, agrees, evaluate, holds, inputs
from banyan.planner.quantity import Quantity
from banyan.planner.workload.parse import parse_workload

FILE = parse_workload(
    """
name = "x"
[people]
registered_users = 1000
daily_active_share = [0.1, 0.2]
[stack]
kind = "k"
[[stack.services]]
name = "api-one"
memory_mib = 100
workers = 3
settings = { pool = 10, kind = "text", on = true }
[[stack.services]]
name = "db"
memory_mib = [200, 400]
[[phases]]
name = "phase-1"
from_users = 0
[[phases.machines]]
role = "all"
price_month = 5
services = ["db"]
"""
).workload
SCOPE = Scope(FILE)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-(1 + 2) * 2", -6),
        ("1_000 * 1.5e2", 150_000),
        ("people.registered_users * 2", 2000),
        ("people.registered_users*people.daily_active_share", [100, 200]),
        ("sum(stack.services.*.memory_mib)", [300, 500]),
        ("max(stack.services.*.memory_mib, 250)", [250, 300, 400]),
        ("min(3, 1 + 1)", 2),
        ("count(stack.services.*)", 2),
        ("stack.services.0.workers", 3),
        ("stack.services.api-one.settings.pool - 1", 9),
        ("stack.services.api-one.settings.on", 1),
        ("phases.phase-1.machines.all.price_month", 5),
        ("phases.phase-1.machines.all.services.db.memory_mib", [200, 400]),
        ("ceil(2.1) + floor(2.9) + round(2.5)", 7),
    ],
)
def test_a_formula_is_computed(formula: str, expected: Any) -> None:
    computed, wanted = evaluate(formula, SCOPE), Quantity.of(expected)
    assert (computed.low, computed.mid, computed.high) == pytest.approx((wanted.low, wanted.mid, wanted.high))


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "1 +",
        "(1",
        "1 2",
        "1 / 0",
        "1 / (people.daily_active_share - 0.15)",
        "people.nobody",
        "people",
        "stack.kind",
        "stack.services.api-one.settings.kind",
        "stack.services.*.memory_mib",
        "__import__('os')",
        "people.__class__",
        "people.model_dump()",
        "people.registered_users.known",
        "'a' * 3",
        "1 ** 9",
        "[1]",
        "plan.name",
        "(" * 100 + "1" + ")" * 100,
        "1e308 * 1e308",
        "ceil(1e308 * 1e308)",
        "1e308 * 1e308 - 1e308 * 1e308",
    ],
)
def test_all_else_is_refused(formula: str) -> None:
    with pytest.raises(FormulaError):
        evaluate(formula, SCOPE)


def test_an_unknown_key_is_told_from_a_bad_formula() -> None:
    with pytest.raises(UnknownKeyError, match=r"people\.daily_active_users is not said"):
        evaluate("people.daily_active_users", SCOPE)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1 < 2", True),
        ("people.registered_users >= 1_000", True),
        ("1 == 2", False),
        ("1 != 2", True),
        ("3 <= 2", False),
    ],
)
def test_conditions_compare(condition: str, expected: bool) -> None:
    assert holds(condition, SCOPE) is expected


def test_a_condition_without_comparison_is_refused() -> None:
    with pytest.raises(FormulaError):
        holds("1 + 1", SCOPE)


def test_inputs_of_a_formula_are_named() -> None:
    assert inputs("sum(stack.services.*.memory_mib) / people.registered_users", SCOPE) == {
        "stack.services.*.memory_mib": Quantity(300, 400, 500),
        "people.registered_users": Quantity(1000, 1000, 1000),
    }


@given(
    st.tuples(st.floats(-100, 100), st.floats(0, 50)),
    st.tuples(st.floats(0.5, 100), st.floats(0, 50)),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_results_of_intervals_hold_every_result_within(
    one: tuple[float, float], other: tuple[float, float], here: float, there: float
) -> None:
    file = {"a": Quantity.of([one[0], one[0] + one[1]]), "b": Quantity.of([other[0], other[0] + other[1]])}
    a, b = one[0] + here * one[1], other[0] + there * other[1]
    for formula, exact in (
        ("a + b", a + b),
        ("a - b", a - b),
        ("a * b", a * b),
        ("a / b", a / b),
        ("max(a, b)", max(a, b)),
    ):
        computed = evaluate(formula, Scope(file))
        slack = 1e-9 * max(1, abs(exact))
        assert computed.low - slack <= exact <= computed.high + slack


def test_agreement_is_being_within_each_other() -> None:
    q = Quantity.of
    assert agrees(q(100), q(100.5), 0.01)
    assert not agrees(q(100), q(102), 0.01)
    assert agrees(q([50, 100]), q(75), 0)
    assert agrees(q(75), q([50, 100]), 0)
    assert not agrees(q([50, 100]), q([40, 90]), 0.01)
    assert agrees(q(0), q(0), 0)
