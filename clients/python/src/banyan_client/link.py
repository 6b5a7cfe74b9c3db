"""One WebSocket from hello to goodbye: frames in, frames out, no faster than the server takes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from banyan_client.errors import FieldError, Problem, UnexpectedAnswer, Unreachable
from banyan_client.subscription import Event, Joined, Place, Subscription
from banyan_client.variants import pick

_VERSION: Final = 1
_HELLO_ID: Final = 0
# Until the server says how often it does so.
_HEARTBEAT_SECONDS: Final = 25.0
# Well below what a server allows: more frames than that get a socket cut.
_AT_ONCE: Final = 40
_SHARE: Final = 0.8
_UNAUTHORIZED: Final = 401
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError)


class Wire(Protocol):
    """A WebSocket that is open. `read` gives one text message, None once it is closed."""

    def send(self, text: bytes) -> None: ...
    async def read(self) -> bytes | None: ...
    def close(self) -> None: ...


# Opens a WebSocket. Raises Unreachable.
Dial = Callable[[str], Awaitable[Wire]]


class Farewell(Struct, frozen=True):
    """How it ended: in the server's words where it had some."""

    reason: str
    reconnect: bool = True
    after_seconds: float = 0.0


class _Limits(Struct, frozen=True):
    frames_per_second: float = 20.0


class _State(Struct, frozen=True):
    """How that stands which is joined as `topic`."""

    topic: str
    data: msgspec.Raw


class _Frame(Struct, frozen=True):
    """Any frame of the server; what it does not have keeps its default."""

    type: str
    id: int | str | None = None
    topic: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")
    durable: bool = False
    recovered: bool = False
    epoch: str | None = None
    offset: int | str | None = None
    code: str = ""
    title: str = ""
    status: int = 500
    detail: str = ""
    errors: list[FieldError] = []
    retry_after_seconds: float | None = None
    reason: str = ""
    reconnect: bool = True
    after_seconds: float = 0.0
    person_id: str | None = None
    heartbeat_seconds: float = _HEARTBEAT_SECONDS
    limits: _Limits = _Limits()
    states: list[_State] = []

    def problem(self) -> Problem:
        return Problem(
            status=self.status,
            code=self.code,
            title=self.title,
            detail=self.detail,
            errors=self.errors,
            retry_after_seconds=self.retry_after_seconds,
        )


_decode: Callable[[bytes], _Frame] = msgspec.json.Decoder(_Frame).decode
_encode = msgspec.json.Encoder().encode


class Listener(Protocol):
    """What a link tells of."""

    def greeted(self, person_id: str | None) -> None: ...
    def refused(self, subscription: Subscription[Any], problem: Problem) -> None: ...
    def failed(self, problem: Problem) -> None: ...
    def find(self, topic: str) -> Subscription[Any] | None: ...


