"""A file's own measurements stand in the place of the profile's figures."""

from datetime import date

import pytest

from banyan.planner.compute import compute, compute_plan
from banyan.planner.explain import explain
from banyan.planner.profile import banyan_profile, measured_by, profile_figures
from banyan.planner.quantity import Quantity
from banyan.planner.reading import read_workload
from banyan.planner.workload.models import Measurement, Workload
from banyan.planner.workload.parse import WorkloadError
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
FILE = """
name = "ours"
[people]
registered_users = 20_000
daily_active_share = 0.2
peak_concurrent_share = 0.1
"""


def measured(figure: str, value: object) -> Workload:
    return workload(measurements=[{"figure": figure, "value": value, "source": "dev/bench on ours", "as_of": DAY}])


def test_slower_cores_cost_more() -> None:
    slow, fast = (
        compute_plan(measured("cores.shared", speed), as_of=DAY, stack="banyan", worlds=20) for speed in (0.05, 2.0)
    )
    assert slow.growth["steady"][-1].cost_month > fast.growth["steady"][-1].cost_month


def test_why_says_whose_figure_it_is() -> None:
    computed = compute(measured("operations.feed.app_ms", [1, 2, 3]), as_of=DAY, stack="banyan", worlds=20)
    phase = computed.plan.phases[0].name
    inputs = {each.key: each for each in explain(computed, f"phases.{phase}.capacity.registered_users").inputs}
    assert inputs["profile.operations.feed.app_ms"].source == "dev/bench on ours, 2026-11-26"
    assert inputs["profile.operations.feed.app_ms"].value == "[1, 2, 3]"
    assert inputs["profile.database.wal_gib"].source == "configured: max_wal_size"
    assert inputs["profile.cores.shared"].source.startswith("assumed: no rented machine")
    assert inputs["profile.operations.write.app_ms"].source == banyan_profile().source


def test_every_figure_of_the_profile_can_be_measured() -> None:
    own = banyan_profile()
    for figure in profile_figures():
        changed = measured_by(own, [Measurement(figure=figure, value=Quantity.of(0.123), source="us")])
        assert changed.source_of(figure) == "us"
        assert (changed.figures, changed.operations) != (own.figures, own.operations), figure


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('figure = "cores.sharde"\nvalue = 1', "did you mean cores.shared?"),
        ('figure = "cores.shared"\nvalue = 0', "should be above 0"),
        ('figure = "memory.hot_share"\nvalue = 2', "should be a share, 0 to 1"),
        ('figure = "cores.shared"\nvalue = "fast"', "should be a number, [low, high] or [low, mid, high]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(entry: str, said: str) -> None:
    with pytest.raises(WorkloadError, match=r"^line:\d+: measurements.0.") as refused:
        read_workload(f'{FILE}[[measurements]]\n{entry}\nsource = "us"\n')
    assert said in str(refused.value)


def test_a_figure_is_measured_once() -> None:
    twice = '[[measurements]]\nfigure = "cores.shared"\nvalue = 1\nsource = "us"\n' * 2
    with pytest.raises(WorkloadError, match="is given twice"):
        read_workload(FILE + twice)
