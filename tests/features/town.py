"""People and posts on a real database, with the queue and the bus in memory: jobs run when a test says so."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from banyan.features.accounts.api import AccountsApi
from banyan.features.people import synced as people_synced
from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Connection
from banyan.features.people.service.handles import Handles
from banyan.features.people.service.imports import PeopleImports
from banyan.features.people.service.lists import Lists
from banyan.features.people.service.mutes import Mutes
from banyan.features.people.service.people import People
from banyan.features.people.service.suggestions import Suggestions
from banyan.features.people.service.synced import SyncedPeople
from banyan.features.people.service.ties import Ties
from banyan.features.people.settings import PeopleSettings
from banyan.features.posts import subscribers
from banyan.features.posts import synced as posts_synced
from banyan.features.posts.models import Audience, AudienceKind, NewComment, NewPost, Post
from banyan.features.posts.service.comments import Comments
from banyan.features.posts.service.community import Communities
from banyan.features.posts.service.homes import Homes, HomeSizes
from banyan.features.posts.service.imports import PostImports
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.service.reactions import Reactions
from banyan.features.posts.service.saves import Saves
from banyan.features.posts.service.synced import SYNCED_POSTS, SyncedPosts
from banyan.features.posts.service.tags import Tags
from banyan.infra.database.pending import Part, Pending
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Connection as DatabaseConnection
from banyan.infra.database.work import Work
from banyan.infra.streams.streams import Streams
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import EncodedPage, Page

Handler = Callable[[Work, Any], Awaitable[None]]


class Memory:
    """The outbox and the bus of a process that is alone."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        # Every signal, followed or not.
        self.emitted: list[Any] = []
        # Types of signals that somebody here follows; what nobody follows leaves nothing behind.
        self.followed: Collection[type] = ()
        self.announced: list[tuple[str, tuple[str, ...]]] = []
        self._callbacks: dict[str, list[Callable[[tuple[str, ...]], None]]] = {}
        self._resets: list[Callable[[], None]] = []

    def subscribe(self, topic: str, callback: Callable[[tuple[str, ...]], None]) -> None:
        self._callbacks.setdefault(topic, []).append(callback)

    def on_reset(self, callback: Callable[[], None]) -> None:
        self._resets.append(callback)

    def reset(self) -> None:
        for callback in self._resets:
            callback()

    async def parts(self, connection: DatabaseConnection, pending: Pending) -> list[Part]:
        """None: everything is taken over at the commit."""
        return []

    def committed(self, pending: Pending) -> None:
        self.emitted += pending.signals
        self.waiting += [signal for signal in pending.signals if type(signal) in self.followed]
        self.waiting += [enqueued.job for enqueued in pending.jobs]
        for announcement in pending.announcements:
            self.announced.append((announcement.topic, announcement.keys))
            for callback in self._callbacks.get(announcement.topic, ()):
                callback(announcement.keys)


def posts_of(page: EncodedPage) -> Page[Post]:
    """What a client reads."""
    return Page(msgspec.json.decode(page.items, type=list[Post]), page.next_cursor)


