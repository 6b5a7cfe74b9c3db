"""The relay: coalesced, to others only, and back by itself after its connection is lost."""

import asyncio
import time

import asyncpg
import pytest

from banyan.infra.database.errors import DatabaseUnavailable
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.jobs.relay import _PAUSE_SECONDS, Relay
from tests.support.eventually import eventually


async def count_notifications(url: str, heard: list[str]) -> asyncpg.Connection:
    connection = await asyncpg.connect(url)
    await connection.add_listener("bell", lambda *_: heard.append("bell"))
    return connection


async def test_others_hear_it_and_the_own_process_does_not(database_settings: DatabaseSettings) -> None:
    heard: list[str] = []
    relays = [Relay(database_settings), Relay(database_settings)]
    for number, relay in enumerate(relays):
        relay.listen("bell", lambda number=number: heard.append(f"relay {number}"))  # type: ignore[misc]
        await relay.start()
    # Each hears the reconnect: something may have happened before.
    await eventually(lambda: sorted(heard) == ["relay 0", "relay 1"])
    heard.clear()
    relays[0].ring("bell")
    await eventually(lambda: heard)
    await asyncio.sleep(0.05)
    assert heard == ["relay 1"]
    for relay in relays:
        await relay.stop()


async def test_a_thousand_rings_are_few_notifications(database_settings: DatabaseSettings, database_url: str) -> None:
    heard: list[str] = []
    listener = await count_notifications(database_url, heard)
    relay = Relay(database_settings)
    await relay.start()
    await eventually(lambda: relay.connected)
    started = time.monotonic()
    for _ in range(100):
        for _ in range(10):
            relay.ring("bell")
        await asyncio.sleep(0.002)
    pauses = (time.monotonic() - started) / _PAUSE_SECONDS
    await asyncio.sleep(0.1)
    await eventually(lambda: heard)
    assert len(heard) <= pauses + 5
    await relay.stop()
    await listener.close()


async def test_it_comes_back_and_sends_what_was_rung_meanwhile(
    database_settings: DatabaseSettings, database_url: str
) -> None:
    heard: list[str] = []
    listener = await count_notifications(database_url, heard)
    reconnects: list[int] = []
    relay = Relay(database_settings)
    relay.listen("other", lambda: reconnects.append(1))
    await relay.start()
    await eventually(lambda: relay.connected)
    async with relay.connection() as connection:
        pid = connection.get_server_pid()
    await listener.execute("SELECT pg_terminate_backend($1)", pid)
    await eventually(lambda: not relay.connected)
    relay.ring("bell")
    await eventually(lambda: heard and len(reconnects) == 2)
    await relay.stop()
    await listener.close()


async def test_an_error_on_its_connection_gives_it_a_new_one(database_settings: DatabaseSettings) -> None:
    relay = Relay(database_settings)
    with pytest.raises(DatabaseUnavailable):
        async with relay.connection():
            raise AssertionError
    await relay.start()
    await eventually(lambda: relay.connected)
    with pytest.raises(asyncpg.UndefinedTableError):
        async with relay.connection() as connection:
            await connection.execute("SELECT * FROM nowhere")
    await eventually(lambda: relay.connected)

    async def works() -> bool:
        async with relay.connection() as connection:
            return bool(await connection.fetchval("SELECT true"))

    assert await works()
    await relay.stop()
    assert not relay.connected
