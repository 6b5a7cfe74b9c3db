"""`banyan plan` as it is typed."""

import json
from pathlib import Path

import pytest

from banyan.cli.plan import run

ROOT = Path(__file__).parents[2]
MECABAL = ROOT / "examples" / "mecabal.toml"


def plan(*arguments: object) -> int:
    """Runs the command; returns its status."""
    with pytest.raises(SystemExit) as ended:
        run([str(each) for each in arguments], "banyan plan")
    return int(ended.value.code or 0)


def test_the_short_form_is_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(MECABAL, "--format", "json", "--as-of", "2026-11-26") == 0
    short = capsys.readouterr().out
    assert plan("show", MECABAL, "--format", "json", "--as-of", "2026-11-26") == 0
    assert capsys.readouterr().out == short
    assert json.loads(short)["phases"][0]["cost_month"]["total"] == 55


def test_the_table_begins_with_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(MECABAL, "--stack", "banyan", "--worlds", 20) == 0
    out = capsys.readouterr().out
    assert out.count("every phase with object storage") == 1
    assert "Begin with 1 x" in out and "outgrown" in out and "Upgrade calendar" in out and "seed 1" in out


def test_of_very_many_mistakes_the_first_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("[people]\n" + "".join(f"k{number} = 1\n" for number in range(3_000)))
    assert plan("lint", file) == 2
    lines = capsys.readouterr().err.splitlines() or capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    assert lines[-1] == f"{file}: and 2,902 more"


def test_what_a_file_does_not_describe_is_not_made_up(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    assert plan("new", file, "--yes") == 0
    assert plan(file, "--stack", "declared") == 2
    assert "describes no [stack] and no [[phases]]" in "".join(capsys.readouterr())


def test_a_figure_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("show", MECABAL, "--why", "phases.mvp.cost_month.total") == 0
    out = capsys.readouterr().out
    assert "= 55" in out and "backup storage = 5.00" in out


def test_the_plan_is_also_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("show", MECABAL, "--format", "json", "--out", tmp_path / "new", "--worlds", 20) == 0
    assert (tmp_path / "new" / "plan.json").read_text() == capsys.readouterr().out


def test_mistakes_are_named_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('name = "bad"\n\n[people]\nregistred_users = 5\n')
    assert plan(file) == 2
    assert f"{file}:4: people.registred_users: unknown key" in capsys.readouterr().err
    assert plan(tmp_path / "none.toml") == 2
    assert plan(MECABAL, "--scenario", "wild") == 2
    assert "steady" in capsys.readouterr().err
    assert plan(MECABAL, "--as-of", "soon") == 2
    assert plan(MECABAL, "--why", "phases.big") == 2


def test_lint_names_what_is_wrong_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("lint", MECABAL, "--as-of", "2026-11-26") == 1
    out = capsys.readouterr().out
    assert f"{MECABAL}:" in out and "error" in out
    clean = tmp_path / "clean.toml"
    clean.write_text('name = "clean"\n\n[people]\nregistered_users = 500\ndaily_active_share = 0.1\n')
    assert plan("lint", clean, "--as-of", "2026-11-26", "--format", "json") == 0
    assert {each["severity"] for each in json.loads(capsys.readouterr().out)} <= {"warning", "note"}


def test_a_phase_becomes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "files"
    assert plan("render", MECABAL, "--phase", "single", "--stack", "banyan", "--out", out, "--worlds", 20) == 0
    names = {path.name for path in out.rglob("*") if path.is_file()}
    assert {"README.md", "UPGRADE.md", "postgresql.conf", "nginx.conf"} <= names
    assert plan("render", MECABAL, "--phase", "huge", "--out", out) == 2
    assert "mvp" in capsys.readouterr().err


def test_a_variant_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variant = tmp_path / "variant.toml"
    variant.write_text(MECABAL.read_text().replace("amount_month = 2\n", "amount_month = 4\n"))
    assert plan("diff", MECABAL, variant) == 0
    out = capsys.readouterr().out
    assert "phases.mvp.cost_month.total: 55 -> 57" in out
    out = " ".join(out.split())
    assert "amount_month rises from 2 to 4 (+100%)" in out and "57 USD a month instead of 55 USD (+4%)" in out
    assert plan("diff", MECABAL, variant, "--format", "json") == 0
    (cause,) = json.loads(capsys.readouterr().out)["causes"]
    assert cause["text"].startswith(cause["keys"][0]) and cause["effects"]
    assert plan("diff", MECABAL, MECABAL) == 0
    assert "the same" in capsys.readouterr().out
