"""Whatever people do, every list shows every reader exactly what a simple model says."""

from collections.abc import Awaitable
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from banyan.features.people.errors import PersonNotFound
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import Audience, AudienceKind, CommentText, Post, PostChanges
from banyan.features.posts.service.homes import HomeSizes
from banyan.infra.database.pool import Pool
from banyan.kernel.errors import BanyanError
from tests.features.town import Town

# Tiny bounds, so that a few posts reach every one of them.
SIZES = HomeSizes(home_rows=4, backfill_rows=2, fan_out_readers=2, trim_one_in=1)
PEOPLE = 4

Person = int
Pair = frozenset[Person]


class ModelPost(Struct):
    author: Person
    body: str
    audience: AudienceKind
    edited: bool = False
    reactions: dict[Person, str] = field(default_factory=dict)
    comments: dict[UUID, tuple[Person, str]] = field(default_factory=dict)


class Model(Struct):
    """The rules in a few lines."""

    posts: dict[UUID, ModelPost] = field(default_factory=dict)
    # Who asked; a pair that is connected stands in `connected` instead.
    asked: dict[Pair, Person] = field(default_factory=dict)
    connected: set[Pair] = field(default_factory=set)
    blocks: set[tuple[Person, Person]] = field(default_factory=set)

    def hidden(self, one: Person | None, other: Person) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sees(self, viewer: Person | None, post: ModelPost) -> bool:
        if viewer == post.author:
            return True
        if self.hidden(viewer, post.author):
            return False
        if post.audience == "connections":
            return viewer is not None and frozenset((viewer, post.author)) in self.connected
        return post.audience == "public"

    def newest_first(self) -> list[tuple[UUID, ModelPost]]:
        return sorted(self.posts.items(), reverse=True)

    def feed(self, viewer: Person) -> list[UUID]:
        return [
            post_id
            for post_id, post in self.newest_first()
            if (post.author == viewer or frozenset((viewer, post.author)) in self.connected) and self.sees(viewer, post)
        ]

    def profile(self, viewer: Person | None, author: Person) -> list[UUID]:
        return [post_id for post_id, post in self.newest_first() if post.author == author and self.sees(viewer, post)]

    def public(self, viewer: Person | None) -> list[UUID]:
        return [
            post_id for post_id, post in self.newest_first() if post.audience == "public" and self.sees(viewer, post)
        ]

    def comments(self, viewer: Person | None, post: ModelPost) -> list[tuple[UUID, str]]:
        return [
            (comment_id, body)
            for comment_id, (author, body) in sorted(post.comments.items())
            if not self.hidden(viewer, author)
        ]


people = st.integers(0, PEOPLE - 1)
pairs = st.tuples(people, people).filter(lambda pair: pair[0] != pair[1])
places = st.integers(0, 30)
audiences = st.sampled_from(["public", "connections", "self"])
kinds = st.sampled_from(["love", "wow", "sad"])
steps = st.one_of(
    st.tuples(st.just("publish"), people, audiences),
    *[st.tuples(st.just("publish"), people, st.sampled_from(["public", "connections"]))] * 3,
    st.tuples(st.just("ask"), pairs),
    st.tuples(st.just("connect"), pairs),
    st.tuples(st.just("end"), pairs),
    st.tuples(st.just("block"), pairs),
    st.tuples(st.just("unblock"), pairs),
    st.tuples(st.just("audience"), people, places, audiences),
    st.tuples(st.just("edit"), people, places),
    st.tuples(st.just("delete"), people, places),
    st.tuples(st.just("comment"), people, places),
    st.tuples(st.just("uncomment"), people, places),
    st.tuples(st.just("react"), people, places, kinds),
    st.tuples(st.just("unreact"), people, places, kinds),
    st.tuples(st.just("look"), people),
    *[st.tuples(st.just("drain"), st.randoms(use_true_random=False))] * 3,
)


