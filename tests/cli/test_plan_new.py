"""`banyan plan new`: its answers give a file that can be planned."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from banyan.cli.plan import app
from banyan.cli.plan_answers import currency, figure, one_of, providers, share, single, title, zone
from banyan.cli.plan_new import QUESTIONS
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import parse_workload

PARTS = [part for question in QUESTIONS for part in question.parts]
ROOT = Path(__file__).parents[2]


def new(file: Path, answers: list[str], *options: str) -> int:
    found = CliRunner().invoke(app, ["new", str(file), *options], input="".join(f"{each}\n" for each in answers))
    return found.exit_code


def read(file: Path) -> Workload:
    return parse_workload(file.read_text()).workload


def test_there_are_eight_questions() -> None:
    assert sum(bool(question.why) for question in QUESTIONS) == 8


def test_the_defaults_give_a_file_without_errors(tmp_path: Path) -> None:
    file = tmp_path / "My Town.toml"
    assert new(file, [], "--yes") == 0
    workload = read(file)
    assert (workload.name, workload.title) == ("my-town", "My community")
    assert (workload.people.registered_users.low, workload.people.registered_users.high) == (500, 1000)
    linted = CliRunner().invoke(app, ["lint", str(file), "--as-of", "2026-11-26"])
    assert linted.exit_code == 0, linted.output


def test_wrong_answers_are_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    answers = ["Our town", "many", "9-3", "10k", "20k", "110%", "10%", "15", "dance", "talk", "4"]
    answers += ["Lagos", "Africa/Lagos", "nowhere", "hetzner, linode", "XXQ", "usd", "250", "99.9", "4"]
    assert new(file, answers) == 0
    workload = read(file)
    assert (workload.title, workload.currency, workload.time_zone) == ("Our town", "USD", "Africa/Lagos")
    assert workload.people.registered_users.mid == 10_000
    growth = workload.scenarios[0].growth_per_month
    assert growth is not None and growth.mid == pytest.approx(2 ** (1 / 12) - 1, abs=1e-4)
    assert workload.rent.providers == ["hetzner", "linode"]
    assert workload.objectives.cost_per_user_month_max == 0.025
    assert workload.backups.database_every_hours == workload.objectives.rpo_hours == 4


def test_a_file_is_never_written_over_and_an_early_end_writes_none(tmp_path: Path) -> None:
    file = tmp_path / "town.toml"
    assert new(file, ["Our town", "10k"]) == 1
    assert not file.exists()
    file.write_text("mine")
    assert new(file, [], "--yes") == 1
    assert file.read_text() == "mine"
    assert new(tmp_path / "ignored.toml", [], "--yes", "--out", str(tmp_path / "other.toml")) == 0
    assert read(tmp_path / "other.toml").name == "other"


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    """Through a pseudo terminal: what is typed is read, an empty line takes the default."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "banyan", "plan", "new", str(tmp_path / "town.toml")]
    process = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"Our town\n" + b"\n" * (len(PARTS) - 1))
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0, shown
    assert b"8. How much may go wrong?" in shown and b"[EUR]" in shown
    assert read(tmp_path / "town.toml").title == "Our town"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500", "500"), ("1.5k", "1500"), ("5-10k", "[5000, 10000]"), ("2k - 1m", "[2000, 1000000]"), ("7-7", "7")],
)
def test_figures_are_read(text: str, expected: str) -> None:
    assert figure(text) == expected


def test_shares_are_per_cent() -> None:
    assert share("10") == "0.1"
    assert share("5-15%") == "[0.05, 0.15]"


def test_what_cannot_be_is_refused() -> None:
    for reader, text in (
        (figure, "1.2.3"),
        (share, "101"),
        (title, 'a"b'),
        (title, "  "),
        (zone, "Nowhere"),
        (currency, "nothing"),
        (providers, ","),
        (single(1, 5), "2-3"),
        (single(1, 5), "6"),
        (one_of(("a", "b")), "c"),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            reader(text)
