"""Saved posts: newest saved first, only for oneself, beside a reaction or without one."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import Post, PostChanges
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.support.statements import recorded


async def saved(town: Town, person: UUID, limit: int = 100) -> list[Post]:
    """All saved posts, page by page."""
    posts: list[Post] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            page = await town.saves.list_saved(work, person, limit, cursor)
        posts += page.items
        assert len(page.items) == limit or page.next_cursor is None
        cursor = page.next_cursor
        if cursor is None:
            return posts


async def unsave(town: Town, person: UUID, post: UUID) -> None:
    async with town.work() as work:
        await town.saves.unsave_post(work, person, post)


async def shown(town: Town, viewer: UUID | None, post: UUID) -> Post:
    async with town.work() as work:
        return await town.posts.get_post(work, viewer, post)


async def take_back(town: Town, person: UUID, post: UUID, kind: str) -> None:
    async with town.work() as work:
        await town.reactions.remove_reaction(work, person, post, kind)


async def test_what_was_saved_last_comes_first(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    posts = [await town.publish(ada, f"{number}") for number in range(5)]
    for place in (2, 0, 4, 1):
        await town.save(ben, posts[place].id)
    await town.save(ben, posts[0].id)
    for limit in (1, 2, 4, 100):
        assert [post.body for post in await saved(town, ben, limit)] == ["1", "4", "0", "2"]
    assert all(post.saved for post in await saved(town, ben))
    await unsave(town, ben, posts[4].id)
    await unsave(town, ben, posts[3].id)
    await town.save(ben, posts[2].id)
    assert [post.body for post in await saved(town, ben)] == ["1", "0", "2"]
    assert await saved(town, ada) == []


async def test_only_oneself_sees_what_one_saved(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    await town.save(ben, post.id)
    assert [(await shown(town, reader, post.id)).saved for reader in (ben, ada, None)] == [True, False, False]
    async with town.work() as work:
        assert (await town.posts.list_public(work, ben, 10, None)).items[0].saved
        assert not (await town.posts.list_public(work, None, 10, None)).items[0].saved


async def test_a_reaction_and_saving_do_not_disturb_each_other(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)

    async def state() -> tuple[bool, str | None, dict[str, int]]:
        now = await shown(town, ada, post.id)
        return now.saved, now.my_reaction, now.reaction_counts

    await town.save(ada, post.id)
    assert await state() == (True, None, {})
    await town.react(ada, post.id, "love")
    assert await state() == (True, "love", {"love": 1})
    await take_back(town, ada, post.id, "love")
    assert await state() == (True, None, {})
    await town.react(ada, post.id, "wow")
    await unsave(town, ada, post.id)
    assert await state() == (False, "wow", {"wow": 1})
    await town.save(ada, post.id)
    await take_back(town, ada, post.id, "wow")
    await unsave(town, ada, post.id)
    assert await state() == (False, None, {})
    async with town.work() as work:
        assert await work.value("SELECT count(*) FROM posts_reactions") == 0


async def test_saved_alone_is_no_reaction_in_the_counts(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    await town.save(ada, post.id)
    async with town.work() as work:
        assert (await town.communities.get_community(work)).reactions == 0


async def test_what_one_may_no_longer_see_is_left_out_and_comes_back(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    for number in range(6):
        post = await town.publish(ada, f"{number}", "connections" if number % 2 else "public")
        await town.save(ben, post.id)
    await town.end(ada, connection.id)
    assert [post.body for post in await saved(town, ben, 2)] == ["4", "2", "0"]
    await town.block(ada, ben)
    assert await saved(town, ben, 2) == []
    await town.unblock(ada, ben)
    await town.connect(ada, ben)
    assert len(await saved(town, ben, 4)) == 6


async def test_nobody_saves_what_they_may_not_see(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "x", "connections")
    for attempt in (town.save(ben, post.id), unsave(town, ben, post.id), town.save(ben, new_id())):
        with pytest.raises(PostNotFound):
            await attempt


async def test_a_deleted_post_is_saved_no_more(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    await town.save(ben, post.id)
    async with town.work() as work:
        await town.posts.edit_post(work, ada, post.id, PostChanges(body="Edited"))
    assert [one.body for one in await saved(town, ben)] == ["Edited"]
    async with town.work() as work:
        await town.posts.delete_post(work, ada, post.id)
    assert await saved(town, ben) == []


async def test_all_at_once_end_as_one_after_the_other_would(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    for _ in range(5):
        await asyncio.gather(
            town.save(ada, post.id),
            town.react(ada, post.id, "love"),
            take_back(town, ada, post.id, "love"),
            town.save(ada, post.id),
        )
        now = await shown(town, ada, post.id)
        assert now.saved
        assert now.reaction_counts == ({} if now.my_reaction is None else {"love": 1})
        await asyncio.gather(unsave(town, ada, post.id), take_back(town, ada, post.id, "love"))
        now = await shown(town, ada, post.id)
        assert (now.saved, now.my_reaction, now.reaction_counts) == (False, None, {})


async def test_a_page_costs_one_statement_whatever_its_length(town: Town) -> None:
    ada = await town.person("ada")
    for _ in range(6):
        await town.save(ada, (await town.publish(ada)).id)
    await saved(town, ada)
    for limit in (1, 5):
        async with recorded(town.pool) as statements, town.work() as work:
            page = await town.saves.list_saved(work, ada, limit, None)
        assert (len(page.items), len(statements)) == (limit, 1)
