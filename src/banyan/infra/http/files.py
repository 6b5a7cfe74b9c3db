"""Holds a file back until the work that found it is committed; only then anybody may see it."""

from collections.abc import Awaitable, Callable

from banyan.infra.http.asgi import Message, Send


class FileSend:
    """An ASGI `send` for an answer in several parts. They are passed on as they come, once the first is there and
    `before` has committed and completed the message before it.
    """

    __slots__ = ("_before", "_send", "_start", "begun", "sent_bytes")

    def __init__(self, send: Send, before: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self._before = before
        self._start: Message = {}
        self.begun = False
        self.sent_bytes = 0

    @property
    def status(self) -> int:
        return int(self._start["status"])

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if not self.begun:
            await self._before(self._start)
            self.begun = True
            await self._send(self._start)
        self.sent_bytes += len(message.get("body", b""))
        await self._send(message)
