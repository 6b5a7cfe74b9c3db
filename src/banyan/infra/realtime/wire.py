"""picows as the transport under a connection: the one place that knows it.

uvicorn parses the upgrade request; from then on the connection belongs to picows' protocol, which costs a third of
what uvicorn's own takes. What a client does wrong below the level of messages ends here, with a close code.
"""

import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

log = structlog.get_logger("banyan.realtime")

_READ_BUFFER_BYTES = 2048
# Above it the transport says that a client does not read; what may wait altogether is the connection's business.
_HIGH_WATER_BYTES = 64 * 1024
# Only what the handshake depends on.
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: %b\r\n\r\n"
)

# picows keeps the answer of each connection; but for the key's digest, written anew each time, it is always the same.
_ACCEPTED = WSUpgradeResponse.create_101_response()

# The first byte of a text message in one frame, and the second of lengths that stand in 16 and in 64 bits.
_TEXT: Final = 0x81
_SHORT: Final = 126
_LONG: Final = 127
# Linux' tcp_info up to `tcpi_bytes_acked`, and the answer to SIOCOUTQ.
_ACKNOWLEDGED: Final = struct.Struct("=Q")
_ACKNOWLEDGED_AT: Final = 120
_TCP_INFO_BYTES: Final = _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size
_QUEUED: Final = struct.Struct("=i")
# Of a connection that may not be written to directly.
NO_FILE: Final = -1

CloseCode = WSCloseCode
OK = CloseCode.OK
GOING_AWAY = CloseCode.GOING_AWAY
PROTOCOL_ERROR = CloseCode.PROTOCOL_ERROR
UNSUPPORTED = CloseCode.UNSUPPORTED_DATA
INVALID_TEXT = CloseCode.INVALID_TEXT
POLICY = CloseCode.POLICY_VIOLATION
TOO_BIG = CloseCode.MESSAGE_TOO_BIG
INTERNAL = CloseCode.INTERNAL_ERROR


class Receiver(Protocol):
    """What a wire tells of: the connection above it."""

    closed: bool
    heard: bool

    def take_frame(self) -> bool:
        """Counts a frame of any kind; False when it must not be looked at any more."""

    def receive(self, text: str) -> None:
        """A whole message."""

    def fail(self, reason: str, code: CloseCode) -> None:
        """The client broke a rule below the level of messages."""

    def lose(self) -> None:
        """The connection is gone."""

    def pause(self) -> None:
        """The client does not read as fast as it is sent to."""

    def resume(self) -> None:
        """It has caught up."""


