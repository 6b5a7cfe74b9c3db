"""Log lines reach the stream that is in use, whatever became of an earlier one."""

import io
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from banyan.infra.log import LogStream


def test_a_replaced_and_closed_stderr_does_not_break_later_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = LogStream.to_stderr()
    first, second = (io.TextIOWrapper(io.BytesIO()) for _ in range(2))
    monkeypatch.setattr(sys, "stderr", first)
    stream.write("one\n")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    stream.write("two\n")
    assert second.buffer.getvalue() == b"two\n"


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    lost = counted()
    stream = LogStream.to_file(Path("/dev/full"))
    stream.write("a line that has no room\n")
    stream.flush()
    assert counted() == lost + 1
    with suppress(OSError):
        stream._file.close()


def counted() -> float:
    return REGISTRY.get_sample_value("banyan_log_failed_writes_total") or 0.0


def test_colours_are_for_terminals() -> None:
    assert not LogStream.to_stderr().is_terminal


def test_a_full_file_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banyan.infra.log._LOG_FILE_BYTES", 10)
    path = tmp_path / "banyan.log"
    stream = LogStream.to_file(path)
    for line in ("more than ten bytes\n", "next\n"):
        stream.write(line)
        stream.flush()
    stream._file.close()
    assert path.read_text() == "next\n"
    assert (tmp_path / "banyan.log.1").read_text() == "more than ten bytes\n"
