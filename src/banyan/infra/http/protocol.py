"""HTTP/1.1 on a connection: uvicorn's protocol, bounded in bytes and seconds.

uvicorn takes a head of any size, waits for its end for ever, keeps trailers without end as headers of the request,
and answers what it cannot read with plain text. What is refused here never becomes a request, so it has no line in
the access log but one of its own.
"""

import asyncio
import re
from os import urandom
from typing import Any, ClassVar, Protocol
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from banyan.infra.http.addresses import Addresses, forwarded_for, plain
from banyan.infra.http.cycle import Cycle
from banyan.infra.http.problems import PROBLEM_TYPE, HeadTooLarge, HeadTooSlow, encode_problem
from banyan.infra.http.settings import HttpSettings
from banyan.kernel.errors import BanyanError, Malformed

# A client whose request was answered before its body had arrived may send the rest and then the next request.
_DRAIN_SECONDS = 10
# Closing while more comes in resets the connection, and the client never reads why.
_LINGER_SECONDS = 2
# As many as a browser ever sent ahead; each waiting one costs memory.
_MAX_PIPELINED = 32
_SOCKET_PATH = b"/v1/socket"
# 16 bytes in base64 (RFC 6455 section 4.1).
_SOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")

log = structlog.get_logger("banyan.http")


class _Nowhere(list[tuple[bytes, bytes]]):
    """Takes trailers and keeps none: they must not pass for headers (RFC 9110 section 6.5.1)."""

    def append(self, item: tuple[bytes, bytes], /) -> None:
        """Forgets `item`."""


_NOWHERE = _Nowhere()


class _Nobody(asyncio.Protocol):
    """Between HTTP and the socket: uvloop keeps the last protocol that took bytes for as long as the connection lives,
    and with it all that HTTP knew of it. A static method, so that not even a bound one is kept.
    """

    @staticmethod
    def data_received(data: bytes) -> None:
        """Never called: the socket's own protocol follows at once."""


_NOBODY = _Nobody()


class SocketTaker(Protocol):
    """Takes a connection over from HTTP."""

    def start(self, transport: asyncio.Transport, key: bytes, rest: bytes) -> None:
        """Answers the handshake; `rest` came in after it."""


