"""Threads: replies in their place, placeholders for what was deleted, counts that stay right in all races."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from banyan.features.people.models import DELETED_ACCOUNT
from banyan.features.posts.errors import CommentNotFound
from banyan.features.posts.models import MAX_DEPTH, Branch, Comment, CommentText
from banyan.infra.database.pool import Pool
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def listed(
    town: Town, viewer: UUID | None, post: UUID, branch: Branch = "all", limit: int = 100
) -> list[Comment]:
    """A whole list, page by page."""
    found: list[Comment] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            page = await town.comments.list_comments(work, viewer, post, limit, cursor, branch)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def replies(town: Town, viewer: UUID | None, comment: UUID) -> list[Comment]:
    async with town.work() as work:
        return (await town.comments.list_replies(work, viewer, comment, 100, None)).items


async def one_comment(town: Town, viewer: UUID | None, comment: UUID) -> Comment:
    async with town.work() as work:
        return await town.comments.get_comment(work, viewer, comment)


async def delete(town: Town, person: UUID, comment: UUID) -> None:
    async with town.work() as work:
        await town.comments.delete_comment(work, person, comment)


async def count(town: Town, post: UUID) -> int:
    async with town.work() as work:
        return (await town.posts.get_post(work, None, post)).comment_count


def bodies(comments: list[Comment]) -> list[str]:
    return [comment.body for comment in comments]


async def test_replies_stand_below_what_they_answer(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    first = await town.comment(ben, post.id, "first")
    answer = await town.comment(ada, post.id, "answer", first)
    await town.comment(ben, post.id, "second")
    await town.comment(ben, post.id, "deeper", answer)
    await town.comment(ada, post.id, "another", first)
    assert bodies(await listed(town, None, post.id)) == ["first", "answer", "second", "deeper", "another"]
    for limit in (1, 100):
        assert bodies(await listed(town, None, post.id, "top", limit)) == ["first", "second"]
        assert bodies(await listed(town, None, post.id, first, limit)) == ["answer", "another"]
    assert bodies(await replies(town, ben, first)) == ["answer", "another"]
    assert bodies(await replies(town, None, answer)) == ["deeper"]
    by_body = {one.body: one for one in await listed(town, None, post.id)}
    assert [(one.parent_id, one.depth, one.reply_count) for one in by_body.values()] == [
        (None, 0, 2),
        (first, 1, 1),
        (None, 0, 0),
        (answer, 2, 0),
        (first, 1, 0),
    ]
    assert await count(town, post.id) == 5


async def test_below_the_last_level_replies_stand_beside_each_other(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    comment: UUID | None = None
    chain: list[UUID] = []
    for number in range(MAX_DEPTH + 3):
        comment = await town.comment(ada, post.id, f"{number}", comment)
        chain.append(comment)
    found = await listed(town, None, post.id)
    assert [one.depth for one in found] == [*range(MAX_DEPTH + 1), MAX_DEPTH, MAX_DEPTH]
    last_parent = chain[MAX_DEPTH - 1]
    assert bodies(await replies(town, None, last_parent)) == ["8", "9", "10"]
    assert await replies(town, None, chain[-1]) == []


async def test_one_answers_only_what_is_on_the_same_post_and_can_be_seen(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post, other = await town.publish(ada), await town.publish(ada)
    comment = await town.comment(ben, post.id, "x")
    await town.block(ben, cleo)
    for attempt in (
        town.comment(ada, other.id, "y", comment),
        town.comment(ada, post.id, "y", new_id()),
        town.comment(cleo, post.id, "y", comment),
        listed(town, None, other.id, comment),
        listed(town, cleo, post.id, comment),
        replies(town, cleo, comment),
        replies(town, None, new_id()),
        one_comment(town, cleo, comment),
        one_comment(town, None, new_id()),
    ):
        with pytest.raises(CommentNotFound):
            await attempt
    assert await count(town, post.id) == 1


async def test_replies_of_the_hidden_are_left_out_but_counted(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ada)
    top = await town.comment(ada, post.id, "top")
    for number in range(4):
        await town.comment((ben, cleo)[number % 2], post.id, f"{number}", top)
    await town.block(ben, cleo)
    assert bodies(await replies(town, ben, top)) == ["0", "2"]
    assert bodies(await replies(town, cleo, top)) == ["1", "3"]
    assert (await listed(town, ben, post.id, "top"))[0].reply_count == 4


async def test_a_deleted_comment_with_replies_leaves_a_placeholder(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    top = await town.comment(ben, post.id, "My address is 5 Hill Road")
    middle = await town.comment(ada, post.id, "middle", top)
    leaf = await town.comment(ben, post.id, "leaf", middle)
    await delete(town, ben, top)
    placeholder, kept, _ = await listed(town, ada, post.id)
    assert (placeholder.id, placeholder.deleted, placeholder.body, placeholder.author) == (top, True, "", None)
    assert (placeholder.reply_count, kept.deleted) == (1, False)
    assert await count(town, post.id) == 2
    async with town.work() as work:
        row = await work.row("SELECT body, author_id FROM posts_comments WHERE id = $1", top)
        assert row is not None and tuple(row) == ("", UUID(int=0))
    assert bodies(await replies(town, None, top)) == ["middle"]
    assert await one_comment(town, None, top) == placeholder
    for attempt in (delete(town, ada, top), town.comment(ada, post.id, "late", top)):
        with pytest.raises(CommentNotFound):
            await attempt
    with pytest.raises(CommentNotFound):
        async with town.work() as work:
            await town.comments.edit_comment(work, ben, top, CommentText(body="Again"))
    await delete(town, ada, middle)
    assert await count(town, post.id) == 1
    await delete(town, ben, leaf)
    assert await listed(town, ada, post.id) == []
    assert await count(town, post.id) == 0


async def test_placeholders_go_up_to_the_first_that_still_holds_something(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    top = await town.comment(ada, post.id, "top")
    one = await town.comment(ada, post.id, "one", top)
    two = await town.comment(ada, post.id, "two", one)
    beside = await town.comment(ada, post.id, "beside", top)
    for comment in (top, one):
        await delete(town, ada, comment)
    await delete(town, ada, two)
    assert [(one.id, one.reply_count) for one in await listed(town, ada, post.id)] == [(top, 1), (beside, 0)]
    await delete(town, ada, beside)
    assert await listed(town, ada, post.id) == []


async def test_what_somebody_wrote_whose_account_is_gone_stays(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    comment = await town.comment(ben, post.id, "Stays")
    await town.comment(ada, post.id, "Answer", comment)
    async with town.work() as work:
        await work.write("DELETE FROM people_people WHERE id = $1", ben)
    town.memory.reset()
    first, second = await listed(town, ada, post.id)
    assert await one_comment(town, ada, comment) == first
    assert (first.body, first.author, first.deleted) == ("Stays", DELETED_ACCOUNT, False)
    assert second.author is not None and second.author.handle == "ada"
    assert len(await replies(town, None, comment)) == 1
    assert await count(town, post.id) == 2


async def test_answers_against_deletions_keep_every_count(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    for _ in range(6):
        top = await town.comment(ada, post.id, "top")
        leaf = await town.comment(ben, post.id, "leaf", top)
        results = await asyncio.gather(
            delete(town, ada, top),
            delete(town, ben, leaf),
            town.comment(ben, post.id, "late", leaf),
            town.comment(ben, post.id, "late", top),
            delete(town, ada, leaf),
            return_exceptions=True,
        )
        for result in results:
            assert not isinstance(result, BaseException) or isinstance(result, CommentNotFound), result
        await check_counts(town, post.id)


async def test_a_reply_waits_for_the_deletion_of_what_it_answers(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    top = await town.comment(ada, post.id, "top")
    async with town.work() as work:
        await town.comments.delete_comment(work, ada, top)
        late = asyncio.create_task(town.comment(ada, post.id, "late", top))
        await asyncio.sleep(0.05)
        assert not late.done()
    with pytest.raises(CommentNotFound):
        await late
    assert await count(town, post.id) == 0


async def check_counts(town: Town, post: UUID) -> None:
    """The counts are those of the rows, and no placeholder is left without replies."""
    found = await listed(town, None, post)
    ids = {one.id for one in found}
    assert await count(town, post) == sum(not one.deleted for one in found)
    for one in found:
        assert one.parent_id is None or one.parent_id in ids
        assert one.reply_count == sum(other.parent_id == one.id for other in found)
        assert not one.deleted or one.reply_count > 0


class Node(Struct):
    """A comment as the model knows it."""

    body: str
    parent: UUID | None
    depth: int
    deleted: bool = False


steps = st.tuples(st.sampled_from(["comment", "reply", "reply", "delete"]), st.integers(0, 60))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(
        st.tuples(st.sampled_from(["comment", "reply", "reply", "delete"]), st.integers(0, 60)), min_size=5, max_size=40
    )
)
async def test_a_thread_is_what_a_simple_model_says(pool: Pool, script: list[tuple[str, int]]) -> None:
    async with pool.connection() as connection:
        await connection.execute("TRUNCATE people_people, people_connections, people_blocks, posts_posts CASCADE")
    pool._outboxes = ()
    town = Town(pool)
    ada = await town.person("ada")
    post = (await town.publish(ada)).id
    model: dict[UUID, Node] = {}
    for number, (step, place) in enumerate(script):
        if step == "comment" or not model:
            model[await town.comment(ada, post, f"{number}")] = Node(f"{number}", None, 0)
            continue
        chosen = sorted(model)[place % len(model)]
        node = model[chosen]
        try:
            if step == "reply":
                made = await town.comment(ada, post, f"{number}", chosen)
            else:
                await delete(town, ada, chosen)
        except CommentNotFound:
            assert node.deleted
            continue
        assert not node.deleted
        if step == "delete":
            remove(model, chosen)
        elif node.depth == MAX_DEPTH:
            model[made] = Node(f"{number}", node.parent, MAX_DEPTH)
        else:
            model[made] = Node(f"{number}", chosen, node.depth + 1)
    found = await listed(town, ada, post, limit=7)
    assert [(one.id, one.body, one.parent_id, one.depth, one.deleted) for one in found] == [
        (key, node.body, node.parent, node.depth, node.deleted) for key, node in sorted(model.items())
    ]
    await check_counts(town, post)


def remove(model: dict[UUID, Node], chosen: UUID) -> None:
    """With replies it becomes a placeholder; without it goes, and placeholders above it that are left alone."""
    if any(node.parent == chosen for node in model.values()):
        model[chosen] = Node("", model[chosen].parent, model[chosen].depth, deleted=True)
        return
    parent = model.pop(chosen).parent
    while parent is not None and model[parent].deleted and all(node.parent != parent for node in model.values()):
        parent = model.pop(parent).parent
