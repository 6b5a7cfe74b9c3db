"""What is said of two plans."""

from datetime import date

from banyan.planner.compute import compute
from banyan.planner.differ import compare
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)


def test_bands_are_told_by_their_middle_and_classes_one_by_one() -> None:
    files = (workload(), workload(people={"registered_users": 40_000}))
    plans = [compute(each, as_of=DAY, stack="banyan", worlds=20).plan for each in files]
    found = {each.key: each for each in compare(plans[0], plans[1], files).plan}
    told = found["demand.peak_requests_per_second"]
    assert " to " in told.before and told.change.endswith("%")
    assert any(key.startswith("demand.peak_requests_per_second_by_class.") for key in found)
    assert all(each.before != each.after for each in found.values())
