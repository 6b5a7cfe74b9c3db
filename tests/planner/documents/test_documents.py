"""Every figure of the five documents: reproduced by file and plan, or a finding says why it cannot be.

`NAME.toml` beside this file lists a document's figures with their lines; `mecabal.toml` explains the lists.
`numbers.toml` holds every number of the five documents, so that none can be forgotten.
"""

import functools
import re
import tomllib
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from banyan.planner.catalogue.prices import shipped_items
from banyan.planner.claims import FormulaError, Scope, agrees, evaluate
from banyan.planner.compute import compute_plan
from banyan.planner.findings.review import review_plan
from banyan.planner.plan import Band, Plan
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import parse_workload

HERE = Path(__file__).parent
NAMES = ("mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers")
TODAY = date(2026, 11, 26)
ROUNDING = 0.01


NUMBER = re.compile(r"(?<![A-Za-z0-9_.])\d(?:[\d,]*\d)?(?:\.\d+)*")


class Shaken(Scope, frozen=True):
    """The same file and plan with every figure moved, each by its own factor: what does not move reads none."""

    def find(self, key: str) -> list[Any]:
        factor = 1.5 + zlib.crc32(key.encode()) % 997 / 97
        return [_moved(value, factor) for value in super().find(key)]


def _moved(value: Any, factor: float) -> Any:
    if isinstance(value, Quantity | Band):
        return Quantity(*((each + 1) * factor for each in (value.low, value.mid, value.high)))
    return (value + 1) * factor if isinstance(value, int | float) else value


@functools.cache
def figures(name: str) -> dict[str, list[list[Any]]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text())


@functools.cache
def numbers(name: str) -> dict[int, set[str]]:
    """By line, the numbers that the document has there."""
    lines = tomllib.loads((HERE / "numbers.toml").read_text())[name].replace("\n", " ").split("; ")
    split = (each.split(": ") for each in lines)
    return {int(line): set(found.split()) for line, found in split}


@functools.cache
def planned(name: str) -> tuple[Workload, Plan]:
    workload = parse_workload(Path(f"examples/{name}.toml").read_text()).workload
    plan = compute_plan(workload, as_of=TODAY)
    return workload, plan if plan.stated or not workload.claims else review_plan(plan, workload, TODAY)


@pytest.mark.parametrize("name", NAMES)
def test_no_number_of_the_document_is_forgotten(name: str) -> None:
    said: dict[int, set[str]] = {}
    for rows in figures(name).values():
        for line, words, *_ in rows:
            said.setdefault(line, set()).update(NUMBER.findall(words))
    missed = {line: found - said.get(line, set()) for line, found in numbers(name).items()}
    assert {line: found for line, found in missed.items() if found} == {}


@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_listed_that_the_document_does_not_have_there(name: str) -> None:
    there = numbers(name)
    listed = [row for kind in ("reproduced", "names", "priced") for row in figures(name).get(kind, [])]
    assert [row[:2] for row in listed if not set(NUMBER.findall(row[1])) & there.get(row[0], set())] == []


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
def test_a_figure_that_is_reproduced_hangs_on_file_and_plan(name: str) -> None:
    """A formula that gives the same whatever they say would reproduce the test's own figure."""
    scope = Shaken(*planned(name))
    idle = []
    for line, words, value, formula, *tolerance in figures(name)["reproduced"]:
        try:
            computed = evaluate(formula, scope)
        except FormulaError:
            continue
        counted = formula.startswith("count(")  # of parts that are there, whatever they say
        if not counted and agrees(Quantity.of(value), computed, tolerance[0] if tolerance else ROUNDING):
            idle.append(f"line {line}: {words}: {formula}")
    assert idle == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_plan_says_in_words_is_the_documents(name: str) -> None:
    plain = msgspec.to_builtins(planned(name)[1])
    missed = []
    for row in figures(name).get("shown", []):
        value = plain
        for part in row[2].split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        if row[3] not in value:
            missed.append([*row, value])
    assert missed == []


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_thresholds_are_triggers(name: str) -> None:
    workload, plan = planned(name)
    given = {(each.metric, each.warning, each.critical, each.for_minutes, each.action) for each in plan.triggers}
    for each in workload.thresholds:
        ends = [end for end in (each.warning, each.critical) if end is not None]
        assert (each.metric, ends[0], ends[-1], each.for_minutes, each.action) in given


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
    items, _, rates = shipped_items()
    known = {item: each.price for item, each in items.items()}
    known |= {f"{item} free": each.free_units for item, each in items.items()}
    known |= {rate.currency: rate.units for rate in rates}
    assert [row for row in figures(name).get("priced", []) if known[row[2]] != row[3]] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_line_and_words(name: str) -> None:
    lists = figures(name)
    assert set(lists) <= {"reproduced", "found", "advised", "priced", "shown", "names"}
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
