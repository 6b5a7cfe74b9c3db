"""How each module of `modules.py` starts and stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from banyan.app.wiring import Platform


@asynccontextmanager
async def run_bus(platform: Platform) -> AsyncIterator[None]:
    """Hears what other processes announce."""
    await platform.bus.start()
    try:
        yield
    finally:
        await platform.bus.stop()


@asynccontextmanager
async def run_ephemeral(platform: Platform) -> AsyncIterator[None]:
    """Carries what is lost where nobody listens, by Redis where it is configured."""
    ephemeral = platform.ephemeral
    if ephemeral is None:
        yield
        return
    await ephemeral.start()
    try:
        yield
    finally:
        await ephemeral.stop()


@asynccontextmanager
async def run_relay(platform: Platform) -> AsyncIterator[None]:
    """Tells other processes what was committed here."""
    await platform.relay.start()
    try:
        yield
    finally:
        await platform.relay.stop()


@asynccontextmanager
async def run_worker(platform: Platform) -> AsyncIterator[None]:
    """Runs background jobs, those that wait for servers of others beside the rest."""
    await platform.worker.start()
    await platform.outgoing_worker.start()
    try:
        yield
    finally:
        # Side by side: each may need its whole grace time.
        await asyncio.gather(platform.worker.stop(), platform.outgoing_worker.stop())


@asynccontextmanager
async def run_scheduler(platform: Platform) -> AsyncIterator[None]:
    """Enqueues what is due by the clock."""
    await platform.scheduler.start()
    try:
        yield
    finally:
        await platform.scheduler.stop()


@asynccontextmanager
async def run_key_uses(platform: Platform) -> AsyncIterator[None]:
    """Writes when API keys were last used."""
    await platform.key_uses.start()
    try:
        yield
    finally:
        await platform.key_uses.stop()


@asynccontextmanager
async def run_realtime(platform: Platform) -> AsyncIterator[None]:
    """Serves sockets, and says whose they are."""
    await platform.realtime.start()
    await platform.roll.start()
    try:
        yield
    finally:
        await platform.roll.stop()
        await platform.realtime.stop()
