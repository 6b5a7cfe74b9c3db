"""WebSockets by picows: the extra `sockets`."""

import asyncio
import ssl

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from banyan_client.errors import Unreachable

_HANDSHAKE_SECONDS = 20.0


class PicowsWire(WSListener):
    """Text messages in and out."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._parts = b""
        self._transport: WSTransport | None = None

    def send(self, text: bytes) -> None:
        """Nothing happens once it is closed: `read` says so."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, text)

    async def read(self) -> bytes | None:
        return await self._messages.get()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.send_close()
            self._transport.disconnect()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts += frame.get_payload_as_bytes()
            if frame.fin:
                self._messages.put_nowait(self._parts)
                self._parts = b""
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        self._messages.put_nowait(None)

    def pause_writing(self) -> None:
        """Nothing: clients send little."""

    def resume_writing(self) -> None:
        """Nothing."""


async def dial(url: str, *, ssl_context: ssl.SSLContext | None = None) -> PicowsWire:
    """Raises Unreachable."""
    try:
        _, wire = await ws_connect(
            PicowsWire,
            url,
            ssl_context=ssl_context,
            websocket_handshake_timeout=_HANDSHAKE_SECONDS,
            use_aiofastnet=False,
        )
    except (TimeoutError, OSError, WSError) as error:
        raise Unreachable(f"{url}: {error!r}") from error
    if not isinstance(wire, PicowsWire):
        # What is cut during the handshake comes without a listener.
        raise Unreachable(f"{url}: lost during the handshake")
    return wire
