"""One request on a connection, and its answer on the way to the socket: uvicorn's, with head and body in one write.

uvicorn writes the head as soon as it has it, and then the body. Each write is a call into the kernel that wakes the
client, and costs more than the gateway does; two regular expressions for each header cost half as much again.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from banyan.infra.http.asgi import Message

# Copying so much is cheaper than a second write.
_JOINED_BYTES = 64 * 1024
_BODYLESS = (204, 304)
# RFC 9110 section 5.5: no control character but the tab. A line end in a value would begin a header of its own.
_FORBIDDEN = bytes({*range(32), 127} - {9})


def _nothing() -> None:
    pass


class Cycle(RequestResponseCycle):
    """Takes the two ASGI messages of an answer, or more of one that is sent in parts."""

    # What runs it.
    task: asyncio.Task[None] | None = None
    _start: Message | None = None

    async def run(self, app: Any, tasks: set[Any]) -> None:
        """Runs `app`; answers 500 or hangs up where it does not answer itself. `tasks` are those of the server that are
        not done: this one leaves them here, since a callback for that goes through the loop once more.
        """
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:
            self.logger.error("Exception in ASGI application", exc_info=error)
            await self._make_up()
        else:
            if not self.response_complete:
                await self._make_up()
        finally:
            tasks.discard(self.task)
            self.task = None
            # Else connection and cycle would hold each other until the garbage is looked for.
            self.on_response = _nothing

    def take_body(self) -> bytes | None:
        """The whole body where it has arrived and nobody waits for a word before sending it."""
        if self.more_body or self.disconnected or self.waiting_for_100_continue:
            return None
        body, self.body = bytes(self.body), bytearray()
        return body

    async def _make_up(self) -> None:
        """What is left to do for an answer that did not come to its end."""
        if not self.response_started and not self.disconnected:
            await self.send_500_response()
        elif not self.response_complete:
            self.transport.close()

    async def send(self, message: Any) -> None:
        """Raises RuntimeError for messages out of order, a header that is none, a body of another length than said."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.response_started:
                raise RuntimeError("An answer begins once.")
            # Nothing has been written yet: should the application fail now, the answer can still be a refusal.
            self._start = message
        elif self._start is None or self.response_complete:
            raise RuntimeError("A body comes after its headers, and ends once.")
        else:
            self._write(self._start, message.get("body", b""), message.get("more_body", False))

    def _write(self, start: Message, body: bytes, more: bool) -> None:
        head = b"" if self.response_started else self._begin(start["status"], start["headers"])
        body = self._framed(body, more)
        self.response_started = True
        self.waiting_for_100_continue = False
        if len(body) > _JOINED_BYTES:
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _begin(self, status: int, answered: list[tuple[bytes, bytes]]) -> bytes:
        """The head; from now on it is known how the body is framed."""
        headers = [*self.default_headers, *answered]
        fields = dict(headers)
        length = fields.get(b"content-length")
        if length is not None:
            self.expected_content_length = int(length)
        elif self.scope["method"] != "HEAD" and status not in _BODYLESS:
            self.chunked_encoding = True
            headers.append((b"transfer-encoding", b"chunked"))
        if b"close" in fields.get(b"connection", b""):
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        parts = [STATUS_LINE[status]]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        if len(head) - len(head.translate(None, _FORBIDDEN)) != 2 * (len(headers) + 2):
            raise RuntimeError("A header holds a control character.")
        return head

    def _framed(self, body: bytes, more: bool) -> bytes:
        """The next piece as it goes over the wire."""
        if self.scope["method"] == "HEAD":
            return b""
        if self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        self.expected_content_length -= len(body)
        if self.expected_content_length < 0 or (self.expected_content_length and not more):
            raise RuntimeError("The body has another length than its header says.")
        return body