class Link:
    """`talk` carries it through; the other methods may be called meanwhile."""

    def __init__(self, wire: Wire, listener: Listener, heartbeat_seconds: float | None) -> None:
        self._wire = wire
        self._listener = listener
        self._wanted_heartbeat = heartbeat_seconds
        self._heartbeat_seconds = heartbeat_seconds or _HEARTBEAT_SECONDS
        self._outbox: asyncio.Queue[object] = asyncio.Queue()
        self._frames_per_second = _Limits().frames_per_second * _SHARE
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._last_id = _HELLO_ID

    async def talk(self, ticket: str) -> Farewell:
        """Until it is over, for whatever reason."""
        self._wire.send(_encode({"type": "hello", "version": _VERSION, "ticket": ticket, "id": _HELLO_ID}))
        sending = asyncio.create_task(self._send_all())
        try:
            return await self._listen()
        finally:
            sending.cancel()
            self._wire.close()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(Unreachable("the socket was lost"))
            await asyncio.wait([sending])

    def join(self, subscription: Subscription[Any]) -> None:
        subscription.asked = self._next_id()
        frame: dict[str, object] = {"type": "subscribe", "topic": subscription.topic, "id": subscription.asked}
        if subscription.place is not None:
            frame |= {"epoch": subscription.place.epoch, "offset": subscription.place.offset}
        self._outbox.put_nowait(frame)

    def leave(self, topic: str) -> None:
        self._outbox.put_nowait({"type": "unsubscribe", "topic": topic})

    async def publish(self, topic: str, data: object) -> None:
        """Raises Problem, Unreachable."""
        id = self._next_id()
        self._asked[id] = asyncio.get_running_loop().create_future()
        self._outbox.put_nowait({"type": "publish", "topic": topic, "data": data, "id": id})
        try:
            await self._asked[id]
        finally:
            del self._asked[id]

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def _send_all(self) -> None:
        left, since = float(_AT_ONCE), time.monotonic()
        while True:
            frame = await self._outbox.get()
            now = time.monotonic()
            left = min(_AT_ONCE, left + (now - since) * self._frames_per_second)
            since = now
            if left < 1:
                await asyncio.sleep((1 - left) / self._frames_per_second)
            left -= 1
            self._wire.send(_encode(frame))

    async def _listen(self) -> Farewell:
        pinged = False
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    text = await self._wire.read()
            except TimeoutError:
                if pinged:
                    return Farewell("silent")
                pinged = True
                self._wire.send(_encode({"type": "ping"}))
                continue
            pinged = False
            if text is None:
                return Farewell("lost")
            try:
                frame = _decode(text)
            except _BROKEN:
                return Farewell("unreadable")
            if frame.type == "goodbye":
                return Farewell(frame.reason, frame.reconnect, frame.after_seconds)
            self._hear(frame)

    def _hear(self, frame: _Frame) -> None:
        """Frames of other types are of a newer server."""
        match frame.type:
            case "hello":
                self._heartbeat_seconds = self._wanted_heartbeat or frame.heartbeat_seconds
                self._frames_per_second = max(1.0, frame.limits.frames_per_second * _SHARE)
                self._listener.greeted(frame.person_id)
            case "subscribed" | "event":
                subscription = self._listener.find(frame.topic or "")
                if subscription is not None:
                    _tell(subscription, frame)
            case "states":
                for state in frame.states:
                    subscription = self._listener.find(state.topic)
                    if subscription is not None:
                        _tell(subscription, _Frame(type="event", topic=state.topic, data=state.data))
            case "ack" if isinstance(frame.id, int):
                asked = self._asked.get(frame.id)
                if asked is not None and not asked.done():
                    asked.set_result(None)
            case "error":
                self._hear_error(frame)

    def _hear_error(self, frame: _Frame) -> None:
        asked = self._asked.get(frame.id) if isinstance(frame.id, int) else None
        subscription = self._listener.find(frame.topic or "")
        if asked is not None:
            if not asked.done():
                asked.set_exception(frame.problem())
        elif frame.id == _HELLO_ID:
            # A goodbye follows where the ticket was refused: another one may do.
            if frame.status != _UNAUTHORIZED:
                self._listener.failed(frame.problem())
        elif subscription is not None and (
            frame.id == subscription.asked if frame.id is not None else subscription.is_joined
        ):
            self._listener.refused(subscription, frame.problem())


def _tell(subscription: Subscription[Any], frame: _Frame) -> None:
    place = subscription.place
    if frame.type == "subscribed":
        if frame.id != subscription.asked or (frame.id is None and not subscription.is_joined):
            # The answer to somebody who joined and left before.
            return
        place = None
        if frame.durable and frame.epoch is not None and frame.offset is not None:
            place = Place(frame.epoch, frame.offset)
        subscription.joined(Joined(recovered=frame.recovered, durable=frame.durable, place=place))
    elif subscription.is_joined:
        if place is not None and frame.offset is not None:
            place = Place(place.epoch, frame.offset)
        try:
            data = msgspec.json.decode(frame.data, type=subscription.kind, dec_hook=pick)
        except _BROKEN as error:
            raise UnexpectedAnswer(f"an event of {frame.topic}: {error}") from error
        subscription.happened(Event(data=data, place=place))
