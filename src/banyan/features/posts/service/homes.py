"""The home feed: a table of posts per person, written by jobs, checked at each read.

A home is complete above its floor (without one, complete altogether) and holds about the newest 500 posts; what
lies deeper is pulled from the authors, and so are at any depth the posts of very large accounts, which are not written
into homes (`large.py`). Writers only ever add too much, or raise the floor: both are safe beside
any other writer, because reads filter by what the reader may see now and look at nothing below the floor.
"""

from collections.abc import Awaitable, Callable, Sequence, Sized
from operator import attrgetter
from typing import Protocol, TypeVar
from uuid import UUID

from msgspec import Raw, Struct

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import IdSet, Relations
from banyan.features.people.signals import ConnectionEnded, ConnectionMade, ListMemberAdded
from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.models import FeedMark, FeedPage, Post, PostRow, ShownPost
from banyan.features.posts.queries import homes as queries
from banyan.features.posts.queries.posts import list_by_id
from banyan.features.posts.service.announcing import FEEDS_TOPIC
from banyan.features.posts.service.copies import PostCopies
from banyan.features.posts.service.large import LargeAuthors
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.signals import PostPublished
from banyan.features.posts.visibility import FeedRow, all_stand_in_feed, belongs_in_feed, feed_rows
from banyan.infra.bus import Bus
from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.ids import LAST_ID
from banyan.kernel.pages import EncodedPage, cut_page, decode_cursor

# Where much of what was read may not be shown, larger steps bound the number of statements.
_REFILL_ROWS = 100
_JSON = attrgetter("json")


class HomeSizes(Struct, frozen=True, kw_only=True):
    """How much a home holds and a job does.

    A fan-out trims one in 256 of the homes that it writes to. To find what goes, all that stays has to be looked at,
    each row in another place: rarer trims of more rows cost less, and homes grow by as many rows between two of them.
    """

    home_rows: int = 500
    backfill_rows: int = 200
    fan_out_readers: int = 2500
    # A divisor of 256.
    trim_one_in: int = 256
    pulled_above_connections: int = 10_000


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


class _HomeRow(_Identified, FeedRow, Protocol):
    """What tells by itself whether it stands in a feed."""


H = TypeVar("H", bound=_HomeRow)
P = TypeVar("P", bound=Sized)
F = TypeVar("F", bound=_Identified)


