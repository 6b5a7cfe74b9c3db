"""Findings are made of whatever is left of a file: no rule needs more than it looks at."""

import functools
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from banyan.planner.findings.review import review_plan
from banyan.planner.workload.checks import check_workload
from banyan.planner.workload.models import Workload
from tests.planner.findings.drafts import draft_plan

NAMES = ("mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers")
TODAY = date(2026, 11, 26)


@functools.cache
def example(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(f"examples/{name}.toml").read_text())


def without(value: Any, choose: Any) -> Any:
    """The file with keys and elements left out at random."""
    if isinstance(value, dict):
        kept = {key: without(part, choose) for key, part in value.items() if choose() or key in ("name", "people")}
        return kept
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [without(part, choose) for part in value if choose()]
    return value


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(NAMES), st.randoms(use_true_random=False), st.sampled_from([0.02, 0.1, 0.3]))
def test_no_rule_stumbles_over_what_is_missing(name: str, random: Any, share: float) -> None:
    raw = without(example(name), lambda: random.random() > share)
    try:
        workload = Workload.model_validate(raw)
    except ValidationError:
        return
    if any(True for _ in check_workload(workload)):
        return
    plan = review_plan(draft_plan(workload, TODAY), workload, TODAY)
    assert all(each.severity in ("error", "warning", "note") for each in plan.findings)
