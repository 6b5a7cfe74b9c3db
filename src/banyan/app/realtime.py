"""The realtime gateway joined to the features: tickets over HTTP, topics, and what the bus tells it."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from banyan.app.features import Features
from banyan.app.settings import Settings
from banyan.features.people.api import AWAY_TOPIC, CARDS_TOPIC, RELATIONS_TOPIC, PeopleApi
from banyan.features.people.topics import topics as people_topics
from banyan.features.posts.api import FEEDS_TOPIC
from banyan.features.posts.topics import topics as posts_topics
from banyan.features.sync.topics import topics as sync_topics
from banyan.infra.auth.bearers import Bearers
from banyan.infra.auth.tokens import SESSIONS_TOPIC
from banyan.infra.bus import TableBus
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import CUTS_TOPIC
from banyan.infra.declare import ME_TOPIC, Topic
from banyan.infra.http.routing import Controller, Request, get
from banyan.infra.realtime.errors import UpgradeRequired
from banyan.infra.realtime.gateway import Realtime
from banyan.infra.realtime.settings import RealtimeSettings
from banyan.infra.realtime.tickets import issue_ticket

SOCKET_PATH = "/v1/socket"


class RealtimeAccess(Struct, frozen=True):
    """Where to open a socket, and a ticket for its first frame: good once, for `expires_in` seconds."""

    url: str
    ticket: str
    expires_in: int


class RealtimeRoutes(Controller):
    path = "/v1"
    tags = ["auth"]
    settings: RealtimeSettings
    public_url: str

    @get("/realtime", access="anyone")
    async def show_access(self, request: Request) -> RealtimeAccess:
        """Where to open a socket, and a ticket for it.

        The ticket stands for who asks: an anonymous one joins only `posts:public`. It goes into the first frame, is
        good once and for a short time; an access token there works too. The protocol is described in
        docs/realtime.md.
        """
        ticket = await issue_ticket(request.work, request.principal, self.settings.ticket_seconds)
        url = socket_url(self.settings, self.public_url)
        return RealtimeAccess(url, ticket, round(self.settings.ticket_seconds))


class SocketRoutes(Controller):
    path = "/v1"
    tags = ["auth"]

    @get("/socket", access="anyone", raises=[UpgradeRequired], status=200)
    async def open_socket(self, request: Request) -> None:
        """The socket.

        Takes WebSocket connections (RFC 6455) that speak the protocol of docs/realtime.md; every other request is
        answered with 426. Nothing of the address or the headers says who asks: the first frame does.
        """
        raise UpgradeRequired("Open a WebSocket here, as docs/realtime.md describes.")


def socket_url(settings: RealtimeSettings, public_url: str) -> str:
    """Where clients find the socket: beside the API, unless the settings say otherwise."""
    if settings.url:
        return settings.url
    parts = urlsplit(public_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}{SOCKET_PATH}"


def socket_origin(settings: RealtimeSettings, public_url: str) -> str:
    """Scheme and host of that, as a content security policy names them."""
    parts = urlsplit(socket_url(settings, public_url))
    return f"{parts.scheme}://{parts.netloc}"


def all_topics(features: Features) -> Sequence[Topic]:
    """What sockets may join, over all features."""
    return (
        *people_topics(features.presence),
        *posts_topics(features.posts),
        *features.messaging.topics,
        *sync_topics(features.streams),
    )


def build_realtime(settings: Settings, features: Features, pool: Pool, bearers: Bearers, bus: TableBus) -> Realtime:
    """The gateway of this process, listening to the bus."""
    realtime = Realtime(
        settings.realtime, all_topics(features), pool.work, bearers.tokens.verify, features.sessions.find_role
    )
    feeds = _Feeds(realtime, features.people_api, pool)
    bus.subscribe(SESSIONS_TOPIC, realtime.hear_sessions)
    bus.subscribe(CUTS_TOPIC, realtime.hear_cuts)
    bus.subscribe(ME_TOPIC, realtime.hear_changed)
    bus.subscribe(RELATIONS_TOPIC, realtime.hear_relations)
    bus.subscribe(AWAY_TOPIC, lambda _keys: realtime.reset())
    bus.subscribe(FEEDS_TOPIC, feeds.hear)
    bus.subscribe(CARDS_TOPIC, feeds.hear)
    bus.on_reset(realtime.reset)
    return realtime


class _Feeds:
    """Finds those of this process' people into whose feeds an author's posts go. So an author who publishes costs one
    announcement, however many read them.
    """

    def __init__(self, realtime: Realtime, people: PeopleApi, pool: Pool) -> None:
        self._realtime = realtime
        self._people = people
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, keys: tuple[str, ...]) -> None:
        if self._realtime.hub.people:
            task = asyncio.get_running_loop().create_task(self._prompt([UUID(key) for key in keys]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _prompt(self, author_ids: Sequence[UUID]) -> None:
        for author_id in author_ids:
            async with self._pool.work() as work:
                relations = await self._people.relations(work, author_id)
            online = [person_id for person_id in self._realtime.hub.people if person_id in relations.connected]
            self._realtime.look_for_people([author_id, *online])
