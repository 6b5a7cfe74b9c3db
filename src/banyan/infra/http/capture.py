"""Holds a route's answer back until its work is committed; only then anybody may see it."""

from collections.abc import Awaitable, Callable

from banyan.infra.http.answers import Answer
from banyan.infra.http.asgi import Message, Send


class Capture:
    """An ASGI `send` that keeps one whole answer. An answer in several parts (a file) is passed on as it comes,
    after `before_stream` has committed and completed its first message.
    """

    __slots__ = ("_body", "_send", "_start", "before_stream", "sent_bytes", "streaming")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""
        self.before_stream: Callable[[Message], Awaitable[None]] | None = None
        self.streaming = False
        self.sent_bytes = 0

    @property
    def status(self) -> int:
        return int(self._start["status"]) if self._start else 500

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = message
        elif kind == "http.response.body":
            if self.streaming or message.get("more_body"):
                await self._pass_on(message)
            else:
                self._body = message.get("body", b"")

    def take(self) -> Answer:
        """The answer. Raises RuntimeError when the route sent none."""
        if self._start is None:
            raise RuntimeError("the route sent no answer")
        # The length is set when the answer is sent: compression and 304 change it.
        headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
        answer = Answer(int(self._start["status"]), headers, self._body)
        if not self.streaming:
            self._start = None
            self._body = b""
        return answer

    async def _pass_on(self, message: Message) -> None:
        if not self.streaming:
            assert self._start is not None
            if self.before_stream is not None:
                await self.before_stream(self._start)
            self.streaming = True
            await self._send(self._start)
        self.sent_bytes += len(message.get("body", b""))
        await self._send(message)
