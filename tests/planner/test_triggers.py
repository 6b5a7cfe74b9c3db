"""When to look and when to act."""

from datetime import date
from typing import Any

import pytest

from banyan.planner.compute import compute_plan
from tests.planner.workloads import workload

FEEDS = {"operations": {"feed": {"like": "feed", "per_active_user_per_day": 3_000}}}
SMALL = {"database_kib_per_registered_user": 1, "media_mib_per_registered_user": 0}
SPIKE = {"spikes": [{"name": "fair", "factor": 8, "hours_per_month": 3}]}


@pytest.mark.parametrize(
    "traffic", [FEEDS, FEEDS | SPIKE, {"peak_requests_per_second": [20, 4_000]}], ids=["usual", "spike", "unsure"]
)
def test_cores_are_critical_where_answers_get_slow_not_where_room_for_more_was_kept(traffic: dict[str, Any]) -> None:
    """The same people on machines of the same kind: a spike to come, or doubt about the load, makes them no slower."""
    people = {"registered_users": 10_000, "daily_active_share": 0.5, "peak_concurrent_share": 0.1}
    plan = compute_plan(
        workload(people=people, traffic=traffic, storage=SMALL), as_of=date(2026, 11, 26), stack="banyan", worlds=100
    )
    assert plan.phases[0].binding_resource == "cpu"
    (cpu,) = [each for each in plan.triggers if each.metric == "cpu_share"]
    assert 0.6 < cpu.critical <= 0.9
