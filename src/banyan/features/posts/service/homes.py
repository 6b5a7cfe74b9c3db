"""The home feed: a table of posts per person, written by jobs, checked at each read.

A home is complete above its floor (without one, complete altogether) and holds about the newest 500 posts; what
lies deeper is pulled from the authors. Writers only ever add too much, or raise the floor: both are safe beside
any other writer, because reads filter by what the reader may see now and look at nothing below the floor.
"""

from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Relations
from banyan.features.people.signals import ConnectionEnded, ConnectionMade
from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.models import Post, PostRow
from banyan.features.posts.queries import homes as queries
from banyan.features.posts.queries.posts import LAST_ID
from banyan.features.posts.service.posts import Posts, read_visible
from banyan.features.posts.signals import PostPublished
from banyan.features.posts.visibility import belongs_in_feed
from banyan.infra.database.work import Work
from banyan.kernel.pages import Page, decode_cursor

HOME_ROWS = 500
BACKFILL_ROWS = 200
# Readers per statement and job of a fan-out: about 6 ms of PostgreSQL each (FACTS: 200 readers take 1.2 ms).
_FAN_OUT_READERS = 1000
# A fan-out trims one in so many of the homes it writes to: homes stay near their bound for 3% of the cost.
_TRIM_ONE_IN = 32


class Homes:
    """Reads feeds and keeps the table behind them."""

    def __init__(self, people: PeopleApi, posts: Posts) -> None:
        self._people = people
        self._posts = posts

    async def read_feed(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[Post]:
        """One's own posts and those of current connections that one may see, newest first, to any depth."""
        before = decode_cursor(cursor) or LAST_ID
        relations = await self._people.relations(work, person_id)
        wanted = limit + 1
        rows = await self._read_home(work, person_id, relations, before, wanted)
        if len(rows) < wanted:
            if rows:
                before = rows[-1].id
            rows += await self._read_older(work, person_id, relations, before, wanted - len(rows))
        return await self._posts.dress_page(work, rows, limit)

    async def fan_out_published(self, work: Work, published: PostPublished) -> None:
        """Writes a new post into the first homes; a job for each further thousand."""
        await self.fan_out(work, FanOutPost(published.post_id, published.author_id))

    async def fan_out(self, work: Work, job: FanOutPost) -> None:
        """Writes a post into the homes of up to a thousand connections as they are now, the author's as well."""
        readers = await self._people.connection_ids(work, job.author_id, after=job.after, limit=_FAN_OUT_READERS)
        if len(readers) == _FAN_OUT_READERS:
            work.enqueue(FanOutPost(job.post_id, job.author_id, readers[-1]))
        if job.after is None:
            readers = sorted([*readers, job.author_id])
        await queries.insert_home_rows(work, job.post_id, readers)
        draw = job.post_id.int
        trimmed = [reader for reader in readers if (reader.int ^ draw) % _TRIM_ONE_IN == 0]
        if trimmed:
            await queries.trim_homes(work, trimmed, HOME_ROWS)

    async def follow_made(self, work: Work, made: ConnectionMade) -> None:
        await self.reconcile(work, made.person_id, made.other_id)

    async def follow_ended(self, work: Work, ended: ConnectionEnded) -> None:
        await self.reconcile(work, ended.person_id, ended.other_id)

    async def reconcile(self, work: Work, one: UUID, other: UUID) -> None:
        """Makes the homes of two people agree with whether they are connected now, in whatever order such jobs run."""
        # Under the pair's lock: a job that saw them parted must not delete after one that saw them connected.
        await self._people.lock_pair(work, one, other)
        connected, _ = await self._people.relations_between(work, [(one, other)])
        pair = sorted((one, other))
        for person_id, author_id in (pair, reversed(pair)):
            if connected:
                await queries.backfill_home(work, person_id, author_id, BACKFILL_ROWS)
            else:
                await queries.remove_from_home(work, person_id, author_id)
        if connected:
            await queries.trim_homes(work, pair, HOME_ROWS)

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
        await queries.build_homes(work, person_ids, firsts, lasts, authors, HOME_ROWS)

    async def _read_home(
        self, work: Work, person_id: UUID, relations: Relations, before: UUID, wanted: int
    ) -> list[PostRow]:
        return await read_visible(
            lambda place, rows: queries.list_home(work, person_id, place, rows),
            lambda row: belongs_in_feed(person_id, relations, row.author_id, row.audience),
            before,
            wanted,
        )

    async def _read_older(
        self, work: Work, person_id: UUID, relations: Relations, before: UUID, wanted: int
    ) -> list[PostRow]:
        authors = [person_id, *relations.connected]
        return await read_visible(
            lambda place, rows: queries.list_older(work, person_id, authors, place, rows),
            lambda row: belongs_in_feed(person_id, relations, row.author_id, row.audience),
            before,
            wanted,
        )
