"""The command line as a whole: help in every way that people ask for it, and figures that they can read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from banyan.cli import COMMANDS, main
from banyan.cli.output import duration


def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """The status and everything that was said."""
    monkeypatch.setattr(sys, "argv", ["banyan", *arguments])
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    return status, said.out + said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, words = ask(monkeypatch, capsys, name, "--help")
    assert status == 0
    assert f"Usage: banyan {name}" in words
    for other in ((name, "-h"), ("help", name)):
        assert ask(monkeypatch, capsys, *other) == (0, words)


def test_help_of_all_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, words = ask(monkeypatch, capsys)
    assert status == 0
    assert all(f"  {name} " in words for name in COMMANDS)
    for other in ("help", "-h", "--help"):
        assert ask(monkeypatch, capsys, other) == (0, words)


def test_a_command_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, words = ask(monkeypatch, capsys, "statsu")
    assert status == 2
    assert "Did you mean `status`?" in words


@pytest.mark.parametrize("command", [["--help"], ["up", "--help"], ["plan", "--help"]])
def test_who_reads_no_further_hears_nothing(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", "banyan", *command], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode != 0, ended.stderr) == (True, b"")


def test_a_full_disk_is_said_in_a_line() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "banyan", "--help"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, b"banyan: No space left on device\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 0 s"),
        (3_725, "1 h 2 min"),
        (86_399.6, "1 d 0 h"),
        (1_234_567, "14 d 6 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
