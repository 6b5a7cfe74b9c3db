"""Files at the edges: nobody, strict promises, shrinking, other money. A plan comes out, and all of it is finite."""

import math
import re
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
    "thresholds at nobody": {
        "thresholds": [
            {"metric": "registered_users", "critical": 0.0},
            {"metric": "peak_concurrent_users", "critical": 5.0},
        ]
    },
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


OWN = {"vcpu": 4, "ram_gib": 16, "disk_gb": 500, "transfer_tb": 5, "currency": "EUR", "as_of": DAY, "source": "quote"}


def test_a_commitment_and_vat_are_lines_of_the_bill() -> None:
    own = {**OWN, "provider": "aws-ec2", "plan": "with a disk", "price_month": 50}
    rent = {"reserved": True, "vat_percent": 20, "providers": ["aws-ec2"], "plans": [own]}
    plan = compute_plan(workload(rent=rent), as_of=DAY, worlds=20)
    lines = {line.item: line.amount for line in plan.phases[0].cost_month.lines}
    machines = sum(amount for item, amount in lines.items() if item[0].isdigit())
    assert lines["committed for a year (-40%)"] == pytest.approx(-0.4 * machines)
    assert lines["VAT 20%"] == pytest.approx(0.2 * sum(amount for item, amount in lines.items() if item != "VAT 20%"))


def test_what_is_too_small_is_smaller_than_what_is_asked() -> None:
    hall = {"vcpu": 512, "ram_gib": 4096, "disk_gb": 90_000, "price_month": 9_000}
    plans = [
        {**OWN, "provider": "shelf", "plan": "box", "price_month": 40},
        {**OWN, "provider": "shelf", "plan": "hall", **hall},
    ]
    people = {"registered_users": 2_000_000, "daily_active_share": 0.3}
    rent = {"providers": ["shelf"], "plans": plans}
    plan = compute_plan(workload(people=people, rent=rent, scenarios=[]), as_of=DAY, worlds=20)
    reasons = [each.reason for phase in plan.phases for each in phase.rejected]
    too_small = [re.search(r"at most ([\d,]+) of ([\d,]+) users", reason) for reason in reasons]
    pairs = [[int(each.replace(",", "")) for each in found.groups()] for found in too_small if found]
    assert pairs
    assert all(holds < asked for holds, asked in pairs)


def test_nothing_is_saved_where_nobody_sells_a_commitment() -> None:
    rent = {"reserved": True, "providers": ["hetzner"]}
    plan = compute_plan(workload(rent=rent), as_of=DAY, worlds=20)
    assert not any("committed" in line.item for phase in plan.phases for line in phase.cost_month.lines)
    assert [found.computed for found in plan.findings if found.code == "commitment_not_sold"] == ["no discount"]
    assert not {"reserved", "spot"} & {advice.code for advice in plan.advice}


def test_a_commitment_makes_its_seller_the_cheaper_one() -> None:
    plans = [
        {**OWN, "provider": "aws-ec2", "plan": "with a disk", "price_month": 50},
        {**OWN, "provider": "shelf", "plan": "box", "price_month": 40},
    ]
    for reserved, seller in ((True, "aws-ec2"), (False, "shelf")):
        rent = {"reserved": reserved, "providers": ["aws-ec2", "shelf"], "plans": plans}
        plan = compute_plan(workload(rent=rent), as_of=DAY, worlds=20)
        assert plan.phases[0].machines[0].provider == seller


def all_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(all_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(all_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


def test_a_user_costs_what_he_costs_in_the_months_that_there_are() -> None:
    """A chosen phase begins at nobody on paper, and nobody has yet paid for all of it."""
    for limit, months in ((1.0, 0), (1e-6, 36)):
        plan = compute_plan(workload(objectives={"cost_per_user_month_max": limit}), as_of=DAY, worlds=20)
        found = [each.message for each in plan.findings if each.code == "cost_per_user_above_objective"]
        assert len(found) == (months > 0)
        assert not found or found[0].startswith(f"in {months} of steady's 36 months")


def test_a_flat_cdn_for_terabytes_is_asked_about() -> None:
    for mib, codes in ((10, set()), (3000, {"cdn_flat_for_much_traffic"})):
        egress = {"mib_per_registered_user_per_month": mib, "cdn_share": 0.9}
        plan = compute_plan(workload(egress=egress), as_of=DAY, worlds=20)
        assert {each.code for each in plan.findings} & {"cdn_flat_for_much_traffic"} == codes


def test_a_warning_comes_before_what_is_critical() -> None:
    plan = compute_plan(workload(scenarios=[]), as_of=DAY, worlds=20)
    assert all(each.warning < each.critical for each in plan.triggers)
    reasons = {each.metric: each.source for each in plan.triggers}
    binding = plan.phases[0].binding_resource
    assert "stops holding its objectives" in reasons[f"{binding}_share"]
    others = [reason for metric, reason in reasons.items() if "headroom begins" in reason]
    assert others and "nothing grows" in others[0]
