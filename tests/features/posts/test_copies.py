"""Posts in memory: a feed says byte for byte what the post itself does, whoever reads, whatever happened since."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from banyan.features.people.models import ProfileChanges
from banyan.features.posts.models import Audience, NewComment, PostChanges, PostRow
from banyan.features.posts.queries.posts import list_by_id
from banyan.features.posts.service import copies
from banyan.infra.database.work import Work
from tests.features.town import Town
from tests.support.statements import recorded


async def feed_bytes(town: Town, reader: UUID) -> list[bytes]:
    """The feed as it goes over the wire, post by post."""
    async with town.work() as work:
        page = await town.homes.read_feed(work, reader, 100, None)
    return [bytes(post) for post in msgspec.json.decode(page.items, type=list[msgspec.Raw])]


async def post_bytes(town: Town, reader: UUID, post_id: UUID) -> bytes:
    async with town.work() as work:
        return msgspec.json.encode(await town.posts.get_post(work, reader, post_id))


async def agree(town: Town, readers: Sequence[UUID], post_ids: Sequence[UUID]) -> None:
    """Each reader's feed is these posts, each as it is shown alone: twice, so that the second comes from memory."""
    for _ in range(2):
        for reader in readers:
            assert await feed_bytes(town, reader) == [await post_bytes(town, reader, one) for one in post_ids]


async def test_a_feed_says_what_the_posts_say(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    for other in (ben, cleo):
        await town.connect(ada, other)
    friends = await town.make_list(ada, ben, cleo)
    tricky = await town.publish(ada, '"author":null,"my_reaction":null,"saved":false} \\ é \u2028 "author":{')
    plain = await town.publish(ada, "For @ben and @cleo about #moss", "connections")
    listed = await town.publish(ada, "For friends", Audience("list", friends))
    await town.drain()
    ids = [listed.id, plain.id, tricky.id]
    everybody = (ada, ben, cleo)
    await agree(town, everybody, ids)
    for post in (tricky, plain, listed):
        await town.react(ben, post.id, "laugh")
        await agree(town, everybody, ids)
        await town.save(cleo, post.id)
        await town.comment(cleo, post.id)
        await agree(town, everybody, ids)
    await town.react(cleo, plain.id, "wow")
    async with town.work() as work:
        await town.posts.edit_post(work, ada, plain.id, PostChanges(body="Edited, for @ben"))
    async with town.work() as work:
        await town.people.update_profile(work, ada, ProfileChanges(display_name='Ada "The First"'))
    await agree(town, everybody, ids)


async def test_two_readers_of_a_post_read_it_once(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    for other in (ben, cleo):
        await town.connect(ada, other)
    post = await town.publish(ada)
    await town.drain()
    await feed_bytes(town, ben)
    async with recorded(town.pool) as statements:
        await feed_bytes(town, cleo)
    assert not [one for one in statements if "p.body" in one]
    # Its author is shown more, and has another copy.
    async with recorded(town.pool) as statements:
        await feed_bytes(town, ada)
        await feed_bytes(town, ada)
    assert len([one for one in statements if "p.body" in one]) == 1
    await town.react(ben, post.id)
    async with recorded(town.pool) as statements:
        for reader in (ben, cleo, ben):
            await feed_bytes(town, reader)
    assert len([one for one in statements if "p.body" in one]) == 1


@pytest.mark.parametrize("changes", [PostChanges(audience="self"), PostChanges(body="Secret", audience="self")])
async def test_what_is_withdrawn_between_look_and_reading_is_not_shown(
    town: Town, monkeypatch: pytest.MonkeyPatch, changes: PostChanges
) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    for other in (ben, cleo):
        await town.connect(ada, other)
    post = await town.publish(ada, "For all")
    await town.drain()

    async def withdraw_and_read(work: Work, viewer_id: UUID | None, post_ids: Any) -> list[PostRow]:
        monkeypatch.undo()
        async with town.work() as other:
            await town.posts.edit_post(other, ada, post.id, changes)
        return await list_by_id(work, viewer_id, post_ids)

    monkeypatch.setattr(copies, "list_by_id", withdraw_and_read)
    assert await feed_bytes(town, ben) == []
    assert await feed_bytes(town, cleo) == []
    assert await feed_bytes(town, ada) == [await post_bytes(town, ada, post.id)]


async def test_what_is_deleted_between_look_and_reading_is_not_shown(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    kept, deleted = await town.publish(ada, "Kept"), await town.publish(ada, "Deleted")
    await town.drain()

    async def delete_and_read(work: Work, viewer_id: UUID | None, post_ids: Any) -> list[PostRow]:
        monkeypatch.undo()
        async with town.work() as other:
            await town.posts.delete_post(other, ada, deleted.id)
        return await list_by_id(work, viewer_id, post_ids)

    monkeypatch.setattr(copies, "list_by_id", delete_and_read)
    assert await feed_bytes(town, ben) == [await post_bytes(town, ben, kept.id)]


async def test_what_a_transaction_writes_twice_is_not_taken_for_its_first_state(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    post = await town.publish(ada)
    await town.drain()
    async with town.work() as work:
        await town.reactions.put_reaction(work, ben, post.id, "love")
        assert work.in_transaction
        await town.homes.read_feed(work, ben, 10, None)
        await town.reactions.put_reaction(work, ben, post.id, "sad")
        await town.comments.write_comment(work, ben, post.id, NewComment(body="Indeed"))
    await agree(town, (ada, ben), [post.id])


async def test_who_is_hidden_leaves_feeds_with_their_posts_and_comes_back(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    post = await town.publish(ada)
    await town.drain()
    await agree(town, (ben,), [post.id])
    async with town.work() as work:
        await town.people.hide_person(work, ada)
    assert await feed_bytes(town, ben) == []
    async with town.work() as work:
        await town.people.show_person(work, ada)
    await agree(town, (ben,), [post.id])


async def test_many_readers_at_once_each_read_their_own(town: Town) -> None:
    authors = [await town.person(f"author{number}") for number in range(4)]
    readers = [await town.person(f"reader{number}") for number in range(12)]
    for number, reader in enumerate(readers):
        for author in authors[: 1 + number % 4]:
            await town.connect(author, reader)
    posts = [await town.publish(author, f"{number}") for number in range(3) for author in authors]
    await town.drain()

    async def read(reader: UUID, limit: int) -> list[UUID]:
        async with town.pool.work() as work:
            page = await town.homes.read_feed(work, reader, limit, None)
        return [UUID(post["id"]) for post in msgspec.json.decode(page.items)]

    def expected(number: int, limit: int) -> list[UUID]:
        mine = [post.id for post in reversed(posts) if post.author.id in authors[: 1 + number % 4]]
        return mine[:limit]

    for _ in range(3):
        asked = [(number, limit) for limit in (1, 5, 50) for number in range(len(readers))]
        found = await asyncio.gather(*(read(readers[number], limit) for number, limit in asked))
        assert list(found) == [expected(number, limit) for number, limit in asked]
