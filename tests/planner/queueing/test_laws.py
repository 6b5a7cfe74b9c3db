"""The small laws."""

from math import inf

import pytest

from banyan.planner.queueing.exact import erlang_c
from banyan.planner.queueing.laws import (
    in_progress,
    most_useful_servers,
    replicas_wanted,
    scaled_throughput,
    square_root_staffing,
)


def test_little() -> None:
    assert in_progress(200, 0.05) == pytest.approx(10)


def test_scalability_peaks_where_it_says() -> None:
    peak = most_useful_servers(0.05, 0.001)
    assert peak == pytest.approx(30.82, abs=0.01)
    best = scaled_throughput(100, 0.05, 0.001, peak)
    assert best > scaled_throughput(100, 0.05, 0.001, peak - 1)
    assert best > scaled_throughput(100, 0.05, 0.001, peak + 1)
    assert scaled_throughput(100, 0, 0, 8) == 800
    assert most_useful_servers(0.05, 0) == inf


def test_square_root_staffing_is_too_few_for_a_small_load() -> None:
    # Of an offered load of 1, at most 5% shall wait: the rule says 3, of whom 9% wait.
    assert square_root_staffing(1, 1.65) == 3
    assert float(erlang_c(3, 1.0)) > 0.05 > float(erlang_c(4, 1.0))


def test_the_autoscaler_leaves_small_differences_alone() -> None:
    assert replicas_wanted(4, 0.75, 0.7) == 4
    assert replicas_wanted(4, 0.9, 0.7) == 6
    assert replicas_wanted(4, 0.3, 0.7) == 2
