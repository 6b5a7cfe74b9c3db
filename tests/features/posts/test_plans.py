"""Pages follow an index and stop: no plan may read a whole table, whatever the planner guesses of a page's length."""

import pytest

from banyan.features.people.models import ConnectionSide, PersonImport
from banyan.features.posts.models import CommentImport, PostImport, ReactionImport
from banyan.infra.database.pool import Pool
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.features.town import Town, posts_of
from tests.support.statements import recorded

_POSTS = 2000
_PEOPLE = 500


@pytest.fixture
async def full_town(town: Town) -> Town:
    """Two thousand posts, half of them by one person, with a comment and a reaction each."""
    at = now()
    people = [new_id() for _ in range(_PEOPLE)]
    crowd = [
        PersonImport(id=person, handle=f"person{number}", display_name="Somebody", bio="", created_at=at)
        for number, person in enumerate(people)
    ]
    ties = [
        ConnectionSide(one, other, connection_id, at)
        for person in people[1:]
        for connection_id in [new_id()]
        for one, other in ((people[0], person), (person, people[0]))
    ]
    posts = [
        PostImport(
            id=new_id(),
            author_id=people[0 if number % 2 else number % _PEOPLE],
            body=f"Post {number}",
            audience="public",
            created_at=at,
            comments=[CommentImport(id=new_id(), author_id=people[1], body="Yes", created_at=at)],
            reactions=[ReactionImport(person_id=people[2], kind="love", created_at=at)],
        )
        for number in range(_POSTS)
    ]
    async with town.work() as work:
        await town.people_imports.import_people(work, crowd)
        await town.people_imports.import_connections(work, ties)
        await town.imports.import_posts(work, posts)
        await town.homes.build_homes(work, people[:20])
        await town.imports.refresh_statistics(work)
        await town.people_imports.refresh_statistics(work)
    return town


async def test_no_list_reads_a_whole_table(full_town: Town, pool: Pool) -> None:
    town = full_town
    async with town.work() as work:
        viewer = await town.api.find_by_handle(work, "person2")
    assert viewer is not None
    async with recorded(pool) as statements, town.work() as work:
        feed = posts_of(await town.homes.read_feed(work, viewer, 20, None))
        await town.posts.list_public(work, viewer, 20, None)
        await town.posts.list_by_author(work, viewer, "person0", 20, None)
        await town.posts.get_post(work, viewer, feed.items[0].id)
        await town.comments.list_comments(work, viewer, feed.items[0].id, 20, None)
        await town.ties.list_connections(work, viewer, "connected", 20, None)
    lists = {statement for statement in statements if "LIMIT $" in statement or "LIMIT asked" in statement}
    assert len(lists) == 5
    async with pool.connection() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        try:
            for number, statement in enumerate(sorted(lists)):
                await connection.execute(f"PREPARE list_{number} AS {statement}")
                plan = await connection.fetch(f"EXPLAIN EXECUTE list_{number}({_nulls(statement)})")
                text = "\n".join(row[0] for row in plan)
                for slow in ("Seq Scan", "Bitmap", "Hash", "Merge", "Sort"):
                    assert slow not in text, f"{statement}\n{text}"
        finally:
            await connection.execute("RESET plan_cache_mode; DEALLOCATE ALL")


async def test_neither_very_large_accounts_nor_a_sync_read_a_whole_table(full_town: Town, pool: Pool) -> None:
    """Sorting some hundred ids is meant here."""
    town = full_town
    async with town.work() as work:
        viewer, large = [await town.api.find_by_handle(work, handle) for handle in ("person2", "person0")]
        await work.write("INSERT INTO posts_large_authors (author_id) VALUES ($1)", large)
        await work.write("ANALYZE posts_large_authors")
    assert viewer is not None
    town.memory.reset()
    async with town.work() as work:
        await town.streams.read(work, viewer, None, 1000)
    async with recorded(pool) as statements, town.work() as work:
        await town.homes.read_feed(work, viewer, 20, None)
        await town.streams.read(work, viewer, None, 1000)
    wanted = {statement for statement in statements if "posts_home h" in statement or "posts_reactions" in statement}
    assert len([statement for statement in wanted if "UNION ALL" in statement]) == 2
    async with pool.connection() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        try:
            for number, statement in enumerate(sorted(wanted)):
                await connection.execute(f"PREPARE list_{number} AS {statement}")
                plan = await connection.fetch(f"EXPLAIN EXECUTE list_{number}({_nulls(statement)})")
                text = "\n".join(row[0] for row in plan)
                for table in ("posts_posts", "posts_counters", "posts_reactions", "posts_home"):
                    assert f"Seq Scan on {table}" not in text, f"{statement}\n{text}"
        finally:
            await connection.execute("RESET plan_cache_mode; DEALLOCATE ALL")


def _nulls(statement: str) -> str:
    highest = max(number for number in range(1, 10) if f"${number}" in statement)
    return ", ".join(["NULL"] * highest)
