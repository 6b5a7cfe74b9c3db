"""Very large accounts: their posts are pulled, and nobody could tell from a feed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from banyan.features.posts.models import PlainAudience, PostChanges
from banyan.features.posts.service.homes import HomeSizes
from banyan.features.posts.signals import PostPublished
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from tests.features.town import Town
from tests.support.postgres import Templates
from tests.support.statements import recorded

# Large from two connections on.
TINY = HomeSizes(pulled_above_connections=1)
NEVER = 1_000_000


@pytest.fixture
def tiny_town(pool: Pool) -> Town:
    return Town(pool, TINY)


async def three_friends(town: Town) -> tuple[UUID, UUID, UUID]:
    """Ada with two connections."""
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    await town.drain()
    return ada, ben, cleo


async def test_posts_of_a_large_account_are_shown_and_not_written(tiny_town: Town) -> None:
    town = tiny_town
    ada, ben, cleo = await three_friends(town)
    await town.publish(ben, "Small")
    await town.publish(ada, "Large", "connections")
    await town.publish(ada, "Mine", "self")
    await town.drain()
    assert await town.bodies(ben) == ["Large", "Small"]
    assert await town.bodies(cleo) == ["Large"]
    assert await town.bodies(ada) == ["Mine", "Large", "Small"]
    assert await town.home_rows(cleo) == 0
    await town.end(ada, (await town.connections(ben))[0])
    assert await town.bodies(ben) == ["Small"]


async def test_growing_large_loses_and_doubles_nothing(tiny_town: Town) -> None:
    town = tiny_town
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.publish(ada, "While small")
    await town.drain()
    assert await town.home_rows(ben) == 1
    await town.connect(ada, cleo)
    await town.publish(ada, "When large")
    # Published, not yet known to be large.
    await town.drain()
    await town.publish(ada, "As large")
    await town.drain()
    for reader in (ben, cleo):
        for page in (1, 2, 100):
            assert await town.bodies(reader, page) == ["As large", "When large", "While small"]


async def test_shrinking_loses_and_doubles_nothing(tiny_town: Town) -> None:
    town = tiny_town
    ada, ben, cleo = await three_friends(town)
    await town.publish(ada, "As large")
    await town.drain()
    await town.end(ada, (await town.connections(cleo))[0])
    await town.publish(ada, "Small again")
    await town.drain()
    assert await town.bodies(ben) == ["Small again", "As large"]
    assert await town.bodies(ben, 1) == ["Small again", "As large"]
    assert await town.bodies(cleo) == []


async def test_a_fan_out_under_way_and_one_that_finds_out(pool: Pool) -> None:
    """Two posts of an account that grows between them, their jobs in either order and at once."""
    town = Town(pool, HomeSizes(pulled_above_connections=3, fan_out_readers=2))
    ada = await town.person("ada")
    readers = [await town.person(f"reader{number}") for number in range(5)]
    for reader in readers[:3]:
        await town.connect(ada, reader)
    await town.drain()
    await town.publish(ada, "First")
    first = town.memory.waiting.pop(0)
    async with town.work() as work:
        await town.run(work, first)
    for reader in readers[3:]:
        await town.connect(ada, reader)
    await town.publish(ada, "Second")
    town.memory.waiting.reverse()
    jobs, town.memory.waiting = town.memory.waiting, []

    async def run(job: object) -> None:
        async with town.work() as work:
            await town.run(work, job)

    await asyncio.gather(*[run(job) for job in jobs])
    await town.drain()
    for reader in readers:
        assert await town.bodies(reader) == await town.bodies(reader, 1) == ["Second", "First"]


async def test_an_authors_connections_are_counted_once_for_each_post(pool: Pool) -> None:
    town = Town(pool, HomeSizes(pulled_above_connections=20, fan_out_readers=2))
    ada = await town.person("ada")
    readers = [await town.person(f"reader{number}") for number in range(7)]
    for reader in readers:
        await town.connect(ada, reader)
    await town.drain()
    await town.publish(ada, "To all")
    async with recorded(pool) as statements:
        await town.drain()
    assert len([statement for statement in statements if "count(*)" in statement]) == 1
    for reader in readers:
        assert await town.bodies(reader) == ["To all"]


async def test_two_jobs_that_find_out_at_once(tiny_town: Town) -> None:
    town = tiny_town
    ada, ben, _ = await three_friends(town)
    posts = [await town.publish(ada, f"{number}") for number in range(4)]
    town.memory.waiting.clear()

    async def fan_out(post_id: UUID) -> None:
        async with town.work() as work:
            await town.run(work, PostPublished(post_id, ada))

    await asyncio.gather(*[fan_out(post.id) for post in posts])
    assert await town.bodies(ben) == ["3", "2", "1", "0"]


async def test_a_feed_without_large_accounts_is_one_statement_and_with_them_too(tiny_town: Town) -> None:
    town = tiny_town
    ada, ben, cleo = await three_friends(town)
    dora = await town.person("dora")
    await town.connect(cleo, dora)
    await town.publish(dora, "Small")
    for number in range(6):
        await town.publish(ada, f"{number}")
    await town.drain()
    for reader, merged in ((dora, False), (ben, True)):
        async with town.work() as work:
            await town.homes.read_feed(work, reader, 1, None)
        async with recorded(town.pool) as statements, town.work() as work:
            await town.homes.read_feed(work, reader, 1, None)
        pages = [statement for statement in statements if "posts_home " in statement]
        assert ("UNION ALL" in pages[0], len(pages)) == (merged, 1)
    assert await town.bodies(dora) == ["Small"]


async def test_a_deep_feed_crosses_the_floor(pool: Pool) -> None:
    town = Town(
        pool, HomeSizes(home_rows=3, backfill_rows=2, fan_out_readers=2, trim_one_in=1, pulled_above_connections=2)
    )
    people = [await town.person(f"person{number}") for number in range(4)]
    for other in people[1:]:
        await town.connect(people[0], other)
    await town.connect(people[1], people[2])
    expected: list[str] = []
    for number in range(24):
        await town.publish(people[number % 4], f"{number}", "connections")
        await town.drain()
        if number % 4 != 3:
            expected.insert(0, f"{number}")
    for page in (1, 2, 3, 5, 100):
        assert await town.bodies(people[1], page) == expected


PEOPLE = 4
AUDIENCES: tuple[PlainAudience, ...] = ("public", "connections", "connections", "self")


class Twin:
    """One of two towns in which the same happens."""

    def __init__(self, pool: Pool, sizes: HomeSizes) -> None:
        self.town = Town(pool, sizes)
        self.ids: list[UUID] = []
        self.posts: list[tuple[UUID, UUID]] = []

    async def begin(self) -> None:
        async with self.town.pool.connection() as connection:
            await connection.execute(
                "TRUNCATE people_people, people_connections, people_blocks, people_mutes, posts_posts, posts_counters,"
                " posts_reactions, posts_comments, posts_home, posts_home_floors, posts_large_authors CASCADE"
            )
        self.town.forget()
        self.ids = [await self.town.person(f"person{number}") for number in range(PEOPLE)]

    async def publish(self, author: int, body: str, audience: PlainAudience) -> None:
        post = await self.town.publish(self.ids[author], body, audience)
        self.posts.append((post.id, self.ids[author]))

    async def change(self, place: int, audience: PlainAudience) -> None:
        post_id, author = self.posts[place % len(self.posts)]
        async with self.town.work() as work:
            await self.town.posts.edit_post(work, author, post_id, PostChanges(audience=audience))

    async def delete(self, place: int) -> None:
        post_id, author = self.posts.pop(place % len(self.posts))
        async with self.town.work() as work:
            await self.town.posts.delete_post(work, author, post_id)

    async def toggle(self, one: int, other: int) -> None:
        """Connects two people, or parts them."""
        async with self.town.work() as work:
            page = await self.town.ties.list_connections(work, self.ids[one], "connected", 100, None)
        for connection in page.items:
            if connection.person.id == self.ids[other]:
                await self.town.end(self.ids[one], connection.id)
                return
        await self.town.connect(self.ids[one], self.ids[other])

    async def feeds(self, page: int) -> list[list[str]]:
        return [await self.town.bodies(person, page) for person in self.ids]


@pytest.fixture
def other_database_url(templates: Templates) -> Iterator[str]:
    with templates.clone() as url:
        yield url


@pytest.fixture
async def other_pool(other_database_url: str) -> AsyncIterator[Pool]:
    """The other town's database."""
    pool = await Pool.open(DatabaseSettings(url=SecretStr(other_database_url), pool_size=2))
    yield pool
    await pool.close()