class Sockets(Protocol):
    """What serves sockets in this process."""

    def admit(self, address: str) -> None:
        """Raises a BanyanError when no socket may come from there now."""

    def protocol(self, address: str) -> SocketTaker:
        """For one more from there."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounded_protocol` makes the class with an installation's limits."""

    addresses: ClassVar[Addresses]
    sockets: ClassVar[Sockets | None]
    max_head_bytes: ClassVar[int]
    head_timeout_seconds: ClassVar[float]

    _asked = False
    _hung_up = False
    _taken_over = False
    _in_head = True
    # The request asks for another protocol, which would keep the parser from reading its body.
    _upgrade_ignored = False
    # Bytes received since a head, a piece of a body or a message was last complete: what the parser holds on to.
    _pending_bytes = 0
    _refusal: BanyanError | None = None
    # When the last answer was complete, by the loop's clock.
    _idle_since = 0.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline(self.head_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client that has only stopped sending still reads its answer; TLS knows no such half."""
        if self.scheme == "https" or self._hung_up or not self._is_answering():
            return None
        if self._in_head:
            self.cycle.keep_alive = False
        else:
            self._refuse(Malformed("The connection ended before the body did."))
        return True

    def data_received(self, data: bytes) -> None:
        if self._hung_up:
            return
        self._pending_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or Malformed("This is not HTTP/1.1."))
            return
        if self._taken_over:
            return
        if self._pending_bytes > self.max_head_bytes:
            self._refuse(self._too_large() if self._in_head else Malformed("A trailer or chunk without end."))
        elif self._in_head and self._pending_bytes:
            self._set_deadline(self.head_timeout_seconds)

    def on_headers_complete(self) -> None:
        # Only a packet larger than the limit can bring a whole head that is.
        if self._pending_bytes > self.max_head_bytes and self._head_bytes() > self.max_head_bytes:
            self._refusal = self._too_large()
            raise self._refusal
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._refusal = Malformed(f"At most {_MAX_PIPELINED} requests ahead of their answers.")
            raise self._refusal
        upgrades = self.parser.should_upgrade() and self._should_upgrade()
        self._upgrade_ignored = self.parser.should_upgrade() and not upgrades
        if not upgrades and not self._upgrade_ignored:
            self._begin_request()
            self._asked = True
            self.headers = _NOWHERE
        self._in_head = False
        self._pending_bytes = 0
        if self._deadline is not None:
            self._clear_deadline()

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._upgrade_ignored:
            super().on_message_complete()
        self._in_head = True
        self._pending_bytes = 0
        if self._deadline is not None:
            self._clear_deadline()

    def on_response_complete(self) -> None:
        """uvicorn's, but the timer of an idle connection goes on while it is not: a timer for each answer is dearer."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._idle_since = self.loop.time()
                if self.timeout_keep_alive_task is None:
                    self._close_when_idle_for(self.timeout_keep_alive)
        if not self._in_head and not self._is_answering():
            self._set_deadline(_DRAIN_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._is_answering() or self._pending_bytes:
            # The answer begins the wait anew; until the head is whole it has a deadline of its own.
            return
        left_seconds = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_seconds > 0:
            self._close_when_idle_for(left_seconds)
        else:
            self.transport.close()

    def _close_when_idle_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _begin_request(self) -> None:
        """What uvicorn does with a head, but for an application that cannot be too busy and a cycle of our own."""
        scope, parser = self.scope, self.parser
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        waits = self._is_answering()
        self.cycle = cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
        else:
            self._start_asgi_task(cycle, self.app)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.task = task = self.loop.create_task(cycle.run(app, self.tasks))
        self.tasks.add(task)

    def _feed(self, data: bytes) -> None:
        """Raises HttpParserError."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._upgrade_ignored:
                # As the plain request that it also is (RFC 9110 section 7.8), with its body.
                head, self.parser = self._plain_head(), httptools.HttpRequestParser(self)
                self._feed(head + data[stop.args[0] :])
            else:
                self._clear_deadline()
                self._open_socket(data[stop.args[0] :])

    def _should_upgrade(self) -> bool:
        """Only what is a whole handshake, at the one address for it; all else is the plain request that it also is."""
        return (
            self.sockets is not None
            and self.url.partition(b"?")[0] == _SOCKET_PATH
            and self.parser.get_method() == b"GET"
            and not self._is_answering()
            and super()._should_upgrade()
            and self._header(b"sec-websocket-version") == b"13"
            and _SOCKET_KEY.fullmatch(self._header(b"sec-websocket-key") or b"") is not None
        )

    def _header(self, wanted: bytes) -> bytes | None:
        return next((value for name, value in self.headers if name == wanted), None)

    def _open_socket(self, rest: bytes) -> None:
        sockets = self.sockets
        peer = plain(self.client[0]) if self.client else "unknown"
        address = self.addresses.client(peer, forwarded_for(self.headers))
        key = self._header(b"sec-websocket-key")
        if sockets is None or key is None:
            return
        try:
            sockets.admit(address)
        except BanyanError as error:
            self._refuse(error)
            return
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self._taken_over = True
        # Nothing of this object stays: it would be held by its own parser until the garbage is looked for.
        transport, self.transport = self.transport, None  # type: ignore[assignment]
        self.parser = self.flow = self.scope = None  # type: ignore[assignment]
        transport.set_protocol(_NOBODY)
        sockets.protocol(address).start(transport, key, rest)

    def _plain_head(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b"close" if b"close" in value.lower() else b"keep-alive"
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join([*lines, b"", b""])

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(f"At most {self.max_head_bytes} bytes before the body.")

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(seconds, self._run_out_of_time)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _run_out_of_time(self) -> None:
        self._deadline = None
        if self._is_answering() and not self._hung_up:
            self._set_deadline(self.head_timeout_seconds)
        elif self._in_head and self._pending_bytes and not self._hung_up:
            self._refuse(HeadTooSlow(f"Send line and headers within {self.head_timeout_seconds:g} s."))
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        return self._asked and not self.cycle.response_complete

    def _refuse(self, error: BanyanError) -> None:
        """Answers `error` and hangs up; after the answers that are still owed to earlier requests, if there are."""
        if self._is_answering():
            if self._in_head or self.pipeline or self.cycle.response_started:
                self.cycle.keep_alive = False
                self.flow.pause_reading()
                return
            # The body of the request at work is broken: this is its answer.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing():
            return
        self._hung_up = True
        request_id = urandom(8).hex()
        peer = self.client[0] if self.client else "unknown"
        log.info("request_refused", request_id=request_id, client=peer, code=error.code, status=error.status)
        body = encode_problem(error, request_id)
        self.transport.write(
            b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\nx-content-type-options: nosniff\r\n"
            b"cache-control: no-store\r\nconnection: close\r\n\r\n%b"
            % (STATUS_LINE[error.status], PROBLEM_TYPE, len(body), request_id.encode(), body)
        )
        if self.scheme == "http":
            self.transport.write_eof()
        self._clear_deadline()
        self._set_deadline(_LINGER_SECONDS)


def bounded_protocol(settings: HttpSettings, sockets: Sockets | None = None) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn's `http` setting, with these limits, and what takes sockets over."""
    fixed = {
        "max_head_bytes": settings.max_head_bytes,
        "head_timeout_seconds": settings.head_timeout_seconds,
        "addresses": Addresses(settings.proxy_networks()),
        "sockets": sockets,
    }
    return type("BoundedProtocol", (BoundedProtocol,), fixed)
