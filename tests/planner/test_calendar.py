"""Upgrades are put into the people's quietest hours."""

from datetime import date

from banyan.planner.calendar import quietest_hour, window
from banyan.planner.demand import hourly_shares
from tests.planner.workloads import workload


def test_a_usual_night_begins_at_two() -> None:
    file = workload(traffic={"peak_hours": [[7, 9], [12, 14], [18, 22]]})
    assert quietest_hour(hourly_shares(file)) == 2


def test_night_workers_are_spared() -> None:
    weights = [5.0] * 24
    weights[13:16] = [1.0, 1.0, 1.0]
    assert quietest_hour(hourly_shares(workload(traffic={"hourly_weights": weights}))) == 13


def test_the_window_is_the_last_quiet_one_before_the_day() -> None:
    file = workload(traffic={"peak_hours": [[8, 20]], "weekend_factor": 0.7})
    assert window(file, hourly_shares(file), date(2027, 2, 1))[0] == "2027-01-31T02:00:00+01:00"  # a Sunday
    busy = workload(traffic={"peak_hours": [[8, 20]], "weekend_factor": 1.4})
    assert window(busy, hourly_shares(busy), date(2027, 2, 1))[0].startswith("2027-01-26")  # a Tuesday
