"""The socket: one per client, with any number of topics, opened again whenever it is lost."""

import asyncio
import importlib
import time
from types import TracebackType
from typing import Any, Final, Never, Self, TypedDict

from msgspec import Struct

from banyan_client.errors import BanyanError, Problem, SocketEnded, UnexpectedAnswer, Unreachable
from banyan_client.link import Dial, Farewell, Link
from banyan_client.retries import Reconnects, is_passing
from banyan_client.subscription import Dropped, Place, Subscription
from banyan_client.transport import Transport

# About the ticket alone: another one may do. That the session has ended is said where tickets are asked for.
_OTHER_TICKET: Final = frozenset({"invalid_ticket", "invalid_token", "token_expired", "unauthorized"})
# A topic that could not be joined for a passing reason is asked for again after this.
_AGAIN_SECONDS: Final = 2.0


class SocketOptions(TypedDict, total=False):
    """`url`: where the socket is, if not where the server says. `reconnects`: when it is opened again.
    `heartbeat_seconds`: after so long a silence the server is asked whether it is there; it says how often by itself.
    `most_waiting`: what waits for an app that does not read a topic; beyond, the topic is left until it has caught up.
    `dial` opens WebSockets by another library than picows.
    """

    url: str | None
    reconnects: Reconnects
    heartbeat_seconds: float | None
    most_waiting: int
    dial: Dial | None


class _Access(Struct, frozen=True):
    url: str
    ticket: str


class BaseSocket:
    """Opened by `async with`; `join` may be called before and at any time after."""

    def __init__(
        self,
        transport: Transport,
        *,
        url: str | None = None,
        reconnects: Reconnects | None = None,
        heartbeat_seconds: float | None = None,
        most_waiting: int = 1000,
        dial: Dial | None = None,
    ) -> None:
        self._transport = transport
        self._url = url
        self._reconnects = reconnects or Reconnects()
        self._heartbeat_seconds = heartbeat_seconds
        self._most_waiting = most_waiting
        self._dial = dial or _default_dial()
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._link: Link | None = None
        self._running: asyncio.Task[None] | None = None
        self._greeted_at: float | None = None
        # Whose socket it is, once it has been open: the places of one person mean nothing to another.
        self._person: tuple[str | None] | None = None
        self._error: BanyanError | None = None
        self._ended = False

    def join(self, topic: str, *, place: Place | None = None) -> Subscription[Any]:
        """Any topic by its name; events as plain JSON values. `place`: where one stands, as an earlier event said."""
        return self._join(topic, Any, place)

    def _join(self, topic: str, kind: Any, place: Place | None = None) -> Subscription[Any]:
        if topic in self._subscriptions:
            raise ValueError(f"{topic} is joined already: every topic once")
        subscription: Subscription[Any] = Subscription(self, topic, kind, place, self._most_waiting)
        if self._ended:
            subscription.end(self._error)
            return subscription
        self._subscriptions[topic] = subscription
        self.ask_to_join(subscription)
        return subscription

    async def aclose(self) -> None:
        """Ends the socket, and all iterations over its topics."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        if not self._ended:
            self._end(None)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # One connection after the other.

    async def _run(self) -> None:
        try:
            await self._reopen()
        except _Failed as failed:
            self._end(failed.error)
        except Exception as error:
            # Of the app's own token storage, for one.
            self._end(BanyanError(f"the socket has failed: {error!r}"))

    async def _reopen(self) -> Never:
        """One connection after the other. Raises _Failed."""
        tried = 0
        while True:
            farewell = await self._hold()
            if not farewell.reconnect and farewell.reason not in _OTHER_TICKET:
                raise _Failed(SocketEnded(farewell.reason))
            lived_seconds = 0.0 if self._greeted_at is None else time.monotonic() - self._greeted_at
            tried = 1 if lived_seconds >= self._reconnects.steady_seconds else tried + 1
            wait_seconds = self._reconnects.wait_seconds(tried, farewell.after_seconds)
            for subscription in self._subscriptions.values():
                subscription.dropped(Dropped(reason=farewell.reason, retry_seconds=wait_seconds))
            await asyncio.sleep(wait_seconds)

    async def _hold(self) -> Farewell:
        """Opens a connection and keeps it as long as it lasts."""
        self._greeted_at = None
        try:
            access = await self._transport.call("GET", "/v1/realtime", _Access)
            wire = await self._dial(self._url or access.url)
        except Problem as problem:
            if not is_passing(problem.status, problem.code):
                raise _Failed(problem) from problem
            return Farewell(problem.code, after_seconds=problem.retry_after_seconds or 0.0)
        except (Unreachable, UnexpectedAnswer):
            return Farewell("unreachable")
        link = Link(wire, self, self._heartbeat_seconds)
        self._link = link
        try:
            return await link.talk(access.ticket)
        except UnexpectedAnswer as error:
            raise _Failed(error) from error
        finally:
            self._link = None

    def _end(self, error: BanyanError | None) -> None:
        self._ended, self._error = True, error
        for subscription in self._subscriptions.values():
            subscription.end(error)
        self._subscriptions.clear()

    # What a link tells.

    def greeted(self, person_id: str | None) -> None:
        if self._person is not None and self._person != (person_id,):
            raise _Failed(SocketEnded("another_account"))
        self._person = (person_id,)
        self._greeted_at = time.monotonic()
        for subscription in self._subscriptions.values():
            self.ask_to_join(subscription)

    def find(self, topic: str) -> Subscription[Any] | None:
        return self._subscriptions.get(topic)

    def refused(self, subscription: Subscription[Any], problem: Problem) -> None:
        if is_passing(problem.status, problem.code):
            subscription.asked = None
            wait_seconds = problem.retry_after_seconds or _AGAIN_SECONDS
            asyncio.get_running_loop().call_later(wait_seconds, self._ask_again, subscription, self._link)
            return
        self.forget(subscription)
        subscription.end(problem)

    def failed(self, problem: Problem) -> None:
        raise _Failed(problem)

    def _ask_again(self, subscription: Subscription[Any], link: Link | None) -> None:
        if link is self._link and self._subscriptions.get(subscription.topic) is subscription:
            self.ask_to_join(subscription)

    # What a subscription asks.

    def ask_to_join(self, subscription: Subscription[Any]) -> None:
        """Now, or as soon as there is a connection."""
        is_open = self._link is not None and self._greeted_at is not None
        if self._link is not None and is_open and subscription.wants_to_join and subscription.asked is None:
            self._link.join(subscription)

    def ask_to_leave(self, subscription: Subscription[Any]) -> None:
        if self._link is not None and (subscription.is_joined or subscription.asked is not None):
            self._link.leave(subscription.topic)

    def forget(self, subscription: Subscription[Any]) -> None:
        if self._subscriptions.get(subscription.topic) is subscription:
            del self._subscriptions[subscription.topic]

    async def ask_to_publish(self, topic: str, data: object) -> None:
        if self._link is None or self._greeted_at is None:
            raise Unreachable("the socket is lost at present")
        await self._link.publish(topic, data)


class _Failed(Exception):
    """Coming back would change nothing."""

    def __init__(self, error: BanyanError) -> None:
        super().__init__(str(error))
        self.error = error


def _default_dial() -> Dial:
    """Who opens no socket needs no picows. Raises BanyanError where it is not installed."""
    try:
        dial: Dial = importlib.import_module("banyan_client.picows_wire").dial
    except ModuleNotFoundError as error:
        raise BanyanError("sockets need picows: pip install 'banyan-client[sockets]', or give `dial`") from error
    return dial