def play(random: Random, length: int) -> list[tuple[Any, ...]]:
    """A script that two towns can follow alike."""
    script: list[tuple[Any, ...]] = []
    for step in range(length):
        pair = random.sample(range(PEOPLE), 2)
        what = random.choice(["publish"] * 5 + ["toggle"] * 3 + ["change", "delete"] + ["drain"] * 3)
        if what == "publish":
            script.append((what, random.randrange(PEOPLE), f"Post {step}", random.choice(AUDIENCES)))
        elif what == "toggle":
            script.append((what, *pair))
        elif what == "change":
            script.append((what, random.randrange(100), random.choice(AUDIENCES)))
        else:
            script.append((what, random.randrange(100)))
    return script


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(random=st.randoms(use_true_random=False), above=st.integers(0, 2), rows=st.integers(1, 4))
async def test_pulling_shows_what_pushing_shows(
    pool: Pool, other_pool: Pool, random: Random, above: int, rows: int
) -> None:
    """The same script in two towns, one with a tiny bound and one without any: their feeds are alike."""
    twins = []
    for place, bound in ((pool, above), (other_pool, NEVER)):
        place._outboxes = ()
        sizes = HomeSizes(
            home_rows=rows, backfill_rows=2, fan_out_readers=2, trim_one_in=1, pulled_above_connections=bound
        )
        twins.append(Twin(place, sizes))
    for twin in twins:
        await twin.begin()
    for name, *arguments in play(random, 40):
        if name == "drain":
            # Each town in an order of its own.
            for twin in twins:
                await twin.town.drain(random)
            page = random.randint(1, 4)
            assert await twins[0].feeds(page) == await twins[1].feeds(page)
        elif twins[0].posts or name not in ("change", "delete"):
            for twin in twins:
                await getattr(twin, name)(*arguments)
    for twin in twins:
        await twin.town.drain()
    for page in (1, 2, 100):
        assert await twins[0].feeds(page) == await twins[1].feeds(page)
