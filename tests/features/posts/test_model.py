"""Whatever people do, every list and every app shows every reader exactly what a simple model says."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banyan.features.people.errors import PersonNotFound
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import Post
from banyan.features.posts.service.homes import HomeSizes
from banyan.infra.database.pool import Pool
from banyan.kernel.pages import Page
from tests.features.device import Device
from tests.features.play import TAGS, Play
from tests.features.rules import ModelPost, Person
from tests.features.town import Town

PEOPLE = 4

people = st.integers(0, PEOPLE - 1)
pairs = st.tuples(people, people).filter(lambda pair: pair[0] != pair[1])
places = st.integers(0, 30)
audiences = st.sampled_from(["public", "connections", "list", "self"])
kinds = st.sampled_from(["love", "wow", "sad"])
steps = st.one_of(
    st.tuples(st.just("publish"), people, audiences),
    *[st.tuples(st.just("publish"), people, st.sampled_from(["public", "connections", "list"]))] * 3,
    *[st.tuples(st.sampled_from(["ask", "connect", "connect", "end", "block", "unblock"]), pairs)] * 3,
    *[st.tuples(st.sampled_from(["mute", "unmute", "make_list", "make_list", "unlist"]), pairs)] * 3,
    st.tuples(st.just("delete_list"), people),
    st.tuples(st.just("audience"), people, places, audiences),
    *[st.tuples(st.sampled_from(["edit", "delete", "save", "comment", "comment", "uncomment"]), people, places)] * 4,
    st.tuples(st.just("react"), people, places, kinds),
    st.tuples(st.just("unreact"), people, places, kinds),
    st.tuples(st.just("look"), people),
    *[st.tuples(st.sampled_from(["sync", "sync", "catch_up", "set_back"]), places)] * 2,
    *[st.tuples(st.just("drain"), st.randoms(use_true_random=False))] * 3,
)


async def whole(read: Callable[[str | None], Awaitable[Page[Post]]], limit: int) -> list[UUID]:
    """The ids of a whole list, whose pages are full but for the last."""
    shown: list[UUID] = []
    cursor: str | None = None
    while True:
        page = await read(cursor)
        shown += [post.id for post in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return shown
        assert len(page.items) == limit


class Audit:
    """Asks everybody for everything and compares."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.town = play.town
        self.model = play.model

    async def check(self) -> None:
        """Every list of every reader, and every app, with all jobs done."""
        await self.town.drain()
        for viewer in range(PEOPLE):
            feed = await self.town.feed(self.play.ids[viewer], 2)
            assert [post.id for post in feed] == self.model.feed(viewer)
            for post in feed:
                self.play.check_post(viewer, post)
            await self.check_saved(viewer)
        for device in [*self.play.devices, *(Device(self.town, person) for person in self.play.ids)]:
            await self.check_device(device)
        readers: list[Person | None] = [None, *range(PEOPLE)]
        for reader in readers:
            await self.check_lists(reader)
            for post_id, stored in self.model.posts.items():
                await self.check_single(reader, post_id, stored)

    async def check_device(self, device: Device) -> None:
        await device.catch_up()
        viewer = self.play.ids.index(device.person_id)
        assert device.posts == (await self.town.feed(device.person_id))[: self.town.synced_posts]
        assert [post.id for post in device.posts] == self.model.feed(viewer)[: self.town.synced_posts]
        async with self.town.work() as work:
            saved = (await self.town.saves.list_saved(work, device.person_id, 100, None)).items
        # Of the newest that were saved some may be out of sight.
        newest = [post_id for person, post_id in reversed(self.model.saved) if person == viewer]
        visible = set(newest[: self.town.synced_posts]) & set(self.model.list_saved(viewer))
        assert device.saved == {post.id: post for post in saved if post.id in visible}
        ties = {self.play.ids.index(one.person.id): one.state for one in device.connections}
        assert ties == self.model.ties(viewer)
        assert {one.id: one.member_count for one in device.lists} == {
            list_id: len(members) for list_id, (owner, members) in self.model.lists.items() if owner == viewer
        }

    async def check_saved(self, viewer: Person) -> None:
        async with self.town.work() as work:
            page = await self.town.saves.list_saved(work, self.play.ids[viewer], 100, None)
        assert [post.id for post in page.items] == self.model.list_saved(viewer)
        for post in page.items:
            self.play.check_post(viewer, post)

    async def check_lists(self, viewer: Person | None) -> None:
        viewer_id = None if viewer is None else self.play.ids[viewer]
        async with self.town.work() as work:
            public = await whole(partial(self.town.posts.list_public, work, viewer_id, 3), 3)
            assert public == self.model.public(viewer)
            for tag in TAGS:
                tagged = await whole(partial(self.town.tags.list_tagged, work, viewer_id, tag, 2), 2)
                assert tagged == self.model.tagged(viewer, tag)
            for author in range(PEOPLE):
                handle = f"person{author}"
                if self.model.hidden(viewer, author):
                    with pytest.raises(PersonNotFound):
                        await self.town.posts.list_by_author(work, viewer_id, handle, 100, None)
                    continue
                page = await self.town.posts.list_by_author(work, viewer_id, handle, 100, None)
                assert [post.id for post in page.items] == self.model.profile(viewer, author)

    async def check_single(self, viewer: Person | None, post_id: UUID, post: ModelPost) -> None:
        viewer_id = None if viewer is None else self.play.ids[viewer]
        async with self.town.work() as work:
            if not self.model.sees(viewer, post):
                with pytest.raises(PostNotFound):
                    await self.town.posts.get_post(work, viewer_id, post_id)
                with pytest.raises(PostNotFound):
                    await self.town.comments.list_comments(work, viewer_id, post_id, 100, None)
                return
            self.play.check_post(viewer, await self.town.posts.get_post(work, viewer_id, post_id))
            comments = await self.town.comments.list_comments(work, viewer_id, post_id, 100, None)
            assert [(one.id, one.body, one.deleted) for one in comments.items] == self.model.comments(viewer, post)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(steps, min_size=15, max_size=45), above=st.sampled_from([0, 1, 2, 10_000]))
async def test_every_reader_sees_what_the_model_says(pool: Pool, script: list[tuple[object, ...]], above: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "TRUNCATE people_people, posts_posts, posts_home, posts_home_floors, posts_large_authors,"
            " streams_streams, streams_entries CASCADE"
        )
    pool._outboxes = ()
    # Tiny bounds, so that a few posts reach every one of them.
    sizes = HomeSizes(home_rows=4, backfill_rows=2, fan_out_readers=2, trim_one_in=1, pulled_above_connections=above)
    town = Town(pool, sizes, synced_posts=5, kept_deletions=6)
    play = Play(town, [await town.person(f"person{number}") for number in range(PEOPLE)])
    await play.connect((0, 1))
    await play.connect((0, 2))
    for step in script:
        await play.step(*step)  # type: ignore[arg-type]
    await Audit(play).check()
