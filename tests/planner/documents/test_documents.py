"""Every figure of the five documents: reproduced by file and plan, or a finding says why it cannot be.

`NAME.toml` beside this file lists a document's figures with their lines; `mecabal.toml` explains the lists.
"""

import functools
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from banyan.planner.catalogue.prices import shipped_items
from banyan.planner.claims import Scope, agrees, evaluate
from banyan.planner.compute import compute_plan
from banyan.planner.findings.review import review_plan
from banyan.planner.plan import Plan
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import parse_workload

HERE = Path(__file__).parent
NAMES = ("mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers")
TODAY = date(2026, 11, 26)
ROUNDING = 0.01


@functools.cache
def figures(name: str) -> dict[str, list[list[Any]]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text())


@functools.cache
def planned(name: str) -> tuple[Workload, Plan]:
    workload = parse_workload(Path(f"examples/{name}.toml").read_text()).workload
    plan = compute_plan(workload, as_of=TODAY)
    return workload, plan if plan.stated or not workload.claims else review_plan(plan, workload, TODAY)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_reproduced(name: str) -> None:
    scope = Scope(*planned(name))
    missed = []
    for line, words, value, formula, *tolerance in figures(name)["reproduced"]:
        computed = evaluate(formula, scope)
        if not agrees(Quantity.of(value), computed, tolerance[0] if tolerance else ROUNDING):
            missed.append(f"line {line}: {words}: {formula} gives {computed}")
    assert missed == []


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_reproduced_is_found(name: str) -> None:
    _, plan = planned(name)
    found = [(each.code, each.message + each.computed) for each in plan.findings]
    missed = [
        row
        for row in figures(name)["found"]
        if not any(code == row[2] and row[3].lower() in message.lower() for code, message in found)
    ]
    assert missed == []


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_advice_is_given(name: str) -> None:
    _, plan = planned(name)
    given = [(each.code, each.text) for each in plan.advice]
    missed = [
        row
        for row in figures(name).get("advised", [])
        if not any(code == row[2] and row[3].lower() in text.lower() for code, text in given)
    ]
    assert missed == []


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_prices_are_in_the_catalogue(name: str) -> None:
    items, _, _ = shipped_items()
    assert [row for row in figures(name).get("priced", []) if items[row[2]].price != row[3]] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_line_and_words(name: str) -> None:
    lists = figures(name)
    assert set(lists) <= {"reproduced", "found", "advised", "priced", "names"}
    for rows in lists.values():
        assert all(isinstance(row[0], int) and row[0] > 0 and isinstance(row[1], str) and row[1] for row in rows)


@pytest.mark.parametrize(
    ("name", "claim", "computed"),
    [
        ("mecabal", "MVP phase in all", "55 USD a month"),
        ("mecabal", "growth phase in all", "223 USD a month"),
        ("mecabal", "scale phase in all", "610 USD a month"),
        ("chitlaq", "database a user", "46 KB"),
        ("accounts-store", "AWS in all", "7,380 USD a month"),
        ("accounts-store", "self-hosted in all", "4,100 USD a month"),
    ],
)
def test_the_best_known_figures_stand_in_the_plan(name: str, claim: str, computed: str) -> None:
    _, plan = planned(name)
    assert [each.computed for each in plan.stated if each.claim == claim] == [computed]
