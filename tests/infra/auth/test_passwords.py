"""Password hashes: right, wrong, bounded, and never in the way of the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psutil
import pytest

from banyan.infra.auth import passwords as module
from banyan.infra.auth.errors import HashingBusy
from banyan.infra.auth.passwords import HASHES, Passwords
from banyan.infra.auth.settings import AuthSettings

QUICK = AuthSettings(hash_memory_kib=8192, hash_passes=1, hashes_at_once=2, hashes_waiting=3)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(QUICK)
    yield passwords
    passwords.close()


class Held:
    """Stands in for hashing: begins, then waits until the test lets it go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.count = 0

    def run(self, function: object, *arguments: str) -> str:
        self.count += 1
        self.begun.release()
        assert self.go.wait(60)
        return "done"


@contextmanager
def holding(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(module, "_counted", held.run)
    try:
        yield held
    finally:
        held.go.set()


def hashes_so_far() -> float:
    return float(next(iter(HASHES.collect())).samples[0].value)


async def test_the_right_password_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse é \N{PILE OF POO}")
    assert stored.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert await passwords.verify(stored, "correct horse é \N{PILE OF POO}")
    assert not await passwords.verify(stored, "correct horse e \N{PILE OF POO}")
    assert not await passwords.verify(stored, "")
    assert await passwords.hash("same") != await passwords.hash("same")


async def test_without_an_account_the_same_work_is_done(passwords: Passwords) -> None:
    stored = await passwords.hash("some password")
    before = hashes_so_far()
    assert not await passwords.verify(stored, "wrong")
    assert hashes_so_far() - before == 1
    assert not await passwords.verify(None, "wrong")
    assert hashes_so_far() - before == 2


async def test_nobodys_hash_has_todays_parameters(passwords: Passwords) -> None:
    assert not passwords.needs_rehash(passwords._nobodys)
    default = Passwords(AuthSettings())
    assert not default.needs_rehash(default._nobodys)
    assert "m=19456,t=2,p=1" in default._nobodys
    default.close()


@pytest.mark.parametrize("stored", ["", "not a hash", "$argon2id$", "$2b$12$abc", "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ"])
async def test_a_broken_hash_fits_no_password(passwords: Passwords, stored: str) -> None:
    assert not await passwords.verify(stored, "anything")


async def test_other_parameters_ask_for_a_new_hash(passwords: Passwords) -> None:
    stored = await passwords.hash("password of the past")
    assert not passwords.needs_rehash(stored)
    stronger = Passwords(QUICK.model_copy(update={"hash_passes": 2}))
    assert stronger.needs_rehash(stored)
    assert await stronger.verify(stored, "password of the past")
    stronger.close()


async def test_more_than_the_queue_holds_are_turned_away(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(monkeypatch) as held:
        tasks = [asyncio.create_task(passwords.hash("x")) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(HashingBusy) as refusal:
            await passwords.hash("x")
        assert refusal.value.status == 503
        assert refusal.value.retry_after_seconds
        held.go.set()
        await asyncio.gather(*tasks)
    assert await passwords.hash("room again")


async def test_whoever_gives_up_leaves_the_queue(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(monkeypatch) as held:
        running = [asyncio.create_task(passwords.hash("x")) for _ in range(2)]
        waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(2):
            await asyncio.to_thread(held.begun.acquire)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting)
        assert passwords._under_way == 2, "their places are free"
        running[0].cancel()
        await asyncio.wait([running[0]])
        assert passwords._under_way == 2, "a thread at work keeps its place although nobody waits for it"
        held.go.set()
        await running[1]
    deadline = asyncio.get_running_loop().time() + 60
    while passwords._under_way and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    assert passwords._under_way == 0
    assert held.count == 2, "what was given up before it began is never computed"


async def test_the_loop_goes_on_while_passwords_are_hashed(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(monkeypatch) as held:
        hashing = asyncio.create_task(passwords.hash("x"))
        await asyncio.to_thread(held.begun.acquire)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not hashing.done()
        held.go.set()
        assert await hashing


async def test_memory_is_given_back() -> None:
    passwords = Passwords(AuthSettings(hashes_at_once=2))
    await asyncio.gather(*(passwords.hash("warm up") for _ in range(2)))
    before = psutil.Process().memory_info().rss
    await asyncio.gather(*(passwords.hash("x") for _ in range(6)))
    assert psutil.Process().memory_info().rss - before < 8e6, "19 MiB per thread would stay"
    passwords.close()
