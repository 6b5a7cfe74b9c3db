"""How many events one message becomes at sockets: of two people who talk, both online, each with one socket."""

import asyncio
import time

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from banyan.app.settings import Settings
from banyan.infra.database.connect import connect
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import read_answer
from dev.benchmarks.messages import Messages, Pair
from dev.benchmarks.serving import progress, reachable, serving
from dev.benchmarks.workers import until_done

_MESSAGES = 200
_TAIL_SECONDS = 3.0


class _Socket(WSListener):
    """Hears its own stream, and the conversation where it is open."""

    def __init__(self, token: str, topics: list[str]) -> None:
        self._token = token
        self._waiting = set(topics)
        self.joined = asyncio.Event()
        self.events = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, msgspec.json.encode({"type": "hello", "version": 1, "token": self._token}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            return
        if frame.msg_type != WSMsgType.TEXT:
            return
        said = msgspec.json.decode(frame.get_payload_as_bytes())
        if said["type"] == "hello":
            for topic in self._waiting:
                transport.send(WSMsgType.TEXT, msgspec.json.encode({"type": "subscribe", "topic": topic}))
        elif said["type"] == "subscribed":
            self._waiting.discard(said["topic"])
            if not self._waiting:
                self.joined.set()
        elif said["type"] == "event":
            self.events += 1


async def measure_pushes(settings: Settings, pairs: list[Pair]) -> list[Figure]:
    """With the conversation open at both, and at nobody (then only what says that there is something unread)."""
    progress("pushes")
    with serving(settings, "all") as (process, port):
        await reachable(port, process)
        # What posts before this left for the worker would reach these sockets too.
        connection = await connect(settings.database)
        await until_done(connection)
        await connection.close()
        return [
            Figure("a message, the conversation open at both", await _pushes(port, pairs, opened=True), "pushes"),
            Figure("a message, the conversation open at nobody", await _pushes(port, pairs, opened=False), "pushes"),
        ]


async def _pushes(port: int, pairs: list[Pair], *, opened: bool) -> float:
    sockets: list[tuple[WSTransport, _Socket]] = []
    for pair in pairs:
        topics = ["me", f"conversation:{pair.conversation_id}"] if opened else ["me"]
        for token in (pair.author_token, pair.reader_token):
            transport, socket = await ws_connect(
                lambda token=token, topics=topics: _Socket(token, topics),
                f"ws://127.0.0.1:{port}/v1/socket",
                enable_auto_pong=False,
            )
            assert isinstance(socket, _Socket)
            await socket.joined.wait()
            sockets.append((transport, socket))
    for _, socket in sockets:
        socket.events = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    messages = Messages(pairs)
    for number in range(_MESSAGES):
        writer.write(messages.make(number))
        await read_answer(reader)
    writer.close()
    await _quiet(sockets)
    for transport, _ in sockets:
        transport.disconnect()
    return sum(socket.events for _, socket in sockets) / _MESSAGES


async def _quiet(sockets: list[tuple[WSTransport, _Socket]]) -> None:
    """Until nothing has come for some seconds."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < _TAIL_SECONDS:
        await asyncio.sleep(0.2)
        heard = sum(socket.events for _, socket in sockets)
        if heard != seen:
            seen, since = heard, time.monotonic()
