"""What a build shows while it runs."""

import io

import pytest
from rich.console import Console

from banyan.demo import progress
from banyan.demo.progress import ProgressLog


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_a_bar_with_a_rate() -> None:
    console = terminal()
    with ProgressLog(console, plain=False).step("Posts", "posts", 0, 2_000) as advance:
        advance(1_000)
        advance(2_000)
    assert "Posts" in shown(console)
    assert "100%" in shown(console)
    assert "posts/s" in shown(console)


@pytest.mark.parametrize("console", [terminal(), Console(file=io.StringIO())])
def test_scripts_get_lines(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY_SECONDS", 0.0)
    with ProgressLog(console, plain=True).step("Posts", "posts", 500, 2_000) as advance:
        advance(1_000)
    lines = shown(console).splitlines()
    assert lines[0] == "Posts: 1,000 of 2,000 posts"
    assert lines[1].startswith("Posts: 2,000 posts in 0.0 s (")
    assert "\x1b" not in shown(console)


def test_a_step_that_fails_is_not_told_as_done() -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(OSError, match="full"), ProgressLog(console, plain=True).step("Posts", "posts", 0, 9):
        raise OSError("disk full")
    assert shown(console) == ""


def test_one_thing_has_no_rate() -> None:
    for plain, console in ((True, Console(file=io.StringIO())), (False, terminal())):
        with ProgressLog(console, plain=plain).step("Statistics", "database", 0, 1) as advance:
            advance(1)
        assert "Statistics" in shown(console)
        assert "database/s" not in shown(console)
        assert "per second" not in shown(console)