class _Quiet:
    """picows logs every connection, and would keep a logger for each."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def log(self, *args: object, **kwargs: object) -> None:
        """Nothing."""

    debug = info = warning = error = exception = log


def framed(text: bytes) -> bytes:
    """A text message as it goes over the wire."""
    size = len(text)
    if size < _SHORT:
        return b"%c%c%b" % (_TEXT, size, text)
    if size < 1 << 16:
        return b"%c%c%b%b" % (_TEXT, _SHORT, size.to_bytes(2), text)
    return b"%c%c%b%b" % (_TEXT, _LONG, size.to_bytes(8), text)


def write_at_once(file: int, frames: bytes) -> int:
    """How many of the bytes the system takes now. What goes wrong the event loop finds out as well, and tells."""
    try:
        return os.write(file, frames)
    except OSError:
        return 0


class Wire(WSListener):
    """One socket as its connection sees it."""

    __slots__ = ("_address", "_file", "_max_bytes", "_open", "_pieces", "_receiver", "_transport", "direct")

    def __init__(self, open_connection: "OpenConnection", address: str, max_bytes: int) -> None:
        self._open = open_connection
        self._address = address
        self._max_bytes = max_bytes
        self._file = NO_FILE
        # The file to which frames may be written at this moment, past the transport; `NO_FILE` while something waits
        # there, and from the end on: by then the file may be another connection's.
        self.direct = NO_FILE
        self._receiver: Receiver
        self._transport: WSTransport
        # A message that comes in several frames, so far.
        self._pieces: bytearray | None = None

    @property
    def unread_bytes(self) -> int:
        """What waits for the client."""
        return self._transport.underlying_transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        """Hands over whole frames, as `framed` makes them. One bytes object may go to any number of clients: what one
        of them leaves unread is not copied.
        """
        transport = self._transport
        if transport.is_close_frame_sent or transport.is_disconnected:
            return
        below = transport.underlying_transport
        written = 0
        if self._file >= 0 and not below.get_write_buffer_size():
            # At once: the event loop would first queue it, at twice the price of the system call.
            written = write_at_once(self._file, frames)
        if written == len(frames):
            self.direct = self._file
        else:
            self.direct = NO_FILE
            below.write(frames[written:])

    def read_so_far(self) -> tuple[int, int]:
        """How many bytes the other side has acknowledged, and how many wait for that, those in the kernel included;
        zeros where the system does not tell.
        """
        below = self._transport.underlying_transport
        peer = below.get_extra_info("socket")
        if sys.platform != "linux":
            return 0, 0
        try:
            told = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            (in_kernel,) = _QUEUED.unpack(fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, bytes(_QUEUED.size)))
        except OSError:
            # It has ended at this very moment.
            return 0, 0
        (acknowledged,) = _ACKNOWLEDGED.unpack_from(told, _ACKNOWLEDGED_AT)
        return acknowledged, in_kernel + below.get_write_buffer_size()

    def ping(self) -> None:
        self.direct = NO_FILE
        self._transport.send_ping()

    def close(self, code: CloseCode, reason: str) -> None:
        """Says goodbye below the level of messages; the connection ends when the client ends it too, or by `abort`.

        Only this side's half is closed: ending a connection while more comes in would reset it, and the client might
        read nothing of what was sent last.
        """
        self.direct = NO_FILE
        self._transport.send_close(code, reason.encode())
        below = self._transport.underlying_transport
        if below.can_write_eof() and not below.is_closing():
            below.write_eof()
        else:
            self._transport.disconnect()

    def abort(self) -> None:
        """Ends it now; what waits is thrown away."""
        self.direct = NO_FILE
        self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        # It would be kept as long as the connection.
        transport.request.headers = _ACCEPTED.headers
        below = transport.underlying_transport
        below.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        if not transport.is_secure:
            self._file = below.get_extra_info("socket").fileno()
        self._receiver = self._open(self, self._address)
        del self._open, self._address

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        receiver = self._receiver
        receiver.heard = True
        if receiver.closed:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        try:
            if receiver.take_frame():
                self._take(frame)
        except Exception:
            log.exception("a frame could not be handled")
            receiver.fail("internal", INTERNAL)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.direct = NO_FILE
        self._receiver.lose()

    def pause_writing(self) -> None:
        self._receiver.pause()

    def resume_writing(self) -> None:
        self._receiver.resume()

    def _take(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        receiver = self._receiver
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            receiver.fail("protocol_error", PROTOCOL_ERROR)
        elif kind == WSMsgType.TEXT:
            self._begin(frame)
        elif kind == WSMsgType.CONTINUATION:
            self._go_on(frame)
        elif kind == WSMsgType.PING:
            self.direct = NO_FILE
            self._transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self.direct = NO_FILE
            self._transport.send_close(OK)
            self._transport.disconnect()
        elif kind == WSMsgType.BINARY:
            receiver.fail("binary_frame", UNSUPPORTED)

    def _begin(self, frame: WSFrame) -> None:
        if self._pieces is not None:
            self._receiver.fail("protocol_error", PROTOCOL_ERROR)
        elif frame.fin:
            self._deliver(frame.get_payload_as_bytes())
        else:
            self._pieces = bytearray(frame.get_payload_as_bytes())

    def _go_on(self, frame: WSFrame) -> None:
        pieces = self._pieces
        if pieces is None:
            self._receiver.fail("protocol_error", PROTOCOL_ERROR)
            return
        pieces += frame.get_payload_as_bytes()
        if len(pieces) > self._max_bytes:
            self._pieces = None
            self._receiver.fail("message_too_big", TOO_BIG)
        elif frame.fin:
            self._pieces = None
            self._deliver(bytes(pieces))

    def _deliver(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self._receiver.fail("invalid_utf8", INVALID_TEXT)
        else:
            self._receiver.receive(text)


# (wire, the client's address) -> what is above the wire.
OpenConnection = Callable[[Wire, str], Receiver]


class SocketProtocol(WSProtocol):  # type: ignore[misc]
    """picows' protocol as uvicorn's `ws` setting wants it; `start` sends the answer to the handshake."""

    __slots__ = ()

    def __init__(self, open_connection: OpenConnection, address: str, max_bytes: int) -> None:
        def listen(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            return WSUpgradeResponseWithListener(_ACCEPTED, Wire(open_connection, address, max_bytes))

        super().__init__(
            None,
            None,
            False,
            listen,
            _QUIET,
            False,
            None,
            False,
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,
            max_bytes,
            None,
            _READ_BUFFER_BYTES,
        )

    def start(self, transport: Any, key: bytes, rest: bytes) -> None:
        """Takes an HTTP connection over. `key` is that of the handshake; `rest` came in after it already."""
        self.connection_made(transport)
        transport.set_protocol(self)
        self._feed(_HANDSHAKE % key)
        while rest and not transport.is_closing():
            rest = self._feed(rest)

    def _feed(self, data: bytes) -> bytes:
        """Takes as much as there is room for; the rest comes back."""
        buffer = self.get_buffer(-1)
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        self.buffer_updated(taken)
        return data[taken:]


_QUIET = _Quiet()
