"""`banyan plan new`: its answers give a file that can be planned."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from banyan.cli.plan import app
from banyan.cli.plan_new import QUESTIONS, figure, share
from banyan.planner.workload.parse import parse_workload


def new(file: Path, answers: list[str], *options: str) -> int:
    found = CliRunner().invoke(app, ["new", str(file), *options], input="\n".join(answers) + "\n")
    return found.exit_code


def test_the_defaults_give_a_file(tmp_path: Path) -> None:
    file = tmp_path / "My Town.toml"
    assert new(file, [""] * len(QUESTIONS)) == 0
    workload = parse_workload(file.read_text()).workload
    assert workload.name == "my-town"
    assert (workload.people.registered_users.low, workload.people.registered_users.high) == (500, 1000)


def test_a_wrong_answer_is_asked_again_and_a_file_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    assert new(file, ["many", "9-3", "12k", "8", "10%", "15", "30", "4", "250", "Africa/Lagos"]) == 0
    workload = parse_workload(file.read_text()).workload
    assert workload.people.registered_users.mid == 12_000
    assert workload.scenarios[0].growth_per_month is not None and workload.scenarios[0].growth_per_month.mid == 0.08
    assert new(file, [""] * len(QUESTIONS)) == 1
    assert parse_workload(file.read_text()).workload.people.registered_users.mid == 12_000
    assert new(file, [""] * len(QUESTIONS), "--force") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500", "500"), ("1.5k", "1500"), ("5-10k", "[5000, 10000]"), ("2k - 1m", "[2000, 1000000]"), ("7-7", "7")],
)
def test_figures_are_read(text: str, expected: str) -> None:
    assert figure(text) == expected


def test_shares_are_per_cent() -> None:
    assert share("10") == "0.1"
    assert share("5-15%") == "[0.05, 0.15]"
