"""PostgreSQL stops, is away, hangs or crashes under load: 503 with a time to retry, then all is well by itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from banyan.infra.database.migrate import migrate
from banyan.infra.database.settings import DatabaseSettings
from banyan.ops import processes
from tests.faults.conftest import ENVIRONMENT
from tests.faults.crowd import Crowd, Seen, crowd_at
from tests.faults.ledger import wait_until_done
from tests.support.banyan import PATIENCE_SECONDS, Installation, connected
from tests.support.eventually import eventually
from tests.support.postgres import Cluster

_MEMBERS = 6
# Short, so that the refusals of a long outage are seen within a few seconds; long enough for a slow machine to start.
_PATIENCE = {
    "BANYAN_DATABASE__ACQUIRE_TIMEOUT_SECONDS": "2",
    "BANYAN_DATABASE__CONNECT_TIMEOUT_SECONDS": "3",
    "BANYAN_DATABASE__STATEMENT_TIMEOUT_SECONDS": "3",
}
# What the settings above allow one statement (3 s and 2 s of margin) after one wait, and as much again several times
# for a machine that does other things.
_LONGEST_SECONDS = 60.0
_HEALED_SECONDS = 60.0
# What a refusal says that has not waited for a connection; after a wait it says 1.
_RETRY_AFTER_SECONDS = 2


@pytest.fixture
async def served(own_cluster: Cluster, tmp_path: Path) -> AsyncIterator[Installation]:
    """An API process, and a worker with the scheduler, on a server that the test may stop."""
    url = own_cluster.url("postgres")
    await migrate(DatabaseSettings(url=SecretStr(url)))
    installation = Installation(tmp_path, url, ENVIRONMENT | _PATIENCE)
    try:
        await installation.start("api")
        await installation.start("worker,scheduler")
        yield installation
    finally:
        installation.kill()


class Outage:
    """Looks at what the crowd saw during an outage and after it."""

    def __init__(self, crowd: Crowd, url: str) -> None:
        self.crowd = crowd
        self.url = url
        self.began = time.monotonic()
        self.readiness: set[int] = set()

    async def last(self, seconds: float, refusals: int = 0) -> None:
        """So long, and until so many were refused."""
        async with httpx.AsyncClient(base_url=self.url, timeout=120) as http:
            began = time.monotonic()
            while time.monotonic() < began + seconds or len(self.refusals_since(began)) < refusals:
                assert time.monotonic() < began + PATIENCE_SECONDS, f"not refused: {self.crowd.outcomes}"
                assert (await http.get("/healthz")).status_code == 200
                self.readiness.add((await http.get("/readyz")).status_code)
                await self.crowd.go_on(0.2)

    async def refuses_at_once(self, refusals: int) -> None:
        """Lasts until nobody waits for a connection any more: so many in turn are refused without."""
        began = time.monotonic()
        while True:
            late = time.monotonic()
            await self.last(0, refusals)
            if all(one.retry_after_seconds == _RETRY_AFTER_SECONDS for one in self.refusals_since(late)):
                return
            assert late < began + PATIENCE_SECONDS, "they still wait"

    async def is_over(self) -> None:
        """Everybody gets answers again, soon."""
        over = time.monotonic()
        await self.crowd.be_answered(5 * _MEMBERS)
        healed_after = time.monotonic() - over
        seen = self.crowd.since(self.began)
        print(f"healed after {healed_after:.2f} s, longest {max(one.seconds for one in seen):.2f} s", end=", ")
        print(f"answers {dict(self.crowd.outcomes)}")
        assert healed_after < _HEALED_SECONDS
        async with httpx.AsyncClient(base_url=self.url, timeout=120) as http:

            async def is_ready() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await eventually(is_ready)

    def refusals_since(self, moment: float) -> list[Seen]:
        return [one for one in self.crowd.since(moment) if one.outcome == 503]


@asynccontextmanager
async def busy(served: Installation, cluster: Cluster) -> AsyncIterator[Crowd]:
    """A crowd at work; afterwards it finds all that it was promised."""
    [api, *_] = served.servers
    async with crowd_at(lambda: api.url, _MEMBERS, seed=int(time.time())) as crowd:
        await crowd.be_answered(30)
        yield crowd
        await crowd.be_answered(30)
        await crowd.leave()
        async with connected(lambda: cluster.url("postgres")) as connection:
            await wait_until_done(connection)
            await crowd.ledger.check_exact(connection)
        await crowd.ledger.check_feeds(api.url, crowd.tokens)
        await crowd.check_replays()
    # The API process never died, so every request had an answer: one of these, and soon.
    assert set(crowd.outcomes) <= {200, 201, 204, 404, 503}
    assert max(one.seconds for one in crowd.seen) < _LONGEST_SECONDS
    for server in served.servers:
        assert server.child.process.poll() is None
        assert "Traceback" not in server.child.stderr and "request_failed" not in server.child.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_stopped_away_and_started(served: Installation, own_cluster: Cluster, how: signal.Signals) -> None:
    async with busy(served, own_cluster) as crowd:
        outage = Outage(crowd, served.servers[0].url)
        await asyncio.to_thread(own_cluster.stop, how)
        await outage.last(3, refusals=_MEMBERS)
        await outage.refuses_at_once(_MEMBERS)
        await asyncio.to_thread(own_cluster.start)
        await outage.is_over()
        assert outage.readiness == {503}


async def test_a_short_restart_is_hardly_noticed(served: Installation, own_cluster: Cluster) -> None:
    async with busy(served, own_cluster) as crowd:
        for _ in range(3):
            outage = Outage(crowd, served.servers[0].url)
            await asyncio.to_thread(own_cluster.restart)
            await outage.is_over()


async def test_a_session_killed(served: Installation, own_cluster: Cluster) -> None:
    """The server ends all others and recovers from its log."""
    async with busy(served, own_cluster) as crowd:
        for _ in range(2):
            outage = Outage(crowd, served.servers[0].url)
            await eventually(lambda: _end_the_busiest(own_cluster, signal.SIGKILL))
            await outage.is_over()


async def test_a_server_that_hangs(served: Installation, own_cluster: Cluster) -> None:
    async with busy(served, own_cluster) as crowd:
        outage = Outage(crowd, served.servers[0].url)
        with _hanging(processes.of_cluster(own_cluster.directory / "data")):
            await outage.last(6, refusals=_MEMBERS)
        await outage.is_over()
        assert 503 in outage.readiness


async def test_only_its_postmaster_hangs(served: Installation, own_cluster: Cluster) -> None:
    """Sessions that are open go on; new ones cannot be had, and nobody may wait for them for ever."""
    async with busy(served, own_cluster) as crowd:
        outage = Outage(crowd, served.servers[0].url)
        with _hanging([own_cluster.pid]):
            await outage.last(2)
            _end_the_busiest(own_cluster, signal.SIGTERM)
            await outage.last(2)
        await outage.is_over()


def _end_the_busiest(cluster: Cluster, how: signal.Signals) -> bool:
    """The session of the API process that has used most time; False when there is none, or it has just ended."""
    ticks: dict[int, int] = {}
    for pid in processes.of_cluster(cluster.directory / "data"):
        with suppress(OSError):
            if "banyan postgres" in _title(pid):
                ticks[pid] = _ticks(pid)
    if not ticks:
        return False
    try:
        os.kill(max(ticks, key=ticks.__getitem__), how)
    except ProcessLookupError:
        return False
    return True


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@contextmanager
def _hanging(ids: list[int]) -> Iterator[None]:
    for pid in ids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in ids:
            os.kill(pid, signal.SIGCONT)
