"""Findings are made of whatever is left of a file: no rule needs more than it looks at."""

import functools
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.planner.findings.review import review_plan
from banyan.planner.workload import models
from banyan.planner.workload.checks import check_workload
from banyan.planner.workload.models import Workload
from tests.planner.findings.drafts import draft_plan

NAMES = ("mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers")
TODAY = date(2026, 11, 26)


SECTIONS = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, models.Section)]
REQUIRED = {name for each in SECTIONS for name, field in each.model_fields.items() if field.is_required()}
# Of each of these groups a file says one or all.
TOGETHER = {
    *("traffic", "daily_active_share", "daily_active_users", "peak_concurrent_users", "peak_requests_per_second"),
    *("start_users", "growth_per_month", "months", "registered_users_by_month"),
    *("from_users", "to_users"),
}


@functools.cache
def example(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(f"examples/{name}.toml").read_text())


def without(value: Any, choose: Any) -> Any:
    """The file with keys that it need not have and elements left out at random."""
    if isinstance(value, dict):
        kept = REQUIRED | TOGETHER
        return {key: without(part, choose) for key, part in value.items() if key in kept or choose()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [without(part, choose) for part in value if choose()]
    return value


def without_strangers(raw: dict[str, Any]) -> dict[str, Any]:
    """Machines run only services that are still there."""
    there = {service["name"] for service in raw.get("stack", {}).get("services", ())}
    for phase in [*raw.get("phases", ()), *raw.get("alternatives", ())]:
        for machine in phase.get("machines", ()):
            machine["services"] = [name for name in machine.get("services", ()) if name in there]
    return raw


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(NAMES), st.randoms(use_true_random=False), st.sampled_from([0.02, 0.1, 0.3]))
def test_no_rule_stumbles_over_what_is_missing(name: str, random: Any, share: float) -> None:
    workload = Workload.model_validate(without_strangers(without(example(name), lambda: random.random() > share)))
    assert not list(check_workload(workload))
    review_plan(draft_plan(workload, TODAY), workload, TODAY)
