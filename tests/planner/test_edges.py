"""Files at the edges: nobody, strict promises, shrinking, other money. A plan comes out, and all of it is finite."""

import math
from datetime import date
from typing import Any

import msgspec
import pytest

from banyan.planner.compute import compute_plan
from banyan.planner.report.page import report_html
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
STACK = {
    "kind": "node",
    "requests_per_second_per_vcpu": [50, 100],
    "services": [{"name": "api", "memory_mib": 500}, {"name": "pg", "role": "database", "memory_mib": 1000}],
}
EDGES: dict[str, dict[str, Any]] = {
    "nobody comes": {"people": {"daily_active_share": 0}},
    "one person": {"people": {"registered_users": 1}, "scenarios": []},
    "a stack without phases": {"stack": STACK},
    "fewer every month": {"scenarios": [{"name": "down", "start_users": 9000, "growth_per_month": -0.1, "months": 9}]},
    "empty months": {"scenarios": [{"name": "list", "registered_users_by_month": [0, 0, 100]}]},
    "no machine may fail": {"high_availability": True},
    "committed, with VAT": {"rent": {"reserved": True, "vat_percent": 20}},
    "money without prices of its own": {"currency": "TND"},
    "sockets and no requests": {"traffic": {"operations": {}, "requests_per_active_user_per_day": 0}},
}


@pytest.mark.parametrize("name", EDGES)
def test_a_plan_comes_out(name: str) -> None:
    plan = compute_plan(workload(**EDGES[name]), as_of=DAY, worlds=20)
    assert plan.phases, plan.findings
    assert all_finite(msgspec.to_builtins(plan))
    assert report_html(plan)


@pytest.mark.parametrize(
    "section", [{"objectives": {"p95_ms": 0.5}}, {"rent": {"providers": ["aws-ec2"]}}, {"rent": {"cpu_classes": []}}]
)
def test_what_cannot_be_is_said(section: dict[str, Any]) -> None:
    plan = compute_plan(workload(**section), as_of=DAY, worlds=20)
    assert plan.phases == [] and plan.growth == {}
    assert "nothing_holds" in {finding.code for finding in plan.findings}


@pytest.mark.parametrize("rate", [0.5, 20.0, 1e9])
def test_growth_without_end_is_walked_as_far_as_it_goes(rate: float) -> None:
    endless = {"name": "endless", "start_users": 10_000, "growth_per_month": rate, "months": 120}
    plan = compute_plan(workload(scenarios=[endless]), as_of=DAY, stack="banyan", worlds=20)
    assert all_finite(msgspec.to_builtins(plan)) and plan.growth["endless"][-1].users <= 1e12
    assert {"more_people_than_there_are", "nothing_holds"} <= {finding.code for finding in plan.findings}
    assert report_html(plan)


def test_a_commitment_and_vat_are_lines_of_the_bill() -> None:
    plan = compute_plan(workload(rent={"reserved": True, "vat_percent": 20}), as_of=DAY, worlds=20)
    lines = {line.item: line.amount for line in plan.phases[0].cost_month.lines}
    machines = sum(amount for item, amount in lines.items() if item[0].isdigit())
    assert lines["committed for a year (-40%)"] == pytest.approx(-0.4 * machines)
    assert lines["VAT 20%"] == pytest.approx(0.2 * sum(amount for item, amount in lines.items() if item != "VAT 20%"))


def all_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(all_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(all_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)
