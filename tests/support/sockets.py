"""A client of the realtime gateway for tests: frames in, frames out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.support.platform import Api

_PATIENCE_SECONDS = 300


class Socket(WSListener):
    """One socket; `read` gives what the server sends, in order."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.close_code = 0
        self.pings = 0
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.frames.put_nowait(msgspec.json.decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code().value)
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            self.pings += 1
            transport.send_pong(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed.set()

    def pause_writing(self) -> None:
        """Nothing: tests send little."""

    def resume_writing(self) -> None:
        """Nothing."""

    def send(self, frame: object) -> None:
        self.transport.send(WSMsgType.TEXT, msgspec.json.encode(frame))

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self.frames.get()

    async def ask(self, frame: object) -> dict[str, Any]:
        """Sends a frame; the next one that comes back."""
        self.send(frame)
        return await self.read()

    async def subscribe(self, topic: str, **place: object) -> dict[str, Any]:
        return await self.ask({"type": "subscribe", "topic": topic, **place})

    async def read_until(self, kind: str) -> dict[str, Any]:
        """The next frame of that type; those before it are thrown away."""
        while True:
            frame = await self.read()
            if frame["type"] == kind:
                return frame

    async def wait_closed(self) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self.closed.wait()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Socket]:
    """A socket that has not said hello."""
    address = url.replace("http://", "ws://") + "/v1/socket"
    _, socket = await ws_connect(Socket, address, enable_auto_pong=False, use_aiofastnet=False)
    assert isinstance(socket, Socket)
    try:
        yield socket
    finally:
        socket.transport.disconnect(graceful=False)
        await socket.wait_closed()


@asynccontextmanager
async def greeted(url: str, api: Api) -> AsyncIterator[Socket]:
    """A socket of whoever `api` is, by ticket."""
    access = (await api.get("/v1/realtime")).json()
    async with connected(url) as socket:
        welcome = await socket.ask({"type": "hello", "version": 1, "ticket": access["ticket"]})
        assert welcome["type"] == "hello", welcome
        yield socket
