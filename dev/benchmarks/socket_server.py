"""A realtime process to be measured, which publishes by itself when a line on its standard input says so:

    broadcast EVENTS BYTES      to `posts:public`, the next when the one before it is handed out
    burst EVENTS BYTES          to `posts:public`, all of them at once
    steady EVENTS BYTES RATE    to `posts:public`, so many in a second by the clock; `first_at` is said first
    bare ROUNDS 0               as many bytes to the same sockets by the system call alone
    targeted EVENTS SECONDS     to the topic `bench`, one every so many seconds, each with its moment
    stop 0 0                    ends the targeted ones

Each is answered by one line of JSON once it is done. The environment is that of `banyan serve`.
"""

import asyncio
import os
import sys
import time
from uuid import UUID

import msgspec
import uvloop

from banyan.app.modules import running
from banyan.app.server import listen, serve
from banyan.app.settings import load_settings
from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.infra.database.work import Work
from banyan.infra.declare import Topic
from banyan.infra.log import LogStream, configure_logs
from dev.benchmarks.socket_clients import event_data

BENCH_TOPIC = "bench"
# As long as an event of 200 bytes with its frame.
BARE_FRAME = b"\x8a\x00" * 125
_TOPIC = "posts:public"
# For the clients to be ready.
_RUN_UP_SECONDS = 1.0


async def _main() -> None:
    settings = load_settings(None, {"log": {"level": "warning"}})
    targets = Targets.read("realtime")
    log = LogStream.to_stderr()
    configure_logs(settings.log, log)
    async with open_platform(settings, targets, log) as platform, running(platform, targets):
        platform.realtime.topics[BENCH_TOPIC] = Topic(BENCH_TOPIC, _anybody, anonymous=True)
        listener = listen("127.0.0.1", 0)
        _say({"port": listener.getsockname()[1]})
        orders = asyncio.create_task(_obey(platform))
        await serve(
            platform.asgi,
            listener,
            settings.http,
            sockets=platform.sockets,
            on_ready=lambda: None,
            on_stop=platform.stop,
        )
        orders.cancel()


async def _anybody(work: Work, viewer_id: UUID | None, key: str) -> bool:
    return True


async def _obey(platform: Platform) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: dict[str, asyncio.Task[None]] = {}
    while line := await reader.readline():
        name, first, second, *rate = line.decode().split()
        if name == "stop":
            tasks.pop("targeted").cancel()
            _say({"stopped": 1})
        elif name == "targeted":
            tasks[name] = asyncio.create_task(_targeted(platform, int(first), float(second)))
        elif name == "steady":
            tasks[name] = asyncio.create_task(_steady(platform, int(first), int(second), float(rate[0])))
        elif name == "bare":
            _bare(platform, int(first))
        else:
            tasks[name] = asyncio.create_task(_broadcast(platform, int(first), int(second), name == "burst"))


async def _broadcast(platform: Platform, count: int, size: int, at_once: bool) -> None:
    channel = platform.realtime.hub.channels[_TOPIC]
    clock = _Clock()
    for number in range(count):
        platform.realtime.publish(_TOPIC, event_data(number, size), None, time.monotonic())
        while not at_once and channel.queue is not None:
            await asyncio.sleep(0)
    while channel.queue is not None:
        await asyncio.sleep(0)
    clock.tell()


async def _steady(platform: Platform, count: int, size: int, events_per_second: float) -> None:
    channel = platform.realtime.hub.channels[_TOPIC]
    first_at = time.monotonic() + _RUN_UP_SECONDS
    _say({"first_at": first_at})
    await asyncio.sleep(_RUN_UP_SECONDS)
    clock = _Clock()
    for number in range(count):
        due_at = first_at + number / events_per_second
        await asyncio.sleep(max(due_at - time.monotonic(), 0))
        platform.realtime.publish(_TOPIC, event_data(number, size), None, due_at)
    while channel.queue is not None:
        await asyncio.sleep(0.001)
    clock.tell()


def _bare(platform: Platform, rounds: int) -> None:
    """What the system call alone takes for one event to each socket: no server can be quicker than that."""
    files = [member.wire._file for member in platform.realtime.hub.channels[_TOPIC].members]
    clock = _Clock()
    for _ in range(rounds):
        for file in files:
            os.write(file, BARE_FRAME)
    clock.tell()


class _Clock:
    """The time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def tell(self) -> None:
        _say({"seconds": time.monotonic() - self._wall, "cpu_seconds": time.process_time() - self._cpu})


async def _targeted(platform: Platform, count: int, pause_seconds: float) -> None:
    for _ in range(count):
        data = msgspec.json.encode(time.monotonic())
        platform.realtime.publish(BENCH_TOPIC, data, None, time.monotonic())
        await asyncio.sleep(pause_seconds)
    _say({"targeted": count})


def _say(words: object) -> None:
    sys.stdout.write(msgspec.json.encode(words).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main())