class Town:
    """Every service of people and posts, and short ways to use them in a transaction of their own."""

    def __init__(
        self,
        pool: Pool,
        sizes: HomeSizes | None = None,
        *,
        synced_posts: int = SYNCED_POSTS,
        kept_deletions: int = 1000,
    ) -> None:
        self.pool = pool
        self.memory = Memory()
        pool.attach(self.memory)
        self.api = PeopleApi()
        self.api.listen(self.memory)
        self.handles = Handles(PeopleSettings())
        self.people = People(AccountsApi(), self.handles)
        self.people_imports = PeopleImports(self.handles)
        self.ties = Ties()
        self.lists = Lists()
        self.mutes = Mutes()
        self.suggestions = Suggestions()
        self.posts = Posts(self.api)
        self.comments = Comments(self.api, self.posts)
        self.reactions = Reactions(self.posts)
        self.saves = Saves(self.api, self.posts)
        self.tags = Tags(self.api, self.posts)
        self.homes = Homes(self.api, self.posts, sizes)
        self.homes.listen(self.memory)
        self.synced_posts = synced_posts
        synced = SyncedPosts(self.api, self.posts, self.homes, synced_posts)
        kinds = (*people_synced.synced_kinds(SyncedPeople(self.api)), *posts_synced.synced_kinds(synced))
        self.streams = Streams(kinds, kept_deletions)
        self.imports = PostImports(self.api)
        self.communities = Communities(self.api, "Testville", "On the river.", "open", {})
        self._handlers: dict[type, Handler] = {}
        for subscriber in subscribers.subscribers(self.homes):
            self._handlers[subscriber.signal] = subscriber.handler
        for kind in subscribers.job_kinds(self.homes):
            self._handlers[kind.job] = kind.handler
        self.memory.followed = self._handlers.keys()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        async with self.pool.work() as work:
            yield work

    def forget(self) -> None:
        """As if the process had just started."""
        self.memory.waiting.clear()
        self.memory.emitted.clear()
        self.memory.announced.clear()
        self.memory.reset()

    async def drain(self, random: Random | None = None) -> None:
        """Runs all jobs, also those that jobs leave behind; in any order when `random` is given."""
        while self.memory.waiting:
            place = random.randrange(len(self.memory.waiting)) if random else 0
            job = self.memory.waiting.pop(place)
            async with self.work() as work:
                await self.run(work, job)

    async def run(self, work: Work, job: Any) -> None:
        """One signal's subscriber or one job."""
        handler = self._handlers.get(type(job))
        # A signal that nobody follows leaves no job.
        if handler is not None:
            await handler(work, job)

    async def person(self, handle: str) -> UUID:
        person_id = new_id()
        async with self.work() as work:
            await self.people.create_person(work, person_id, handle, handle.title(), now())
        return person_id

    async def ask(self, asker: UUID, asked: UUID) -> Connection:
        async with self.work() as work:
            return await self.ties.ask_connection(work, asker, asked)

    async def accept(self, person: UUID, connection: UUID) -> Connection:
        async with self.work() as work:
            return await self.ties.accept_connection(work, person, connection)

    async def connect(self, one: UUID, other: UUID) -> Connection:
        """Both ask: connected."""
        await self.ask(one, other)
        return await self.ask(other, one)

    async def end(self, person: UUID, connection: UUID) -> None:
        async with self.work() as work:
            await self.ties.end_connection(work, person, connection)

    async def block(self, person: UUID, blocked: UUID) -> None:
        async with self.work() as work:
            await self.ties.block_person(work, person, blocked)

    async def unblock(self, person: UUID, blocked: UUID) -> None:
        async with self.work() as work:
            await self.ties.unblock_person(work, person, blocked)

    async def mute(self, person: UUID, muted: UUID) -> None:
        async with self.work() as work:
            await self.mutes.mute_person(work, person, muted)

    async def unmute(self, person: UUID, muted: UUID) -> None:
        async with self.work() as work:
            await self.mutes.unmute_person(work, person, muted)

    async def make_list(self, owner: UUID, *members: UUID, name: str = "Friends") -> UUID:
        """A list with these connections on it."""
        async with self.work() as work:
            list_id = (await self.lists.create_list(work, owner, name)).id
        for member in members:
            await self.add_member(owner, list_id, member)
        return list_id

    async def add_member(self, owner: UUID, list_id: UUID, member: UUID) -> None:
        async with self.work() as work:
            await self.lists.add_member(work, owner, list_id, member)

    async def remove_member(self, owner: UUID, list_id: UUID, member: UUID) -> None:
        async with self.work() as work:
            await self.lists.remove_member(work, owner, list_id, member)

    async def delete_list(self, owner: UUID, list_id: UUID) -> None:
        async with self.work() as work:
            await self.lists.delete_list(work, owner, list_id)

    async def publish(self, author: UUID, body: str = "Hello", audience: Audience | AudienceKind = "public") -> Post:
        given = Audience(audience) if isinstance(audience, str) else audience
        async with self.work() as work:
            return await self.posts.publish_post(work, author, NewPost(body=body, audience=given))

    async def comment(self, author: UUID, post: UUID, body: str = "Indeed", parent: UUID | None = None) -> UUID:
        async with self.work() as work:
            new = NewComment(body=body, parent_id=parent)
            return (await self.comments.write_comment(work, author, post, new)).id

    async def save(self, person: UUID, post: UUID) -> None:
        async with self.work() as work:
            await self.saves.save_post(work, person, post)

    async def react(self, person: UUID, post: UUID, kind: str = "love") -> None:
        async with self.work() as work:
            await self.reactions.put_reaction(work, person, post, kind)

    async def feed(self, person: UUID, page: int = 100) -> list[Post]:
        """The whole feed, page by page."""
        posts: list[Post] = []
        cursor: str | None = None
        while True:
            async with self.work() as work:
                found = posts_of(await self.homes.read_feed(work, person, page, cursor))
            posts += found.items
            assert len(found.items) == page or found.next_cursor is None, "a short page is the last one"
            if found.next_cursor is None:
                return posts
            cursor = found.next_cursor

    async def bodies(self, person: UUID, page: int = 100) -> list[str]:
        """What the whole feed says."""
        return [post.body for post in await self.feed(person, page)]

    async def home_rows(self, person: UUID) -> int:
        """How many posts are written into a person's home."""
        async with self.work() as work:
            count: int = await work.value("SELECT count(*) FROM posts_home WHERE person_id = $1", person)
            return count

    async def profile(self, author: UUID) -> list[Post]:
        """All that an author sees of their own posts."""
        async with self.work() as work:
            cards = await self.api.cards(work, [author])
            page = await self.posts.list_by_author(work, author, cards[author].handle, 100, None)
        return page.items

    async def connections(self, person: UUID) -> list[UUID]:
        """The ids of a person's connections."""
        async with self.work() as work:
            page = await self.ties.list_connections(work, person, "connected", 100, None)
        return [connection.id for connection in page.items]
