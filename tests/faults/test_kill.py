"""kill -9 at random points under writes and jobs: of `banyan up`, of its PostgreSQL, of both.

BANYAN_TEST_KILLS is their number over all tests here, BANYAN_TEST_SEED repeats a run's choices.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import defaultdict

import httpx
import pytest

from tests.faults.crowd import Crowd, Member, crowd_at
from tests.faults.ledger import wait_until_done
from tests.support.banyan import PATIENCE_SECONDS, House
from tests.support.eventually import eventually

KILLS = int(os.environ.get("BANYAN_TEST_KILLS", "50"))
SEED = int(os.environ.get("BANYAN_TEST_SEED", random.SystemRandom().randrange(10**6)))
_MEMBERS = 5
# So long they may write before the next kill.
_CALM_SECONDS = 0.6
# How a request ends whose server dies.
_TORN = {"ConnectError", "ReadError", "WriteError", "RemoteProtocolError"}


class Killer:
    """Kills and starts again; `seconds` holds how long each took to serve again."""

    def __init__(self, house: House, draw: random.Random) -> None:
        self._house = house
        self._draw = draw
        self.seconds: dict[str, list[float]] = defaultdict(list)

    async def strike(self, kind: str | None = None) -> None:
        """Kills one of them or both, at random unless it is said."""
        kinds = {"banyan": self._kill_banyan, "postgres": self._kill_postgres, "both": self._kill_both}
        if kind is None:
            [kind] = self._draw.choices(list(kinds), (40, 35, 25))
        began = time.monotonic()
        await kinds[kind]()
        self.seconds[kind].append(time.monotonic() - began)

    def __str__(self) -> str:
        return ", ".join(
            f"{len(seconds)} x {kind} (serves again after {min(seconds):.1f} to {max(seconds):.1f} s)"
            for kind, seconds in sorted(self.seconds.items())
        )

    async def _kill_banyan(self) -> None:
        """The kernel then stops PostgreSQL in order; the next start may come while it still does."""
        self._house.kill()
        await self._start_again()

    async def _kill_postgres(self) -> None:
        """Its sessions go on until they notice; `up` starts it again by itself, maybe not before the next kill."""
        self._kill_postmaster()
        if self._draw.random() < 0.8:
            await _ready(self._house)

    async def _kill_both(self) -> None:
        # Stopped first, so that it does not start PostgreSQL again in between.
        self._house.child.send(signal.SIGSTOP)
        self._kill_postmaster()
        self._house.kill()
        await self._start_again()

    def _kill_postmaster(self) -> None:
        postmaster = self._house.postmaster
        if postmaster is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster, signal.SIGKILL)

    async def _start_again(self) -> None:
        """Now and then it is killed again before it serves."""
        if self._draw.random() < 0.2:
            self._house.begin()
            await asyncio.sleep(self._draw.uniform(0, 1.5))
            self._house.kill()
        await self._house.start()


@pytest.mark.parametrize("part", [0, 1])
async def test_nothing_is_lost_and_nothing_happens_twice(house: House, part: int) -> None:
    kills = (KILLS + part) // 2
    seed = SEED + part
    print(f"BANYAN_TEST_SEED={SEED}")
    draw = random.Random(seed)
    killer = Killer(house, draw)
    await house.start()
    async with crowd_at(lambda: house.url, _MEMBERS, seed) as crowd:
        await crowd.be_answered(20)
        for _ in range(kills):
            await crowd.go_on(draw.uniform(0, _CALM_SECONDS))
            await killer.strike()
            async with house.connected() as connection:
                await crowd.ledger.check_kept(connection)
        await crowd.be_answered(20)
        await crowd.leave()
        print(f"{killer}\n{crowd.ledger}\n{dict(crowd.outcomes)}")
        await _check_all(house, crowd)
    assert set(crowd.outcomes) <= {200, 201, 204, 404, 503} | _TORN
    assert await house.stop() == 0
    _check_log(house)


@pytest.mark.parametrize("kind", ["banyan", "postgres"])
async def test_jobs_in_hand_are_done_once(house: House, kind: str) -> None:
    """They are cut off in the middle: another try follows, if need be when the killed worker's lease has run out."""
    await house.start()
    killer = Killer(house, random.Random(SEED))
    async with crowd_at(lambda: house.url, 0, SEED) as crowd:
        async with house.connected() as connection:
            await wait_until_done(connection)
            blocker = connection.transaction()
            await blocker.start()
            await connection.execute("LOCK TABLE mail_messages")
            await asyncio.gather(*(Member(crowd).sign_up() for _ in range(4)))
            held = "SELECT count(*) FROM jobs WHERE state = 'running'"
            await eventually(lambda: _is(house, held, 4), PATIENCE_SECONDS)
            await killer.strike(kind)
        await _check_all(house, crowd)
    assert await house.stop() == 0
    _check_log(house)


async def _is(house: House, sql: str, wanted: int) -> bool:
    async with house.connected() as connection:
        return bool(await connection.fetchval(sql) == wanted)


async def _check_all(house: House, crowd: Crowd) -> None:
    async with house.connected() as connection:
        await wait_until_done(connection)
        await crowd.ledger.check_exact(connection)
    await crowd.ledger.check_feeds(house.url, crowd.tokens)
    await crowd.check_replays()


async def _ready(house: House) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with httpx.AsyncClient(timeout=120) as http:
        while (await http.get(f"{house.url}/readyz")).status_code != 200:
            assert time.monotonic() < deadline, "PostgreSQL was not started again"
            await asyncio.sleep(0.05)


def _check_log(house: House) -> None:
    """No answer was a bug's."""
    log = (house.directory / "banyan.log").read_text()
    assert "Traceback" not in log and "request_failed" not in log, log[-4000:]
