"""Scenarios by month."""

from datetime import date
from itertools import pairwise

import pytest

from banyan.planner.answer import answer
from banyan.planner.compute import compute
from banyan.planner.draws import Draws
from banyan.planner.growth import curves, month_after
from banyan.planner.words import money
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)


def test_months_are_counted_over_the_year() -> None:
    assert month_after("2026-11", 0) == "2026-11"
    assert month_after("2026-11", 2) == "2027-01"
    assert month_after("2026-01", 35) == "2028-12"


def test_a_curve_is_given_or_grows() -> None:
    given = {"name": "given", "registered_users_by_month": [100, 300], "start_month": "2027-03"}
    rate = {"name": "rate", "start_users": 100, "growth_per_month": 0.5, "months": 3}
    file = workload(scenarios=[given, rate])
    first, second = curves(file, Draws(1, 5), DAY)
    assert (first.months, first.users) == (("2027-03", "2027-04"), (100, 300))
    assert second.months[0] == "2026-11"
    assert second.users == pytest.approx((100, 150, 225))


def test_years_add_up_months_and_money() -> None:
    file = workload(revenue={"per_active_user_month": 0.5, "investment": 1000})
    plan = compute(file, as_of=DAY, stack="banyan", worlds=30).plan
    months = plan.growth["steady"]
    for year in plan.years["steady"]:
        part = [month for month in months if month.month.startswith(str(year.year))]
        assert year.cost == pytest.approx(sum(month.cost_month for month in part))
        assert year.revenue == pytest.approx(sum(month.revenue or 0 for month in part))
        assert year.return_share is not None


def test_nobody_moves_back_to_a_smaller_phase() -> None:
    wave = {"name": "wave", "registered_users_by_month": [1_000, 200_000, 1_000]}
    plan = compute(workload(scenarios=[wave]), as_of=DAY, stack="banyan", worlds=30).plan
    phases = [month.phase for month in plan.growth["wave"]]
    assert phases[1] == phases[2] != phases[0]


@pytest.mark.parametrize("seed", range(6))
def test_the_month_of_an_upgrade_lies_within_its_interval(seed: int) -> None:
    rapid = {"name": "rapid", "start_users": 1_000, "growth_per_month": [0.05, 0.5], "months": 36}
    plan = compute(workload(scenarios=[rapid]), as_of=DAY, stack="banyan", worlds=2, seed=seed).plan
    dated = [each for each in plan.outgrow["rapid"] if each.month is not None]
    assert dated
    for each in dated:
        assert each.month_low is not None and each.month_low <= str(each.month) <= (each.month_high or "9999")


def test_what_has_not_piled_up_yet_is_not_paid_for() -> None:
    storage = {"media_mib_per_active_user_per_day": 100, "object_store": True, "retention_months": 6}
    people = {"registered_users": 10_000, "daily_active_share": 0.1}
    flat = {"name": "flat", "registered_users_by_month": [10_000] * 9, "start_month": "2026-11"}
    file = workload(storage=storage, people=people, scenarios=[flat])
    plan = compute(file, as_of=DAY, stack="banyan", worlds=30).plan
    months = plan.growth["flat"]
    paid = [month.cost_month for month in months]
    assert all(later - sooner > 10 for sooner, later in pairwise(paid[:6]))
    assert paid[5:] == pytest.approx([paid[5]] * 4)
    # Object storage at 0.0275 EUR and backup at 0.0183 for each of the GiB that a month adds.
    added = months[1].storage_gib - months[0].storage_gib
    assert added == pytest.approx(10_000 * 0.1 * 100 * 30.4 / 1024)
    assert paid[1] - paid[0] == pytest.approx(added * (0.03 + 0.02) * 0.9167, rel=0.01)
    assert paid[5] == pytest.approx(plan.phases[0].cost_month.total)
    assert f"when it is full ({money(paid[0], 'EUR')} in the first month), good for" in answer(plan)
