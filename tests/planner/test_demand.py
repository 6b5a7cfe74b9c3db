"""From people to load, by hand."""

import numpy as np
import pytest

from banyan.planner.demand import Load, build_load, hourly_shares, week_share
from banyan.planner.draws import Draws
from banyan.planner.profile import banyan_profile, declared_profile
from banyan.planner.workload.models import Stack, Workload

PEOPLE = {"registered_users": 10_000, "daily_active_share": 0.2, "peak_concurrent_share": 0.1}


def load_of(**sections: object) -> Load:
    file = Workload.model_validate({"name": "town", "people": PEOPLE, **sections})
    return build_load(file, banyan_profile(), Draws(1, 8))


def test_operations_make_the_busiest_hour() -> None:
    weights = [1.0] * 23 + [3.0]
    operations = {"feed": {"like": "feed", "per_active_user_per_day": 26}}
    load = load_of(traffic={"operations": operations, "hourly_weights": weights})
    # 2,000 people x 26 feeds x 3/26 of the day in one hour.
    assert load.requests[0] * 10_000 == pytest.approx(2_000 * 26 * 3 / 26 / 3600)


def test_a_declared_peak_is_shared_out_over_operations() -> None:
    operations = {
        "feed": {"like": "feed", "per_active_user_per_day": 30},
        "post": {"like": "write", "per_active_user_per_day": 10},
    }
    load = load_of(traffic={"operations": operations, "peak_requests_per_second": 40})
    assert load.requests[0] * 10_000 == pytest.approx(40)
    assert load.requests_by_class["feed"][0] * 10_000 == pytest.approx(30)
    assert load.write_share[0] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("declared", "daily"),
    [
        ({"requests_per_registered_user_per_day": 100}, 100),
        ({"requests_per_active_user_per_day": 100}, 20),
        ({"requests_per_registered_user_per_day": 100, "requests_per_active_user_per_day": 70}, 100),
    ],
)
def test_requests_declared_by_day_count_before_operations(declared: dict[str, float], daily: float) -> None:
    operations = {
        "feed": {"like": "feed", "per_active_user_per_day": 30},
        "post": {"like": "write", "per_active_user_per_day": 10},
    }
    load = load_of(traffic={"operations": operations, "hourly_weights": [1.0] * 24, **declared})
    assert load.requests[0] == pytest.approx(daily / 24 / 3600)
    assert load.requests_by_class["feed"][0] == pytest.approx(0.75 * daily / 24 / 3600)
    assert load.requests_per_month[0] == pytest.approx(daily * 30.4)
    load = load_of(traffic={**declared, "hourly_weights": [1.0] * 24, "peak_requests_per_second": 40})
    assert load.requests[0] * 10_000 == pytest.approx(40)
    assert load.requests_per_month[0] == pytest.approx(daily * 30.4)


@pytest.mark.parametrize("hours", [{}, {"peak_hours": [[18, 22]]}])
def test_the_peak_hour_is_its_factor_over_the_mean_hour(hours: dict[str, object]) -> None:
    traffic = {"requests_per_active_user_per_day": 24, "peak_hour_factor": [2, 4], **hours}
    file = Workload.model_validate({"name": "town", "people": PEOPLE, "traffic": traffic})
    assert max(hourly_shares(file)) == pytest.approx(3 / 24)
    rates = load_of(traffic=traffic).requests * 10_000
    mean = 2_000 * 24 / 24 / 3600
    assert np.all((rates >= 2 * mean) & (rates <= 4 * mean)) and rates.min() < rates.max()


def test_a_peak_hour_never_has_more_than_the_day() -> None:
    for factor in (0, 0.5, 1, 1.4, 30):
        traffic = {"peak_hours": [[8, 20]], "peak_hour_factor": factor}
        file = Workload.model_validate({"name": "town", "people": PEOPLE, "traffic": traffic})
        shares = hourly_shares(file)
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= 0
        assert shares[8] == pytest.approx(max(shares))


def test_sessions_give_who_is_there_by_littles_law() -> None:
    people = {
        "registered_users": 10_000,
        "daily_active_share": 0.2,
        "sessions_per_active_user_per_day": 4,
        "session_minutes": 15,
    }
    load = load_of(people=people, traffic={"hourly_weights": [1.0] * 24})
    assert load.concurrent[0] * 10_000 == pytest.approx(2_000 * 4 / 24 * 15 / 60)


def test_what_is_kept_is_the_larger_of_the_ways_to_say_it() -> None:
    records = [{"name": "posts", "bytes_each": 1024, "per_registered_user": 1024}]
    load = load_of(storage={"records": records, "database_kib_per_registered_user": 2048})
    assert load.database_gib[0] == pytest.approx(2 / 1024)
    load = load_of(storage={"media_mib_per_active_user_per_day": 1, "retention_months": 2})
    assert load.media_gib[0] == pytest.approx(0.2 * 30.4 * 2 / 1024)


def test_a_spike_and_a_weekend() -> None:
    file = Workload.model_validate({"name": "town", "people": PEOPLE, "traffic": {"weekend_factor": 0.3}})
    assert week_share(file) == pytest.approx((5 + 0.6) / 7)
    load = load_of(traffic={"spikes": [{"name": "fair", "factor": [2, 4], "hours_per_month": 3}]})
    assert np.all((load.spike_factor >= 2) & (load.spike_factor <= 4))


def test_hours_add_up_to_a_day() -> None:
    for traffic in ({}, {"peak_hours": [[22, 2]]}, {"hourly_weights": [0.0] * 24}):
        file = Workload.model_validate({"name": "town", "people": PEOPLE, "traffic": traffic})
        assert sum(hourly_shares(file)) == pytest.approx(1)


def test_a_claimed_rate_is_the_time_of_a_request() -> None:
    profile = declared_profile(Stack.model_validate({"kind": "node", "requests_per_second_per_vcpu": 100}))
    cost = profile.operation("feed")
    assert cost.app_ms.mid + cost.database_ms.mid == pytest.approx(10)
