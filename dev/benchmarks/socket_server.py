"""A realtime process to be measured, which publishes by itself when a line on its standard input says so:

    broadcast EVENTS BYTES      to `posts:public`, the next when the one before it is handed out
    burst EVENTS BYTES          to `posts:public`, all of them at once
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

BENCH_TOPIC = "bench"


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
    tasks: list[asyncio.Task[None]] = []
    while line := await reader.readline():
        name, count, size = line.decode().split()
        if name == "stop":
            tasks.pop().cancel()
            _say({"stopped": 1})
        elif name == "targeted":
            tasks.append(asyncio.create_task(_targeted(platform, int(count), float(size))))
        else:
            # In front of the targeted ones, which `stop` ends.
            tasks.insert(0, asyncio.create_task(_broadcast(platform, int(count), int(size), name == "burst")))


async def _broadcast(platform: Platform, count: int, size: int, at_once: bool) -> None:
    hub = platform.realtime.hub
    data = msgspec.json.encode("x" * (size - 2))
    members = len(hub.channels["posts:public"].members)
    wall, cpu = time.monotonic(), time.process_time()
    for _ in range(count):
        platform.realtime.publish("posts:public", data, None, time.monotonic())
        while not at_once and hub.channels["posts:public"].queue is not None:
            await asyncio.sleep(0)
    while hub.channels["posts:public"].queue is not None:
        await asyncio.sleep(0)
    _say(
        {
            "deliveries": count * members,
            "seconds": time.monotonic() - wall,
            "cpu_seconds": time.process_time() - cpu,
            "bare_seconds": _bare_seconds(platform, size),
        }
    )


def _bare_seconds(platform: Platform, size: int) -> float:
    """CPU that the system call alone takes for one event to one socket, with nothing around it: what no server can be
    quicker than. The sockets get an empty WebSocket pong of that size in pieces, which clients pass over.
    """
    files = [member.wire._file for member in platform.realtime.hub.channels["posts:public"].members]
    frames = b"\x8a\x00" * (size // 2)
    cpu = time.process_time()
    for file in files:
        os.write(file, frames)
    return (time.process_time() - cpu) / len(files)


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
