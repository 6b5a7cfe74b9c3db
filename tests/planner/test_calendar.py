"""Upgrades are put into the people's quietest hours."""

from datetime import date, timedelta
from typing import Any

from banyan.planner.answer import two_schedules
from banyan.planner.calendar import quietest_hour, window
from banyan.planner.compute import compute_plan
from banyan.planner.demand import hourly_shares
from banyan.planner.plan import Plan
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)  # a Thursday


def test_a_usual_night_begins_at_two() -> None:
    file = workload(traffic={"peak_hours": [[7, 9], [12, 14], [18, 22]]})
    assert quietest_hour(hourly_shares(file)) == 2


def test_night_workers_are_spared() -> None:
    weights = [5.0] * 24
    weights[13:16] = [1.0, 1.0, 1.0]
    assert quietest_hour(hourly_shares(workload(traffic={"hourly_weights": weights}))) == 13


def test_the_window_is_the_last_quiet_one_before_the_day() -> None:
    file = workload(traffic={"peak_hours": [[8, 20]], "weekend_factor": 0.7})
    assert window(file, hourly_shares(file), date(2027, 2, 1), DAY)[0] == "2027-01-31T02:00:00+01:00"  # a Sunday
    busy = workload(traffic={"peak_hours": [[8, 20]], "weekend_factor": 1.4})
    assert window(busy, hourly_shares(busy), date(2027, 2, 1), DAY)[0].startswith("2027-01-26")  # a Tuesday


def test_a_window_that_has_passed_is_the_next_one_from_today_on() -> None:
    quiet = workload(traffic={"peak_hours": [[8, 20]], "weekend_factor": 0.7})
    for month in (date(2024, 1, 1), date(2026, 11, 1), date(2026, 12, 1)):
        assert window(quiet, hourly_shares(quiet), month, DAY)[0].startswith("2026-11-29")  # the Sunday
    sunday = date(2026, 11, 29)
    assert window(quiet, hourly_shares(quiet), date(2026, 12, 1), sunday)[0].startswith("2026-12-06")


def phase(name: str, users: tuple[int, int | None], disk_gb: float) -> dict[str, Any]:
    machine = {"role": "all", "vcpu": 8, "ram_gib": 16, "disk_gb": disk_gb, "price_month": 10}
    return {"name": name, "from_users": users[0], "to_users": users[1], "machines": [machine]}


def declared(*disks_gb: float) -> Plan:
    """Three phases of a document that moves at 50,000 and 90,000 users, 20,000 people who double in a year, 5 GiB for
    each thousand of them."""
    ends = ((0, 50_000), (50_000, 90_000), (90_000, None))
    file = workload(
        people={"registered_users": 20_000},
        storage={"database_kib_per_registered_user": 0, "media_mib_per_registered_user": 5},
        phases=[phase(name, end, disk) for name, end, disk in zip("abc", ends, disks_gb, strict=True)],
        scenarios=[{"name": "steady", "start_users": 20_000, "growth_per_month": 0.06, "months": 36}],
    )
    return compute_plan(file, as_of=DAY, worlds=20)


def test_what_no_longer_holds_is_left_now_and_not_when_the_document_says() -> None:
    first, *rest = declared(60, 2000, 2000).upgrades
    assert (first.from_phase, first.to_phase, first.month, first.resource) == ("a", "b", "2026-11", "disk")
    assert first.order_by == DAY
    begins = date.fromisoformat(first.window_start[:10])
    assert DAY < begins <= DAY + timedelta(days=7)
    assert [(each.from_phase, each.to_phase, each.resource) for each in rest] == [("b", "c", "stated_users")]


def test_growth_says_beside_the_documents_phase_the_one_that_is_needed() -> None:
    plan = declared(60, 2000, 2000)
    months = plan.growth["steady"]
    assert (months[0].phase, months[0].needed_phase) == ("a", "b")
    assert (months[-1].phase, months[-1].needed_phase) == ("c", "c")
    moves = {each.month: each.to_phase for each in plan.upgrades}
    assert all(month.needed_phase == moves.get(month.month, month.needed_phase) for month in months)
    assert "earlier: steady from Nov 2026" in two_schedules(plan)
    assert two_schedules(declared(2000, 2000, 2000)) == ""


def test_a_phase_that_would_not_hold_either_is_passed_over() -> None:
    assert [(each.from_phase, each.to_phase) for each in declared(60, 60, 2000).upgrades] == [("a", "c")]


def test_what_holds_is_left_when_the_document_says() -> None:
    found = declared(2000, 2000, 2000).upgrades
    assert [(each.from_phase, each.to_phase) for each in found] == [("a", "b"), ("b", "c")]
    assert all(each.resource == "stated_users" and each.order_by > DAY for each in found)
