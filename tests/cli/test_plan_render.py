"""`banyan plan render` as it is typed."""

from pathlib import Path

import pytest

from banyan.cli.plan import run

EXAMPLES = Path(__file__).parents[2] / "examples"


def render(*arguments: object, file: str = "mecabal") -> int:
    """Runs the command; returns its status."""
    with pytest.raises(SystemExit) as ended:
        run(["render", str(EXAMPLES / f"{file}.toml"), "--worlds", "10", *map(str, arguments)], "banyan plan")
    return int(ended.value.code or 0)


def test_files_are_written_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render("--phase", "mvp", "--out", tmp_path / "new", "--domain", "mecabal.example") == 0
    written = {str(path) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    said = capsys.readouterr()
    assert f"Wrote {len(written)} files" in said.out + said.err
    (nginx,) = (tmp_path / "new").rglob("nginx.conf")
    assert "server_name mecabal.example;" in nginx.read_text()


def test_what_cannot_be_rendered_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render("--phase", "huge", "--out", tmp_path) == 2
    assert "no phase huge" in capsys.readouterr().err
    assert render("--phase", "mvp", "--out", tmp_path, "--domain", "a b") == 2


def test_a_cluster_is_refused_with_the_phases_that_can_be_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--phase", "phase-3", "--stack", "declared", "--out", tmp_path / "new")
    assert render(*arguments, file="chitlaq") == 2
    said = capsys.readouterr().err
    assert "no files for the shape cluster" in said
    assert "Phases that there are files for: baseline, phase-1, phase-2." in said
    assert not (tmp_path / "new").exists()
