"""`banyan plan render` as it is typed."""

from pathlib import Path

import pytest

from banyan.cli.plan import run

MECABAL = Path(__file__).parents[2] / "examples" / "mecabal.toml"


def render(*arguments: object) -> int:
    """Runs the command; returns its status."""
    with pytest.raises(SystemExit) as ended:
        run(["render", str(MECABAL), "--worlds", "10", *map(str, arguments)], "banyan plan")
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