class Homes:
    """Reads feeds and keeps the table behind them."""

    def __init__(self, people: PeopleApi, posts: Posts, sizes: HomeSizes | None = None) -> None:
        self._people = people
        self._posts = posts
        self._sizes = sizes or HomeSizes()
        self._copies = PostCopies(people, posts)
        self._large = LargeAuthors(people, self._sizes.pulled_above_connections)

    def listen(self, bus: Bus) -> None:
        """Drops what the bus says is outdated."""
        self._large.listen(bus)
        self._copies.listen(bus)

    async def read_feed(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> EncodedPage:
        """One's own posts and those of current connections that one may see, newest first, to any depth; each a `Post`
        in JSON.
        """
        before = decode_cursor(cursor) or LAST_ID
        relations = await self._people.relations(work, person_id)

        async def visible(posts: FeedPage) -> list[ShownPost]:
            return await self._show(work, person_id, relations, posts)

        found = await self._read(work, person_id, relations, queries.FEED, visible, before, limit + 1)
        page = cut_page(found, limit, lambda one: one.id)
        return EncodedPage(Raw(b"[" + b",".join(map(_JSON, page.items)) + b"]"), page.next_cursor)

    async def list_marks(self, work: Work, person_id: UUID, newest: int) -> list[FeedMark]:
        """The newest posts of a feed, with no more than tells whether a copy is up to date."""
        relations = await self._people.relations(work, person_id)
        return await self._read_rows(work, person_id, relations, queries.MARKS, LAST_ID, newest)

    async def list_whole(
        self, work: Work, person_id: UUID, newest: int, valued: int
    ) -> tuple[list[PostRow], list[FeedMark]]:
        """The newest `valued` with their content, and as `list_marks` the rest of the newest."""
        relations = await self._people.relations(work, person_id)
        wanted = min(valued, newest)
        rows = await self._read_rows(work, person_id, relations, queries.WHOLE, LAST_ID, wanted)
        if len(rows) < wanted or wanted == newest:
            return rows, []
        return rows, await self._read_rows(work, person_id, relations, queries.MARKS, rows[-1].id, newest - wanted)

    async def list_in_feed(self, work: Work, person_id: UUID, post_ids: Sequence[str]) -> list[Post]:
        """Those of many posts that stand in a person's feed at this moment."""
        relations = await self._people.relations(work, person_id)
        rows = feed_rows(person_id, relations, await list_by_id(work, person_id, post_ids))
        return await self._posts.dress_rows(work, person_id, rows)

    async def fan_out_published(self, work: Work, published: PostPublished) -> None:
        """Writes a new post into the first homes; a job for each further few thousand."""
        await self.fan_out(work, FanOutPost(published.post_id, published.author_id, list_id=published.list_id))

    async def fan_out(self, work: Work, job: FanOutPost) -> None:
        """Writes a post into the homes of so many connections, or members of its list, as they are now. In the
        author's own it stands already.
        """
        most = self._sizes.fan_out_readers
        if job.list_id is None:
            readers = await self._people.connection_ids(work, job.author_id, after=job.after, limit=most)
            if await self._is_large(work, job, len(readers)):
                readers = IdSet()
        else:
            readers = await self._people.list_member_ids(work, job.list_id, after=job.after, limit=most)
        if readers:
            await queries.insert_home_rows(work, job.post_id, readers)
        trimmed = self._drawn(job, readers)
        if trimmed:
            await queries.trim_homes(work, trimmed, self._sizes.home_rows)
        if len(readers) == most:
            work.enqueue(FanOutPost(job.post_id, job.author_id, readers.last, job.list_id))
        else:
            # They look when all of them find it; a look of each for every chunk would be too many.
            work.announce(FEEDS_TOPIC, str(job.author_id))

    async def follow_made(self, work: Work, made: ConnectionMade) -> None:
        await self.reconcile(work, made.person_id, made.other_id)

    async def follow_ended(self, work: Work, ended: ConnectionEnded) -> None:
        await self.reconcile(work, ended.person_id, ended.other_id)

    async def follow_listed(self, work: Work, added: ListMemberAdded) -> None:
        """Fills in the newest posts for a list. Of who leaves it the rows stay: reads show nothing of them."""
        await queries.backfill_list(work, added.person_id, added.list_id, self._sizes.backfill_rows)
        await queries.trim_homes(work, [added.person_id], self._sizes.home_rows)
        work.announce(ME_TOPIC, str(added.person_id))

    async def reconcile(self, work: Work, one: UUID, other: UUID) -> None:
        """Makes the homes of two people agree with whether they are connected now, in whatever order such jobs run."""
        # Under the pair's lock: a job that saw them parted must not delete after one that saw them connected.
        await self._people.lock_pair(work, one, other)
        connected, _ = await self._people.relations_between(work, [(one, other)])
        large = await self._large.list_large(work)
        pair = sorted((one, other))
        for person_id, author_id in (pair, reversed(pair)):
            if connected and author_id not in large:
                await queries.backfill_home(work, person_id, author_id, self._sizes.backfill_rows)
            elif not connected:
                await queries.remove_from_home(work, person_id, author_id)
        work.announce(ME_TOPIC, *map(str, pair))
        if connected:
            await queries.trim_homes(work, pair, self._sizes.home_rows)

    async def build_homes(self, work: Work, person_ids: list[UUID]) -> None:
        """The newest 500 for each of these people, in one statement: for imports. Some hundred people at a time."""
        sources = await self._people.connections_of(work, person_ids)
        firsts: list[int] = []
        lasts: list[int] = []
        authors: list[UUID] = []
        for person_id in person_ids:
            firsts.append(len(authors) + 1)
            authors.append(person_id)
            authors.extend(sources.get(person_id, ()))
            lasts.append(len(authors))
        await queries.build_homes(work, person_ids, firsts, lasts, authors, self._sizes.home_rows)

    async def _is_large(self, work: Work, job: FanOutPost, readers: int) -> bool:
        """Whether the author's posts are pulled. Counted once for each post, and not for who has few connections."""
        if job.after is not None:
            return await self._large.is_known(work, job.author_id)
        few = readers < min(self._sizes.fan_out_readers, self._sizes.pulled_above_connections + 1)
        return not few and await self._large.find_out(work, job.author_id)

    def _drawn(self, job: FanOutPost, readers: IdSet) -> list[UUID]:
        """The homes that are trimmed on this occasion, in order. Each post draws others."""
        homes = readers if job.after else IdSet(readers.packed + job.author_id.bytes)
        draw, one_in = job.post_id.bytes[-1], self._sizes.trim_one_in
        packed = homes.packed
        places = [place for place, last in enumerate(packed[15::16]) if (last ^ draw) % one_in == 0]
        return sorted(UUID(bytes=packed[16 * place : 16 * place + 16]) for place in places)

    async def _show(self, work: Work, person_id: UUID, relations: Relations, page: FeedPage) -> list[ShownPost]:
        """Those that stand in a person's feed."""
        copies, as_found = await self._copies.list_copies(work, person_id, page.versions)
        if as_found and all_stand_in_feed(relations, page) and not any(page.mine):
            return list(map(ShownPost, page.versions, map(_JSON, copies)))
        return [
            ShownPost(version, copy.touched(mine) if mine else copy.json)
            for version, copy, mine in zip(page.versions, copies, page.mine, strict=True)
            if copy is not None and belongs_in_feed(person_id, relations, copy)
        ]

    async def _read_rows(
        self,
        work: Work,
        person_id: UUID,
        relations: Relations,
        reading: queries.Reading[list[H]],
        before: UUID,
        wanted: int,
    ) -> list[H]:
        async def visible(rows: list[H]) -> list[H]:
            return feed_rows(person_id, relations, rows)

        return await self._read(work, person_id, relations, reading, visible, before, wanted)

    async def _read(
        self,
        work: Work,
        person_id: UUID,
        relations: Relations,
        reading: queries.Reading[P],
        visible: Callable[[P], Awaitable[list[F]]],
        before: UUID,
        wanted: int,
    ) -> list[F]:
        """Up to `wanted` of a feed, newest first: from the home, and what is missing from the authors."""
        pulled = await self._large.list_followed(work, person_id, relations)
        found = await _read_visible(
            reading,
            lambda place, count: queries.list_home(work, reading, person_id, pulled, place, count),
            visible,
            before,
            wanted,
        )
        if len(found) < wanted:
            authors, listed = [person_id, *relations.connected], list(relations.listed)
            found += await _read_visible(
                reading,
                lambda place, count: queries.list_older(work, reading, person_id, authors, listed, place, count),
                visible,
                found[-1].id if found else before,
                wanted - len(found),
            )
        return found


async def _read_visible(
    reading: queries.Reading[P],
    read: Callable[[UUID, int], Awaitable[P]],
    visible: Callable[[P], Awaitable[list[F]]],
    before: UUID,
    wanted: int,
) -> list[F]:
    """Up to `wanted` posts that may be shown, newest first: reads on while some of those read may not."""
    found: list[F] = []
    step = wanted
    while True:
        rows = await read(before, step)
        found += await visible(rows)
        if len(found) >= wanted or len(rows) < step:
            return found[:wanted]
        before = reading.last_id(rows)
        step = max(wanted, _REFILL_ROWS)
