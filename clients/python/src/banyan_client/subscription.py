"""A topic that a socket has joined, as an app reads it: what came, in order, and where one stands."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Place(Struct, frozen=True):
    """Where one stands in a durable topic. Kept with what it led to, it lets one go on from there after a restart."""

    epoch: str
    offset: int | str


class Joined(Struct, frozen=True):
    """The topic is joined, for the first time or again.

    Not `recovered`: what one knows of it may be outdated. Read it anew over the API, then apply the events that
    follow. Recovered: exactly what was missed follows.
    """

    recovered: bool
    durable: bool
    place: Place | None


class Event(Struct, Generic[T], frozen=True):
    """Something happened. `place` stands after it; None on topics that are not durable."""

    data: T
    place: Place | None


class Dropped(Struct, frozen=True):
    """The socket is lost, and is opened again after `retry_seconds`."""

    reason: str
    retry_seconds: float


News: TypeAlias = Joined | Event[T] | Dropped


class Room(Protocol):
    """What a subscription asks of its socket."""

    def ask_to_join(self, subscription: "Subscription[Any]") -> None: ...
    def ask_to_leave(self, subscription: "Subscription[Any]") -> None: ...
    def forget(self, subscription: "Subscription[Any]") -> None: ...
    async def ask_to_publish(self, topic: str, data: object) -> None: ...


class Subscription(Generic[T]):
    """`async for news in subscription` gives Joined, Event and Dropped, until one leaves or the socket is closed.

    Raises Problem where the topic is refused or cut (`not_found`), SocketEnded when the server wants no more sockets.
    """

    def __init__(self, room: Room, topic: str, kind: Any, place: Place | None, most_waiting: int) -> None:
        self.topic = topic
        # For the socket alone, as everything below that has no docstring for apps.
        self.kind = kind
        self.place = place
        self.asked: int | None = None
        self.is_joined = False
        self._room = room
        self._most_waiting = most_waiting
        self._waiting: deque[News[T]] = deque()
        self._arrived = asyncio.Event()
        self._paused = False
        self._ended = False
        self._error: BaseException | None = None

    async def publish(self, data: object) -> None:
        """Sends something on a topic that takes it. Raises Problem, and Unreachable while the socket is lost."""
        await self._room.ask_to_publish(self.topic, data)

    def leave(self) -> None:
        """No more news; what waits is thrown away."""
        if not self._ended:
            self._room.ask_to_leave(self)
            self._room.forget(self)
            self._waiting.clear()
            self.end(None)

    def __aiter__(self) -> AsyncIterator[News[T]]:
        return self

    async def __anext__(self) -> News[T]:
        while not self._waiting:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._paused:
                self._paused = False
                self._room.ask_to_join(self)
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    # What the socket tells.

    @property
    def wants_to_join(self) -> bool:
        return not self._paused and not self._ended

    def joined(self, news: Joined) -> None:
        self.is_joined, self.asked, self.place = True, None, news.place
        self._put(news)

    def happened(self, event: Event[T]) -> None:
        if len(self._waiting) >= self._most_waiting:
            # Of a durable topic the rest is read later; of another one hears that something was missed.
            self.is_joined, self._paused = False, True
            self._room.ask_to_leave(self)
            return
        self.place = event.place
        self._put(event)

    def dropped(self, news: Dropped) -> None:
        self.is_joined, self.asked = False, None
        self._paused = self._paused or len(self._waiting) >= self._most_waiting
        if self._waiting and isinstance(self._waiting[-1], Dropped):
            self._waiting.pop()
        self._put(news)

    def end(self, error: BaseException | None) -> None:
        self._ended, self._error = True, error
        self._arrived.set()

    def _put(self, news: News[T]) -> None:
        self._waiting.append(news)
        self._arrived.set()
