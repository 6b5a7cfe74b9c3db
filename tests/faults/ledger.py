"""What a crowd was promised, and whether the database keeps it: nothing lost, nothing twice."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Set
from uuid import UUID

import asyncpg
import httpx
import msgspec
from msgspec import Struct, field

from banyan.features.posts.models import Post
from banyan.kernel.pages import Page

_DRAIN_SECONDS = 300.0

_COUNTERS = """
SELECT c.post_id, c.comment_count, (SELECT count(*) FROM posts_comments x WHERE x.post_id = c.post_id) AS comments,
    c.reaction_counts::text, coalesce((SELECT jsonb_object_agg(kind, n) FROM (
        SELECT kind, count(*) AS n FROM posts_reactions x WHERE x.post_id = c.post_id GROUP BY kind) AS k
    ), '{}')::text AS reactions
FROM posts_counters c
"""


class PromisedPost(Struct):
    author_id: UUID
    body: str
    audience: str


class Ledger(Struct):
    """Every answer that said yes. `deleted` also holds what is being deleted just now."""

    emails: dict[str, UUID] = field(default_factory=dict)
    posts: dict[UUID, PromisedPost] = field(default_factory=dict)
    deleted: set[UUID] = field(default_factory=set)
    # (post, author, body) by id
    comments: dict[UUID, tuple[UUID, UUID, str]] = field(default_factory=dict)
    # kind by (post, person)
    reactions: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    connected: set[frozenset[UUID]] = field(default_factory=set)
    # Pairs that were connected at some time: a late job may have left a row too many in their homes.
    met: set[frozenset[UUID]] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{len(self.emails)} accounts, {len(self.posts)} posts, {len(self.deleted)} deleted, "
            f"{len(self.comments)} comments, {len(self.reactions)} reactions, {len(self.connected)} connections"
        )

    def connections_of(self, person_id: UUID) -> set[UUID]:
        return {other for pair in self.connected if person_id in pair for other in pair - {person_id}}

    def feed_of(self, person_id: UUID) -> list[UUID]:
        """Ids of the posts in a home feed, newest first."""
        others = self.connections_of(person_id)
        return sorted(
            (
                id
                for id, post in self.posts.items()
                if post.author_id == person_id or (post.author_id in others and post.audience != "self")
            ),
            reverse=True,
        )

    async def check_kept(self, connection: asyncpg.Connection) -> None:
        """Everything promised so far is there, while the crowd goes on."""
        posts, comments, emails = set(self.posts) - self.deleted, set(self.comments), set(self.emails)
        assert await _missing(connection, "SELECT id FROM posts_posts", posts - self.deleted) - self.deleted == set()
        assert await _missing(connection, "SELECT id FROM posts_comments", comments) == set()
        assert await _missing(connection, "SELECT email FROM accounts_accounts", emails) == set()

    async def check_exact(self, connection: asyncpg.Connection) -> None:
        """The crowd has left and every job is done: the database holds what was promised and nothing else."""
        await self._check_accounts(connection)
        await self._check_posts(connection)
        await self._check_connections(connection)
        await self._check_homes(connection)

    async def check_feeds(self, url: str, tokens: dict[UUID, str]) -> None:
        """The home feed that each person reads, page by page."""
        async with httpx.AsyncClient(base_url=url, timeout=300) as http:
            for person_id, token in tokens.items():
                assert await _read_feed(http, token) == self.feed_of(person_id), f"feed of {person_id}"

    async def _check_accounts(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch("SELECT email, id FROM accounts_accounts")
        assert sorted((row["email"], row["id"]) for row in rows) == sorted(self.emails.items())
        people = {row["id"] for row in await connection.fetch("SELECT id FROM people_people")}
        assert people == set(self.emails.values())
        mails = Counter(row["recipient"] for row in await connection.fetch("SELECT recipient FROM mail_messages"))
        assert mails == Counter(self.emails.keys()), "one mail for each sign-up"

    async def _check_posts(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch("SELECT id, author_id, body, audience FROM posts_posts")
        assert {row[0]: PromisedPost(*list(row)[1:]) for row in rows} == self.posts
        # The bodies are all different, so a second effect of one request would have another id and the same body.
        assert len({row["body"] for row in rows}) == len(rows)
        rows = await connection.fetch("SELECT id, post_id, author_id, body FROM posts_comments")
        assert {row[0]: (row[1], row[2], row[3]) for row in rows} == self.comments
        rows = await connection.fetch("SELECT post_id, person_id, kind FROM posts_reactions")
        assert {(row[0], row[1]): row[2] for row in rows} == self.reactions
        counters = await connection.fetch(_COUNTERS)
        assert {row["post_id"] for row in counters} == set(self.posts)
        for row in counters:
            assert row["comment_count"] == row["comments"], f"comments of {row['post_id']}"
            counted, present = (msgspec.json.decode(row[name]) for name in ("reaction_counts", "reactions"))
            assert counted == present, f"reactions to {row['post_id']}"

    async def _check_connections(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch("SELECT person_id, other_id, state FROM people_connections")
        assert {row["state"] for row in rows} <= {"connected"}
        expected = {(one, other) for pair in self.connected for one in pair for other in pair - {one}}
        assert sorted((row["person_id"], row["other_id"]) for row in rows) == sorted(expected)

    async def _check_homes(self, connection: asyncpg.Connection) -> None:
        """Above its floor no row is missing; one too many is of a deleted post, or of somebody once connected."""
        homes: dict[UUID, set[UUID]] = defaultdict(set)
        floors = {row[0]: row[1] for row in await connection.fetch("SELECT person_id, floor_id FROM posts_home_floors")}
        for row in await connection.fetch("SELECT person_id, post_id FROM posts_home"):
            homes[row["person_id"]].add(row["post_id"])
        assert homes.keys() <= set(self.emails.values())
        for person_id in self.emails.values():
            floor = floors.get(person_id, UUID(int=0))
            expected = {id for id in self.feed_of(person_id) if id > floor}
            assert expected - homes[person_id] == set(), f"missing in the home of {person_id}"
            # What lies below the floor is never looked at: a late writer may leave a row there.
            for id in {id for id in homes[person_id] if id > floor} - expected - self.deleted:
                pair = frozenset((person_id, self.posts[id].author_id))
                assert pair in self.met - self.connected, f"{id} does not belong into the home of {person_id}"


async def wait_until_done(connection: asyncpg.Connection) -> None:
    """Returns when no job is left but those of later (mail of notifications). Fails when one is given up, or held or
    waiting for ever.
    """
    deadline = time.monotonic() + _DRAIN_SECONDS
    while True:
        rows = await connection.fetch(
            "SELECT kind, state, attempts, run_at, lease_until, last_error FROM jobs"
            " WHERE run_at < now() + interval '30 seconds'"
        )
        if not rows:
            return
        assert not [row for row in rows if row["state"] == "dead"], rows
        assert time.monotonic() < deadline, f"jobs that do not end: {rows}"
        await asyncio.sleep(0.1)


async def _missing(connection: asyncpg.Connection, sql: str, wanted: Set[object]) -> set[object]:
    return set(wanted) - {row[0] for row in await connection.fetch(sql)}


async def _read_feed(http: httpx.AsyncClient, token: str) -> list[UUID]:
    found: list[UUID] = []
    query = {"limit": "100"}
    while True:
        answer = await _get_until_taken(http, "/v1/feed", query, {"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        page = msgspec.json.decode(answer.content, type=Page[Post])
        found += [post.id for post in page.items]
        if page.next_cursor is None:
            return found
        query["cursor"] = page.next_cursor


async def _get_until_taken(
    http: httpx.AsyncClient, path: str, query: dict[str, str], headers: dict[str, str]
) -> httpx.Response:
    """A server that gives up soon refuses now and then where everything is slow."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while True:
        answer = await http.get(path, params=query, headers=headers)
        if answer.status_code != 503 or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(0.1)
