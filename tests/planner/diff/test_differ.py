"""What is said of two plans, and of why they differ."""

from datetime import date
from typing import Any

from banyan.planner.compute import compute_plan
from banyan.planner.diff.differ import PlanDifference, compare
from banyan.planner.plan import Plan
from banyan.planner.workload.models import Workload
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)


def planned(file: Workload) -> Plan:
    return compute_plan(file, as_of=DAY, worlds=20)


def differences(before: dict[str, Any], after: dict[str, Any]) -> PlanDifference:
    files = workload(**before), workload(**after)
    return compare(planned(files[0]), planned(files[1]), files, planned)


def test_bands_are_told_by_their_middle_and_classes_one_by_one() -> None:
    found = {each.key: each for each in differences({}, {"people": {"registered_users": 40_000}}).plan}
    told = found["demand.peak_requests_per_second"]
    assert " to " in told.before and told.change.endswith("%")
    assert any(key.startswith("demand.peak_requests_per_second_by_class.") for key in found)
    assert all(each.before != each.after for each in found.values())


def test_each_change_says_what_it_does_alone() -> None:
    found = differences(
        {"title": "ours", "objectives": {"p95_ms": 200, "availability_percent": 99.5}},
        {"title": "theirs", "people": {"registered_users": 40_000}, "objectives": {"availability_percent": 99.9}},
    )
    told = {cause.keys[0]: cause for cause in found.causes}
    more = told["people.registered_users"].text
    assert "people.registered_users rises from 8,000-12,000 to 40,000 (+300%): registered users rise from" in more
    assert "the peak rises from" in more and "takes" not in more  # the machines follow from the uptime
    strict = told["objectives.availability_percent"].text
    assert strict.startswith("objectives.availability_percent rises from 99.5 to 99.9 (+0%): the sum of 36 months")
    assert "replicated joins" in strict and "requests/s" not in strict
    assert told["title"].idle and "nothing that is planned" in told["title"].text
    assert any(each.startswith("the peak rises") for each in found.summary)
    assert any(each.startswith("replicated joins") for each in found.summary)
    assert {each.key for each in found.because} == {key for cause in found.causes for key in cause.keys}


def test_a_line_that_makes_no_file_alone_is_told_with_the_others() -> None:
    given = {"name": "steady", "registered_users_by_month": [1_000, 2_000]}
    found = differences({}, {"scenarios": [given]})
    assert any("only together with the other changes" in cause.text for cause in found.causes)
    assert any("scenarios.steady.months is gone" in cause.text for cause in found.causes)


def test_many_changes_are_told_by_section() -> None:
    section = {"weekend_factor": 0.9, "messages_per_active_user_per_day": 9, "cache_hit_share": 0.3}
    storage = {"database_kib_per_registered_user": 50, "media_mib_per_registered_user": 1, "retention_months": 24}
    people = {"registered_users": 9_000, "daily_active_share": 0.3, "peak_concurrent_share": 0.3}
    rest = {"title": "other", "egress": {"mib_per_registered_user_per_month": 9}, "currency": "USD"}
    found = differences({}, {"traffic": section, "storage": storage, "people": people, **rest})
    sections = [{key.split(".")[0] for key in cause.keys} for cause in found.causes]
    assert all(len(each) == 1 for each in sections) and len(sections) == 6
    assert not any(each.startswith("the sum of") for each in found.summary)  # in two currencies


def test_files_that_say_the_same_differ_in_nothing() -> None:
    found = differences({}, {})
    assert (found.summary, found.causes, found.plan, found.because) == ([], [], [], [])
