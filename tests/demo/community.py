"""A demo community built on a test's database, and what it should look like by its plan."""

import io
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

from rich.console import Console

from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.demo.build import build_demo
from banyan.demo.plan import Plan
from banyan.demo.queries import Build, find_build
from banyan.demo.size import CommunitySize
from banyan.demo.steps import Blueprint
from banyan.demo.talk import PlannedPost
from banyan.features.posts.models import Post
from banyan.infra.log import LogStream
from tests.features.town import posts_of
from tests.support.platform import settings_for

PASSWORD = "the demo's one password"
SIZE = CommunitySize(people=60, posts=400, connections=8, seed=5)


@asynccontextmanager
async def platform_on(url: str) -> AsyncIterator[Platform]:
    """The platform as `up` has it while it builds: nothing runs beside."""
    async with open_platform(settings_for(url), Targets.read("all"), LogStream(io.BytesIO())) as platform:
        yield platform


async def build(platform: Platform, size: CommunitySize = SIZE, output: io.StringIO | None = None) -> tuple[str, str]:
    console = Console(file=output or io.StringIO())
    return await build_demo(platform, size, PASSWORD, console)


async def get_build(platform: Platform) -> Build:
    build = await find_build(platform.pool.work())
    assert build is not None
    return build


class Expected:
    """What the services have to show of a finished build."""

    def __init__(self, size: CommunitySize, build: Build) -> None:
        self.plan = Plan(size)
        self.posts = list(self.plan.posts())
        self._blueprint = Blueprint(self.plan, build.started_at, build.salt, None)
        self.ids = self._blueprint.person_ids

    def feed_of(self, reader: int) -> Iterator[PlannedPost]:
        """Own posts and what connections let one see, newest first."""
        near = set(self.plan.neighbours[reader])
        for post in reversed(self.posts):
            if post.author == reader or (post.author in near and post.audience != "self"):
                yield post

    def check(self, found: Post, planned: PlannedPost) -> None:
        """The post as it is shown is the one that was planned."""
        assert found.body == planned.body
        assert found.audience.kind == planned.audience
        assert found.author.id == self.ids[planned.author]
        assert found.created_at == self._blueprint.time(planned.age_ms)
        assert found.comment_count == len(planned.comments)
        assert found.reaction_counts == Counter(reaction.kind for reaction in planned.reactions)


async def whole_feed(platform: Platform, person_id: UUID) -> list[Post]:
    posts: list[Post] = []
    cursor: str | None = None
    while True:
        page = posts_of(await platform.features.homes.read_feed(platform.pool.work(), person_id, 100, cursor))
        posts += page.items
        if page.next_cursor is None:
            return posts
        cursor = page.next_cursor


async def check_community(platform: Platform, size: CommunitySize = SIZE, readers: int = 10) -> None:
    """Everything the services show equals the plan: counts, people, connections, feeds, comments."""
    features = platform.features
    expected = Expected(size, await get_build(platform))
    work = platform.pool.work()
    community = await features.communities.get_community(work)
    assert (community.people, community.posts) == (size.people, size.posts)
    assert community.comments == sum(len(post.comments) for post in expected.posts)
    assert community.reactions == sum(len(post.reactions) for post in expected.posts)
    await features.people_imports.check_connections(work, expected.ids)
    for reader in range(0, size.people, max(1, size.people // readers)):
        await _check_person(platform, expected, reader)


async def _check_person(platform: Platform, expected: Expected, reader: int) -> None:
    features, person = platform.features, expected.plan.people[reader]
    work = platform.pool.work()
    profile = await features.people.get_profile(work, None, person.handle)
    assert (profile.id, profile.display_name, profile.bio) == (expected.ids[reader], person.display_name, person.bio)
    assert profile.connection_count == len(expected.plan.neighbours[reader])
    relations = await features.people_api.relations(work, expected.ids[reader])
    assert set(relations.connected) == {expected.ids[other] for other in expected.plan.neighbours[reader]}
    feed = await whole_feed(platform, expected.ids[reader])
    planned = list(expected.feed_of(reader))
    assert len(feed) == len(planned)
    for post, wanted in zip(feed, planned, strict=True):
        expected.check(post, wanted)
    for post, wanted in zip(feed[:5], planned[:5], strict=False):
        page = await features.comments.list_comments(work, expected.ids[reader], post.id, 100, None)
        assert [comment.body for comment in page.items] == [comment.body for comment in wanted.comments]


async def build_until_killed(url: str) -> None:
    """What a process does that a test kills: tells each step and batch on its output."""
    async with platform_on(url) as platform:
        console = Console(file=sys.stdout)
        await build_demo(platform, SIZE, PASSWORD, console)