class Play:
    """Does each step in the town and in the model, and compares what both say."""

    def __init__(self, town: Town, ids: list[UUID]) -> None:
        self.town = town
        self.ids = ids
        self.model = Model()
        self.count = 0

    async def step(self, name: str, *arguments: object) -> None:
        self.count += 1
        await getattr(self, name)(*arguments)

    async def publish(self, author: Person, audience: AudienceKind) -> None:
        body = f"Post {self.count}"
        post = await self.town.publish(self.ids[author], body, audience)
        self.model.posts[post.id] = ModelPost(author, body, audience)

    async def ask(self, pair: tuple[Person, Person]) -> None:
        asker, asked = pair
        key = frozenset(pair)
        allowed = (
            not self.model.hidden(asker, asked)
            and key not in self.model.connected
            and self.model.asked.get(key) != asker
        )
        assert await self.succeeds(self.town.ask(self.ids[asker], self.ids[asked])) == allowed
        if not allowed:
            return
        if key in self.model.asked:
            del self.model.asked[key]
            self.model.connected.add(key)
        else:
            self.model.asked[key] = asker

    async def connect(self, pair: tuple[Person, Person]) -> None:
        await self.ask(pair)
        await self.ask((pair[1], pair[0]))

    async def end(self, pair: tuple[Person, Person]) -> None:
        one, other = pair
        async with self.town.work() as work:
            for state in ("sent", "received", "connected"):
                page = await self.town.people.list_connections(work, self.ids[one], state, 100, None)
                for connection in page.items:
                    if connection.person.id == self.ids[other]:
                        await self.town.people.end_connection(work, self.ids[one], connection.id)
        self.model.connected.discard(frozenset(pair))
        self.model.asked.pop(frozenset(pair), None)

    async def block(self, pair: tuple[Person, Person]) -> None:
        await self.town.block(self.ids[pair[0]], self.ids[pair[1]])
        self.model.blocks.add(pair)
        self.model.connected.discard(frozenset(pair))
        self.model.asked.pop(frozenset(pair), None)

    async def unblock(self, pair: tuple[Person, Person]) -> None:
        await self.town.unblock(self.ids[pair[0]], self.ids[pair[1]])
        self.model.blocks.discard(pair)

    async def audience(self, person: Person, place: int, audience: AudienceKind) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        allowed = post.author == person
        assert await self.change(person, post_id, PostChanges(audience=Audience(audience))) == allowed
        if allowed:
            post.audience = audience

    async def edit(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        body = f"Edited {self.count}"
        allowed = post.author == person
        assert await self.change(person, post_id, PostChanges(body=body)) == allowed
        if allowed:
            post.body, post.edited = body, True

    async def delete(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.posts.delete_post(work, self.ids[person], post_id)

        allowed = post.author == person
        assert await self.succeeds(remove()) == allowed
        if allowed:
            del self.model.posts[post_id]

    async def comment(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        body = f"Comment {self.count}"
        if self.model.sees(person, post):
            comment_id = await self.town.comment(self.ids[person], post_id, body)
            post.comments[comment_id] = (person, body)
        else:
            assert not await self.succeeds(self.town.comment(self.ids[person], post_id, body))

    async def uncomment(self, person: Person, place: int) -> None:
        found = self.find(place)
        if found is None or not found[1].comments:
            return
        post = found[1]
        comment_id = sorted(post.comments)[place % len(post.comments)]
        author = post.comments[comment_id][0]

        async def edit() -> None:
            async with self.town.work() as work:
                await self.town.comments.edit_comment(work, self.ids[person], comment_id, CommentText(body="New"))

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.comments.delete_comment(work, self.ids[person], comment_id)

        visible = self.model.sees(person, post) and not self.model.hidden(person, author)
        assert await self.succeeds(edit()) == (visible and person == author)
        if visible and person == author:
            post.comments[comment_id] = (author, "New")
        allowed = visible and person in (author, post.author)
        assert await self.succeeds(remove()) == allowed
        if allowed:
            del post.comments[comment_id]

    async def react(self, person: Person, place: int, kind: str) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found
        allowed = self.model.sees(person, post)
        assert await self.succeeds(self.town.react(self.ids[person], post_id, kind)) == allowed
        if allowed:
            post.reactions[person] = kind

    async def unreact(self, person: Person, place: int, kind: str) -> None:
        found = self.find(place)
        if found is None:
            return
        post_id, post = found

        async def remove() -> None:
            async with self.town.work() as work:
                await self.town.reactions.remove_reaction(work, self.ids[person], post_id, kind)

        allowed = self.model.sees(person, post)
        assert await self.succeeds(remove()) == allowed
        if allowed and post.reactions.get(person) == kind:
            del post.reactions[person]

    async def drain(self, random: Random) -> None:
        await self.town.drain(random)

    async def look(self, viewer: Person) -> None:
        """Before the jobs are done a feed may lack posts, but never shows one that it should not."""
        shown = [post.id for post in await self.town.feed(self.ids[viewer], 3)]
        allowed = set(self.model.feed(viewer))
        assert shown == sorted(shown, reverse=True)
        assert allowed.issuperset(shown)

    async def check(self) -> None:
        """Every list of every reader, with all jobs done."""
        await self.town.drain()
        for viewer in range(PEOPLE):
            feed = await self.town.feed(self.ids[viewer], 2)
            assert [post.id for post in feed] == self.model.feed(viewer)
            for post in feed:
                self.check_post(viewer, post)
        readers: list[Person | None] = [None, *range(PEOPLE)]
        for reader in readers:
            await self.check_lists(reader)
            for post_id, stored in self.model.posts.items():
                await self.check_single(reader, post_id, stored)

    async def check_lists(self, viewer: Person | None) -> None:
        viewer_id = None if viewer is None else self.ids[viewer]
        async with self.town.work() as work:
            shown: list[UUID] = []
            cursor: str | None = None
            while True:
                page = await self.town.posts.list_public(work, viewer_id, 3, cursor)
                shown += [post.id for post in page.items]
                cursor = page.next_cursor
                if cursor is None:
                    break
                assert len(page.items) == 3
            assert shown == self.model.public(viewer)
            for author in range(PEOPLE):
                handle = f"person{author}"
                if self.model.hidden(viewer, author):
                    with pytest.raises(PersonNotFound):
                        await self.town.posts.list_by_author(work, viewer_id, handle, 100, None)
                    continue
                page = await self.town.posts.list_by_author(work, viewer_id, handle, 100, None)
                assert [post.id for post in page.items] == self.model.profile(viewer, author)

    async def check_single(self, viewer: Person | None, post_id: UUID, post: ModelPost) -> None:
        viewer_id = None if viewer is None else self.ids[viewer]
        async with self.town.work() as work:
            if not self.model.sees(viewer, post):
                with pytest.raises(PostNotFound):
                    await self.town.posts.get_post(work, viewer_id, post_id)
                with pytest.raises(PostNotFound):
                    await self.town.comments.list_comments(work, viewer_id, post_id, 100, None)
                return
            self.check_post(viewer, await self.town.posts.get_post(work, viewer_id, post_id))
            comments = await self.town.comments.list_comments(work, viewer_id, post_id, 100, None)
            assert [(one.id, one.body) for one in comments.items] == self.model.comments(viewer, post)

    def check_post(self, viewer: Person | None, shown: Post) -> None:
        post = self.model.posts[shown.id]
        counts: dict[str, int] = {}
        for kind in post.reactions.values():
            counts[kind] = counts.get(kind, 0) + 1
        assert shown.author.id == self.ids[post.author]
        assert (shown.body, shown.audience.kind) == (post.body, post.audience)
        assert (shown.edited_at is not None) == post.edited
        assert shown.comment_count == len(post.comments)
        assert shown.reaction_counts == counts
        assert shown.my_reaction == (None if viewer is None else post.reactions.get(viewer))

    def find(self, place: int) -> tuple[UUID, ModelPost] | None:
        posts = self.model.newest_first()
        return posts[place % len(posts)] if posts else None

    async def change(self, person: Person, post_id: UUID, changes: PostChanges) -> bool:
        async def edit() -> None:
            async with self.town.work() as work:
                await self.town.posts.edit_post(work, self.ids[person], post_id, changes)

        return await self.succeeds(edit())

    async def succeeds(self, doing: Awaitable[object]) -> bool:
        """Whether it was allowed; a refusal is one that a reader gets to see, never a crash."""
        try:
            await doing
        except BanyanError as error:
            assert 400 <= error.status < 500
            return False
        return True


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(steps, min_size=15, max_size=45))
async def test_every_reader_sees_what_the_model_says(pool: Pool, script: list[tuple[object, ...]]) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "TRUNCATE people_people, posts_posts, posts_home, posts_home_floors, posts_large_authors CASCADE"
        )
    pool._outboxes = ()
    town = Town(pool, SIZES)
    play = Play(town, [await town.person(f"person{number}") for number in range(PEOPLE)])
    await play.connect((0, 1))
    await play.connect((0, 2))
    for step in script:
        await play.step(*step)  # type: ignore[arg-type]
    await play.check()
