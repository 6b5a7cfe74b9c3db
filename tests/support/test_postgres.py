"""No server outlives the process that started it, however that process ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.postgres import Cluster

_PROGRAM = """
import sys, time
from tests.support.postgres import Cluster
cluster = Cluster(int(sys.argv[1]))
cluster.start()
print(cluster.pid, cluster.directory, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_dies_with_its_owner_and_its_files_are_swept_later(postgres_major: int, how: signal.Signals) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(postgres_major)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        pid, directory = owner.stdout.readline().split()
    assert _alive(int(pid))
    owner.send_signal(how)
    owner.wait(timeout=300)
    deadline = time.monotonic() + 300
    while _alive(int(pid)):
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.02)
    assert Path(directory).exists()
    Cluster(postgres_major).remove()
    assert not Path(directory).exists()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    # An orphan that nobody reaps (a container without an init) has ended all the same.
    return state != "Z"


def test_what_asks_for_a_server_is_marked(request: pytest.FixtureRequest, postgres_major: int) -> None:
    assert request.node.get_closest_marker("postgres")


def test_what_asks_for_none_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("postgres") is None
