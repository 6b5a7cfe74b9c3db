"""The home feed: fan-out, backfill, floors, depth, races, and what a page costs."""

import asyncio

import pytest

from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.models import AudienceKind, PostChanges
from banyan.features.posts.service.announcing import FEEDS_TOPIC
from banyan.features.posts.service.homes import HomeSizes
from banyan.features.posts.signals import PostPublished
from banyan.infra.database.pool import Pool
from banyan.kernel.errors import Invalid
from tests.features.town import Town, posts_of
from tests.support.statements import recorded

AUDIENCES: tuple[AudienceKind, ...] = ("public", "connections", "self")
SMALL = HomeSizes(home_rows=5, backfill_rows=3, fan_out_readers=2, trim_one_in=1)


@pytest.fixture
def small_town(pool: Pool) -> Town:
    """Homes of five rows, so that a few posts overflow them."""
    return Town(pool, SMALL)


async def test_ones_own_post_is_there_at_once_and_at_connections_after_the_job(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    post = await town.publish(ada, "Hi", "connections")
    assert await town.bodies(ada) == ["Hi"]
    assert PostPublished(post.id, ada) in town.memory.waiting
    await town.drain()
    assert await town.bodies(ben) == ["Hi"]
    assert await town.bodies(cleo) == []


async def test_a_post_for_oneself_leaves_no_signal(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    await town.drain()
    post = await town.publish(ada, "Mine", "self")
    assert town.memory.waiting == []
    assert await town.bodies(ada) == ["Mine"]
    async with town.work() as work:
        await town.posts.edit_post(work, ada, post.id, PostChanges(audience="connections"))
    assert town.memory.waiting == [FanOutPost(post.id, ada)]
    await town.drain()
    assert await town.bodies(ben) == ["Mine"]
    async with town.work() as work:
        await town.posts.edit_post(work, ada, post.id, PostChanges(audience="self"))
    assert await town.bodies(ben) == []


async def test_accepting_backfills_both_sides(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    for author in (ada, ben, ada):
        await town.publish(author, "Early")
    await town.publish(ben, "Secret", "self")
    await town.drain()
    await town.connect(ada, ben)
    await town.drain()
    assert len(await town.bodies(ada)) == 3
    assert len(await town.bodies(ben)) == 4
    assert await town.home_rows(ada) == 3


async def test_ending_takes_posts_out_before_the_job_and_rows_with_it(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    await town.publish(ben)
    await town.drain()
    assert await town.home_rows(ada) == 1
    await town.end(ben, connection.id)
    assert await town.bodies(ada) == []
    await town.drain()
    assert await town.home_rows(ada) == 0


async def test_a_deleted_post_is_gone_at_once(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    post = await town.publish(ada)
    await town.drain()
    async with town.work() as work:
        await town.posts.delete_post(work, ada, post.id)
    assert await town.bodies(ada) == await town.bodies(ben) == []


async def test_a_feed_goes_on_below_what_its_home_holds(small_town: Town) -> None:
    town = small_town
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    for number in range(20):
        await town.publish((ada, ben, cleo)[number % 3], f"{number}", "connections")
        await town.drain()
    for page in (1, 2, 3, 7, 20, 100):
        assert await town.bodies(ada, page) == [f"{number}" for number in reversed(range(20))]
    assert await town.home_rows(ada) == 5


async def test_backfill_leaves_nothing_out_even_of_busy_authors(small_town: Town) -> None:
    town = small_town
    ada, ben = await town.person("ada"), await town.person("ben")
    for number in range(8):
        await town.publish(ben, f"{number}")
        if number == 2:
            await town.publish(ada, "Between")
    await town.connect(ada, ben)
    await town.drain()
    expected = ["7", "6", "5", "4", "3", "Between", "2", "1", "0"]
    assert await town.bodies(ada, 2) == expected
    assert await town.bodies(ada) == expected


async def test_an_old_post_made_visible_late_is_found_in_its_place(small_town: Town) -> None:
    town = small_town
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    old = await town.publish(ben, "old", "self")
    for number in range(9):
        await town.publish(ben, f"{number}")
        await town.drain()
    async with town.work() as work:
        await town.posts.edit_post(work, ben, old.id, PostChanges(audience="public"))
    await town.drain()
    for page in (2, 3, 100):
        assert await town.bodies(ada, page) == [*[f"{number}" for number in reversed(range(9))], "old"]


async def test_a_fan_out_goes_on_in_further_jobs(small_town: Town) -> None:
    town = small_town
    ada = await town.person("ada")
    readers = [await town.person(f"reader{number}") for number in range(5)]
    for reader in readers:
        await town.connect(ada, reader)
    await town.publish(ada)
    await town.drain()
    for reader in readers:
        assert len(await town.bodies(reader)) == 1


async def test_running_a_job_twice_changes_nothing(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    await town.publish(ada)
    jobs = list(town.memory.waiting)
    await town.drain()
    town.memory.waiting += jobs
    await town.drain()
    assert await town.home_rows(ben) == 1


async def test_jobs_of_a_pair_in_the_wrong_order_agree_with_what_is(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.publish(ben)
    connection = await town.connect(ada, ben)
    await town.end(ada, connection.id)
    await town.connect(ada, ben)
    town.memory.waiting.reverse()
    await town.drain()
    assert len(await town.bodies(ada)) == 1
    assert await town.home_rows(ada) == 1


async def test_jobs_of_a_pair_at_once(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    for _ in range(5):
        await town.publish(ben)
        connection = await town.connect(ada, ben)
        await town.end(ada, connection.id)
        await town.connect(ada, ben)
        jobs, town.memory.waiting = town.memory.waiting, []

        async def run(job: object) -> None:
            async with town.work() as work:
                await town.run(work, job)

        await asyncio.gather(*[run(job) for job in jobs])
        expected = len(await town.profile(ben))
        assert len(await town.bodies(ada)) == await town.home_rows(ada) == expected
        await town.end(ada, (await town.connections(ada))[0])
        await town.drain()


async def test_publishing_while_a_connection_is_made_misses_nobody(town: Town) -> None:
    for number in range(5):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        asked = await town.ask(ada, ben)
        await asyncio.gather(town.accept(ben, asked.id), town.publish(ada, "Now", "connections"))
        await town.drain()
        assert await town.bodies(ben) == ["Now"]


async def test_built_homes_equal_grown_ones(small_town: Town) -> None:
    town = small_town
    people = [await town.person(f"person{number}") for number in range(4)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        await town.connect(people[one], people[other])
    for number in range(16):
        await town.publish(people[number % 4], f"{number}", AUDIENCES[number % 3])
    await town.drain()
    grown = [await town.bodies(person, 3) for person in people]
    async with town.work() as work:
        await work.write("TRUNCATE posts_home, posts_home_floors")
    async with town.work() as work:
        await town.homes.build_homes(work, people)
        await town.imports.refresh_statistics(work)
    assert [await town.bodies(person, 3) for person in people] == grown
    assert [await town.bodies(person) for person in people] == grown
    assert all([await town.home_rows(person) <= 5 for person in people])


async def test_a_page_costs_one_statement_however_long(town: Town) -> None:
    ada = await town.person("ada")
    others = [await town.person(f"other{number}") for number in range(8)]
    for other in others:
        await town.connect(ada, other)
        for _ in range(5):
            await town.publish(other)
    await town.drain()
    for limit in (1, 10, 30):
        async with town.work() as work:
            await town.homes.read_feed(work, ada, limit, None)
        async with recorded(town.pool) as statements, town.work() as work:
            page = posts_of(await town.homes.read_feed(work, ada, limit, None))
        assert (len(page.items), len(statements)) == (limit, 1)
    # The last page also asks whether anything older is left, and reads the posts that nobody has asked for before; a
    # cold cache asks for relations, large accounts and cards.
    town.memory.reset()
    async with recorded(town.pool) as statements, town.work() as work:
        page = posts_of(await town.homes.read_feed(work, ada, 50, None))
    assert (len(page.items), len(statements)) == (40, 6)


async def test_a_bad_cursor_is_refused(town: Town) -> None:
    ada = await town.person("ada")
    async with town.work() as work:
        with pytest.raises(Invalid):
            await town.homes.read_feed(work, ada, 20, "rubbish")


async def test_who_has_a_post_already_keeps_nobody_from_it(town: Town) -> None:
    """By the backfill of a connection that was made meanwhile, or by an earlier audience: in any chunk."""
    ada, *others = [await town.person(f"person{number}") for number in range(7)]
    for other in others:
        await town.connect(ada, other)
    await town.drain()
    post = await town.publish(ada, "For all", "connections")
    async with town.work() as work:
        for other in others[1:4:2]:
            await work.write("INSERT INTO posts_home (person_id, post_id) VALUES ($1, $2)", other, post.id)
    await town.drain()
    assert [await town.home_rows(other) for other in others] == [1] * 6
    assert await town.home_rows(ada) == 1


async def test_a_fan_out_that_begins_anew_still_goes_on_and_is_announced(small_town: Town) -> None:
    """Two homes at a time here: each of the jobs meets a row that is there, and enqueues the next one all the same."""
    town = small_town
    ada, *others = [await town.person(f"person{number}") for number in range(6)]
    for other in others:
        await town.connect(ada, other)
    await town.drain()
    post = await town.publish(ada, "Again", "connections")
    await town.drain()
    town.memory.announced.clear()
    async with town.work() as work:
        work.enqueue(FanOutPost(post.id, ada))
    await town.drain()
    assert [await town.bodies(other) for other in others] == [["Again"]] * 5
    assert (FEEDS_TOPIC, (str(ada),)) in town.memory.announced
