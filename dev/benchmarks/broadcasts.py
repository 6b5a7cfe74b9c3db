"""What one gateway core hands out to one topic, and how long a targeted event takes beside that.

Every member looks at every byte that comes, so none is missing and all are in order. Some of them, evenly spread, read
at once and note how late it is. For the others the kernel takes what comes, as that of another machine would, and they
read it a few times a second: to wake thousands of readers on the same machine is no work of a gateway.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from dev.benchmarks.figures import Figure
from dev.benchmarks.serving import progress
from dev.benchmarks.socket_clients import Client, Ear, Stream, TargetedEar, TimingEar, percentile
from dev.benchmarks.socket_server import BARE_FRAME
from dev.benchmarks.socket_serving import Server

_TOPIC = "posts:public"
_EVENT_BYTES = 200
_PROMISED_PER_SECOND = 100_000
_TARGETED_MS = 5
_BARE_ROUNDS = 10
# One member of so many reads at once.
_SAMPLE = 20
_ROUND_SECONDS = 0.25
_SLICES = 50
_LATEST_SECONDS = 60.0
# No event should come later than that after the moment at which it was due.
_LATE_SECONDS = 0.25


class Load(msgspec.Struct, frozen=True):
    """So many events in each second, for so many seconds."""

    events_per_second: float
    seconds: float


class _Outcome(msgspec.Struct, frozen=True):
    """What the server says of a broadcast."""

    seconds: float
    cpu_seconds: float


async def measure_closed(server: Server, members: Sequence[Client], targeted: TargetedEar, events: int) -> list[Figure]:
    """One event at a time, the next when the last is handed out; then as many published at once."""
    progress("targeted events alone")
    alone = await _targeted_alone(server, targeted)
    progress("a broadcast event by event, and targeted events beside it")
    stream = Stream.of_events(_TOPIC, events, _EVENT_BYTES)
    server.order("targeted 1000000 0.01")
    single = await _unread(server, members, stream, f"broadcast {events} {_EVENT_BYTES}")
    beside = await _stop_targeted(server, targeted)
    progress("a broadcast of all at once")
    burst = await _unread(server, members, stream, f"burst {events} {_EVENT_BYTES}")
    bare = await _unread(server, members, Stream([BARE_FRAME] * _BARE_ROUNDS), f"bare {_BARE_ROUNDS} 0")
    deliveries = events * len(members)
    name = f"{_EVENT_BYTES} bytes to {len(members):,} sockets"
    return [
        Figure(f"{name}, one by one", deliveries / single.seconds, "deliveries/s", _PROMISED_PER_SECOND),
        Figure(f"{name}, one by one", deliveries / single.cpu_seconds, "deliveries per CPU-second"),
        Figure(f"{name}, {events} at once", deliveries / burst.seconds, "deliveries/s", _PROMISED_PER_SECOND),
        Figure(f"{name}, {events} at once", deliveries / burst.cpu_seconds, "deliveries per CPU-second"),
        Figure("the bare system call", _BARE_ROUNDS * len(members) / bare.cpu_seconds, "per CPU-second"),
        Figure("targeted, alone", percentile(alone, 0.95) * 1e3, "ms at p95"),
        Figure("targeted, beside one by one", percentile(beside, 0.95) * 1e3, "ms at p95", _TARGETED_MS),
    ]


async def measure_steady(server: Server, members: Sequence[Client], targeted: TargetedEar, load: Load) -> list[Figure]:
    """Events that are published by the clock, however far those before them have come."""
    progress(f"{load.events_per_second:g} events/s for {load.seconds:g} s, and targeted events beside them")
    events = round(load.events_per_second * load.seconds)
    delays: list[float] = []
    server.order("targeted 1000000 0.01")
    server.order(f"steady {events} {_EVENT_BYTES} {load.events_per_second}")
    first_at = (await server.answer())["first_at"]
    stream = Stream.of_events(_TOPIC, events, _EVENT_BYTES)
    ears = [
        Ear(stream) if place % _SAMPLE else TimingEar(stream, delays, load.events_per_second, first_at)
        for place in range(len(members))
    ]
    reading = asyncio.create_task(_listen(members, ears))
    outcome = msgspec.convert(await server.answer(), _Outcome)
    await _until_complete(ears)
    seconds = time.monotonic() - first_at
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    beside = await _stop_targeted(server, targeted)
    name = f"{load.events_per_second:g} events/s to {len(members):,}"
    return [
        Figure(f"{name}, all in order", events * len(members) / seconds, "deliveries/s"),
        Figure(f"{name}, of the core", outcome.cpu_seconds / outcome.seconds * 100, "%"),
        Figure(f"{name}, from due to read", percentile(delays, 0.5) * 1e3, "ms at p50"),
        Figure(f"{name}, from due to read", percentile(delays, 0.95) * 1e3, "ms at p95"),
        Figure(f"{name}, latest of {len(delays):,}", max(delays) * 1e3, "ms", _LATE_SECONDS * 1e3),
        Figure(f"{name}, targeted beside", percentile(beside, 0.95) * 1e3, "ms at p95", _TARGETED_MS),
    ]


async def _unread(server: Server, members: Sequence[Client], stream: Stream, order: str) -> _Outcome:
    """What the server says of a broadcast that nobody reads before it is over."""
    ears = [Ear(stream) for _ in members]
    for member, ear in zip(members, ears, strict=True):
        member.transport.pause_reading()
        member.take = ear.take
    server.order(order)
    outcome = msgspec.convert(await server.answer(), _Outcome)
    for member in members:
        member.transport.resume_reading()
    await _until_complete(ears)
    return outcome


async def _listen(members: Sequence[Client], ears: Sequence[Ear]) -> None:
    """Until it is cancelled."""
    patient: list[Client] = []
    for member, ear in zip(members, ears, strict=True):
        member.take = ear.take
        if not isinstance(ear, TimingEar):
            member.transport.pause_reading()
            patient.append(member)
    try:
        for slice in itertools.cycle(range(_SLICES)):
            for member in patient[slice::_SLICES]:
                member.read_now()
            await asyncio.sleep(_ROUND_SECONDS / _SLICES)
    finally:
        for member in patient:
            member.transport.resume_reading()


async def _until_complete(ears: Sequence[Ear]) -> None:
    """Raises SystemExit where something is missing, or came in another order."""
    deadline = time.monotonic() + _LATEST_SECONDS
    while not all(ear.complete for ear in ears):
        if any(ear.wrong for ear in ears) or time.monotonic() > deadline:
            missing = sum(not ear.complete for ear in ears)
            raise SystemExit(f"{missing} of {len(ears)} members have not heard all events in order")
        await asyncio.sleep(0.005)


async def _targeted_alone(server: Server, targeted: TargetedEar) -> list[float]:
    server.order("targeted 200 0.01")
    await server.answer()
    await asyncio.sleep(0.2)
    return targeted.taken()


async def _stop_targeted(server: Server, targeted: TargetedEar) -> list[float]:
    server.order("stop 0 0")
    await server.answer()
    return targeted.taken()
