"""Comments and reactions: who may, who sees, and counts that stay right when many come at once."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.posts.errors import CommentNotFound, NotTheAuthor, PostNotFound
from banyan.features.posts.models import Comment, CommentText, Post, PostChanges
from banyan.kernel.errors import BanyanError, Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.support.statements import recorded


async def get(town: Town, viewer: UUID | None, post: UUID) -> Post:
    async with town.work() as work:
        return await town.posts.get_post(work, viewer, post)


async def comments(town: Town, viewer: UUID | None, post: UUID, limit: int = 100) -> list[Comment]:
    found: list[Comment] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            page = await town.comments.list_comments(work, viewer, post, limit, cursor)
        found += page.items
        assert len(page.items) == limit or page.next_cursor is None
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


async def edit(town: Town, person: UUID, comment: UUID, body: str) -> Comment:
    async with town.work() as work:
        return await town.comments.edit_comment(work, person, comment, CommentText(body=body))


async def delete(town: Town, person: UUID, comment: UUID, *, moderates: bool = False) -> None:
    async with town.work() as work:
        await town.comments.delete_comment(work, person, comment, moderates=moderates)


async def take_back(town: Town, person: UUID, post: UUID, kind: str) -> None:
    async with town.work() as work:
        await town.reactions.remove_reaction(work, person, post, kind)


async def test_comments_come_oldest_first_in_pages(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    for number in range(5):
        await town.comment((ada, ben)[number % 2], post.id, f"{number}")
    for limit in (1, 2, 5, 100):
        assert [comment.body for comment in await comments(town, None, post.id, limit)] == list("01234")
    first = (await comments(town, ben, post.id))[0]
    assert first.author is not None
    assert (first.post_id, first.author.handle, first.edited_at) == (post.id, "ada", None)
    assert (await get(town, None, post.id)).comment_count == 5


async def test_comments_of_the_hidden_are_left_out_but_counted(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ada)
    for number in range(6):
        await town.comment((ben, cleo)[number % 2], post.id, f"{number}")
    await town.block(ben, cleo)
    assert [comment.body for comment in await comments(town, ben, post.id, 2)] == list("024")
    assert [comment.body for comment in await comments(town, cleo, post.id, 2)] == list("135")
    assert len(await comments(town, None, post.id, 2)) == 6
    assert (await get(town, ben, post.id)).comment_count == 6


async def test_nobody_comments_or_reacts_where_they_may_not_look(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "x", "connections")
    for attempt in (
        town.comment(ben, post.id),
        town.react(ben, post.id),
        take_back(town, ben, post.id, "love"),
        comments(town, ben, post.id),
        comments(town, None, post.id),
        town.comment(ben, new_id()),
        town.react(ben, new_id()),
    ):
        with pytest.raises(PostNotFound):
            await attempt


async def test_who_edits_and_who_deletes_a_comment(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ada)
    comment = await town.comment(ben, post.id, "Furst")
    edited = await edit(town, ben, comment, "First")
    assert edited.edited_at is not None
    assert await comments(town, None, post.id) == [edited]
    for person in (ada, cleo):
        with pytest.raises(NotTheAuthor):
            await edit(town, person, comment, "Mine")
    with pytest.raises(NotTheAuthor):
        await delete(town, cleo, comment)
    await delete(town, ada, comment)
    for person in (ada, ben):
        with pytest.raises(CommentNotFound):
            await delete(town, person, comment)
        with pytest.raises(CommentNotFound):
            await edit(town, person, comment, "Again")
    await delete(town, ben, await town.comment(ben, post.id))
    await delete(town, cleo, await town.comment(ben, post.id), moderates=True)
    assert (await get(town, ada, post.id)).comment_count == 0


async def test_a_comment_under_a_post_one_may_not_see_is_not_there(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ada)
    comment = await town.comment(ben, post.id)
    await town.block(ben, cleo)
    with pytest.raises(CommentNotFound):
        await delete(town, cleo, comment, moderates=True)
    async with town.work() as work:
        await town.posts.edit_post(work, ada, post.id, PostChanges(audience="self"))
    with pytest.raises(CommentNotFound):
        await edit(town, ben, comment, "Still here?")


@pytest.mark.parametrize("body", [" ", "x" * 2001, "a\0b"])
async def test_a_comment_needs_text(town: Town, body: str) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    with pytest.raises(Invalid):
        await town.comment(ada, post.id, body)


async def test_a_new_reaction_takes_the_place_of_the_old(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    await town.react(ada, post.id, "love")
    await town.react(ben, post.id, "love")
    await town.react(ben, post.id, "wow")
    await town.react(ben, post.id, "wow")
    shown = await get(town, ben, post.id)
    assert (shown.reaction_counts, shown.my_reaction) == ({"love": 1, "wow": 1}, "wow")
    await take_back(town, ben, post.id, "love")
    assert (await get(town, ben, post.id)).my_reaction == "wow"
    await take_back(town, ben, post.id, "wow")
    await take_back(town, ben, post.id, "wow")
    shown = await get(town, ben, post.id)
    assert (shown.reaction_counts, shown.my_reaction) == ({"love": 1}, None)


@pytest.mark.parametrize("kind", ["", "hate", "LOVE", "a\0b"])
async def test_an_unknown_kind_is_refused(town: Town, kind: str) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    for attempt in (town.react(ada, post.id, kind), take_back(town, ada, post.id, kind)):
        with pytest.raises(Invalid):
            await attempt


async def test_many_at_once_lose_no_count(town: Town) -> None:
    people = [await town.person(f"person{number}") for number in range(4)]
    post = await town.publish(people[0])
    await asyncio.gather(
        *[town.react(person, post.id, kind) for person in people for kind in ("love", "wow", "sad")],
        *[take_back(town, person, post.id, "wow") for person in people],
        *[town.comment(person, post.id) for person in people for _ in range(3)],
    )
    shown = await get(town, None, post.id)
    mine = [(await get(town, person, post.id)).my_reaction for person in people]
    assert shown.comment_count == 12
    assert shown.reaction_counts == {kind: mine.count(kind) for kind in mine if kind is not None}


async def test_one_comment_is_deleted_once(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    comment = await town.comment(ada, post.id)
    await town.comment(ada, post.id)
    results = await asyncio.gather(*[delete(town, ada, comment) for _ in range(3)], return_exceptions=True)
    assert [type(result) for result in results].count(CommentNotFound) == 2
    assert (await get(town, ada, post.id)).comment_count == 1


async def test_responses_against_the_deletion_of_their_post(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    for _ in range(5):
        post = await town.publish(ada)
        comment = await town.comment(ben, post.id)

        async def remove(post_id: UUID = post.id) -> None:
            async with town.work() as work:
                await town.posts.delete_post(work, ada, post_id)

        results = await asyncio.gather(
            town.comment(ben, post.id),
            town.react(ben, post.id),
            remove(),
            delete(town, ben, comment),
            return_exceptions=True,
        )
        for result in results:
            assert not isinstance(result, BaseException) or isinstance(result, BanyanError)
            assert not isinstance(result, BanyanError) or result.status == 404
        async with town.work() as work:
            for table in ("posts_posts", "posts_counters", "posts_comments", "posts_reactions"):
                assert await work.value(f"SELECT count(*) FROM {table}") == 0


async def test_comments_cost_the_same_whatever_their_number(town: Town) -> None:
    people = [await town.person(f"person{number}") for number in range(6)]
    post = await town.publish(people[0])
    for person in people:
        await town.comment(person, post.id)
    for limit in (1, 6):
        town.memory.reset()
        async with recorded(town.pool) as statements, town.work() as work:
            page = await town.comments.list_comments(work, people[1], post.id, limit, None)
        assert (len(page.items), len(statements)) == (limit, 4)
