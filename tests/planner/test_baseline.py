"""The costs of all examples: a figure that moves is looked at, and the change says why.

`python -m tests.planner.test_baseline` writes `cost_baseline.json` anew; a note in changes/ goes with it.
"""

import json
from datetime import date
from pathlib import Path

import pytest

from banyan.planner.compute import compute_plan
from banyan.planner.workload.parse import parse_workload

DAY = date(2026, 11, 26)
EXAMPLES = Path(__file__).parents[2] / "examples"
BASELINE = Path(__file__).with_name("cost_baseline.json")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.toml"))

Costs = dict[str, dict[str, float]]


def costs(name: str) -> Costs:
    """By stack and phase: the bill and how many people the phase holds."""
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    found: Costs = {}
    for stack in ("declared", "banyan"):
        plan = compute_plan(workload, as_of=DAY, stack=stack, worlds=100)
        for phase in plan.phases:
            found[f"{stack}/{phase.name}"] = {
                "cost_month": round(phase.cost_month.total, 2),
                "registered_users": round(phase.capacity.registered_users),
            }
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_moves_unseen(name: str) -> None:
    expected: Costs = json.loads(BASELINE.read_text())[name]
    computed = costs(name)
    assert list(computed) == list(expected)
    for phase, figures in computed.items():
        assert figures == pytest.approx(expected[phase], rel=1e-6), phase


def write() -> None:
    """Takes today's figures as right."""
    BASELINE.write_text(json.dumps({name: costs(name) for name in NAMES}, indent=1) + "\n")


if __name__ == "__main__":
    write()
