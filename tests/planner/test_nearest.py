"""Where nothing holds, the plan says what comes nearest and what it lacks."""

from datetime import date
from typing import Any

import pytest

from banyan.planner.answer import answer
from banyan.planner.compute import compute_plan
from banyan.planner.plan import Plan, Unmet
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)


def plan_of(**sections: Any) -> Plan:
    return compute_plan(workload(**sections), as_of=DAY, stack="banyan", worlds=30)


def unmet(plan: Plan) -> Unmet:
    assert plan.unmet is not None
    assert plan.unmet.rejected and all(each.reason for each in plan.unmet.rejected)
    assert 0 < plan.unmet.lacking_share <= 1
    assert [each.code for each in plan.findings][:1] == ["nothing_holds"]
    return plan.unmet


def test_too_many_people_for_the_largest_machines() -> None:
    plan = plan_of(people={"registered_users": 50_000_000}, rent={"providers": ["hetzner"]}, scenarios=[])
    found = unmet(plan)
    assert plan.phases == []
    assert "hetzner" in found.nearest and 0 < found.holds_users < 50_000_000
    assert found.lacking_share == pytest.approx(1 - found.holds_users / 50_000_000)
    assert found.binding_resource in found.lacks.lower() and found.nearest in answer(plan)
    enough = plan_of(people={"registered_users": found.holds_users}, rent={"providers": ["hetzner"]}, scenarios=[])
    assert enough.unmet is None and enough.phases


def test_an_answer_that_no_core_gives_in_time() -> None:
    found = unmet(plan_of(objectives={"p95_ms": 0.5}))
    assert (found.binding_resource, found.stated, found.holds_users) == ("response_time", "0.5 ms", 0)
    reached = float(found.reached.removesuffix(" ms"))
    assert plan_of(objectives={"p95_ms": reached * 3}).phases


def test_more_uptime_than_any_shape_has() -> None:
    plan = plan_of(objectives={"availability_percent": 99.9999999})
    found = unmet(plan)
    assert found.binding_resource == "availability" and found.stated == "99.9999999%"
    assert "minutes a month" in answer(plan)


def test_a_file_that_leaves_nothing_to_rent() -> None:
    for plan in (plan_of(rent={"cpu_classes": []}), plan_of(rent={"providers": ["aws-ec2"]})):
        assert unmet(plan).nearest == "" and "[rent]" in answer(plan)


def test_growth_beyond_everything_ends_with_the_largest_phase() -> None:
    fast = {"name": "fast", "start_users": 100_000, "growth_per_month": 0.5, "months": 30}
    plan = plan_of(scenarios=[fast], rent={"providers": ["hetzner"]})
    found, last = unmet(plan), plan.phases[-1]
    assert last.to_users is not None and found.holds_users >= last.to_users
    assert found.holds_users < last.to_users * 1.1  # nothing larger was left out
    assert "Nothing that may be rented holds more than" in answer(plan)
