"""The data directory: whose it is, its lock, its secrets."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from banyan.ops.datadir import DataDirectory
from banyan.ops.errors import DirectoryInUse, DirectoryUnusable


def test_a_new_directory_shows_others_nothing(place: Path) -> None:
    directory = DataDirectory.open(place / "new" / "data")
    assert stat.S_IMODE(directory.path.stat().st_mode) in {0o700, 0o711}
    directory.secret("key")
    assert stat.S_IMODE((directory.path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((directory.path / "secrets" / "key").stat().st_mode) == 0o600


def test_a_secret_stays_the_same(place: Path) -> None:
    first = DataDirectory.open(place / "data").secret("key")
    assert len(first) >= 43
    assert DataDirectory.open(place / "data").secret("key") == first
    assert DataDirectory.open(place / "data").secret("other") != first


def test_a_secret_can_be_of_ones_own_making(place: Path) -> None:
    directory = DataDirectory.open(place / "data")
    assert directory.secret("pem", lambda: "-----BEGIN\n") == "-----BEGIN\n"
    assert directory.secret("pem", lambda: "another") == "-----BEGIN\n"


def test_a_secret_that_others_could_read_is_closed(place: Path) -> None:
    directory = DataDirectory.open(place / "data")
    directory.secret("key")
    (directory.path / "secrets" / "key").chmod(0o644)
    directory.secret("key")
    assert stat.S_IMODE((directory.path / "secrets" / "key").stat().st_mode) == 0o600


def test_those_who_ask_at_once_get_the_same_secret(place: Path) -> None:
    directory = DataDirectory.open(place / "data")
    barrier = threading.Barrier(8)
    answers: set[str] = set()

    def ask() -> None:
        barrier.wait()
        answers.add(directory.secret("key"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1
    assert [path.name for path in (directory.path / "secrets").iterdir()] == ["key"]


@pytest.mark.parametrize("name", ["", "../key", "a/b", ".hidden", "Key"])
def test_a_secrets_name_is_no_path(place: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        DataDirectory.open(place / "data").secret(name)


def test_the_lock_is_held_by_one_and_ends_with_its_holder(place: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from banyan.ops.datadir import DataDirectory;"
        "DataDirectory.open(Path(sys.argv[1])).lock(); print(flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(place / "data")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        directory = DataDirectory.open(place / "data")
        with pytest.raises(DirectoryInUse, match=rf"process {holder.pid}\b"):
            directory.lock()
        holder.kill()
    directory.lock()
    directory.unlock()


def test_somebody_elses_directory_is_refused(place: Path) -> None:
    (place / "thesis.txt").write_text("important")
    with pytest.raises(DirectoryUnusable, match="neither empty nor"):
        DataDirectory.open(place)
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_a_fresh_disk_may_hold_lost_and_found(place: Path) -> None:
    (place / "lost+found").mkdir()
    DataDirectory.open(place).secret("key")
    DataDirectory.open(place).secret("key")


def test_settings_may_be_written_before_the_first_start(place: Path) -> None:
    (place / "banyan.toml").write_text("[community]\nname = 'Elm Street'\n")
    DataDirectory.open(place).secret("key")
    DataDirectory.open(place).secret("key")


def test_a_file_in_the_way(place: Path) -> None:
    (place / "file").touch()
    for path in (place / "file", place / "file" / "data"):
        with pytest.raises(DirectoryUnusable, match="needs to be a directory"):
            DataDirectory.open(path)
