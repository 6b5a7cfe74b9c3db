"""Posts for a list: its members as of now see them, wherever posts are shown, and nobody else learns which list."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
import pytest

from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import Audience, AudienceKind, NewPost, Post, PostChanges
from banyan.features.posts.service.homes import HomeSizes
from banyan.infra.database.pool import Pool
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town

SMALL = HomeSizes(home_rows=5, backfill_rows=3, fan_out_readers=2, trim_one_in=1)


async def edit(town: Town, author: UUID, post: UUID, audience: Audience | AudienceKind) -> Post:
    given = Audience(audience) if isinstance(audience, str) else audience
    async with town.work() as work:
        return await town.posts.edit_post(work, author, post, PostChanges(audience=given))


async def sees(town: Town, viewer: UUID | None, post: UUID) -> bool:
    """Alike by itself, in the feed, on the profile and in its thread."""
    async with town.work() as work:
        try:
            await town.posts.get_post(work, viewer, post)
            seen = True
        except PostNotFound:
            seen = False
        page = await town.posts.list_by_author(work, viewer, "ada", 100, None)
        assert (post in [one.id for one in page.items]) == seen
        try:
            await town.comments.list_comments(work, viewer, post, 10, None)
            assert seen
        except PostNotFound:
            assert not seen
        public = await town.posts.list_public(work, viewer, 100, None)
        assert post not in [one.id for one in public.items]
    if viewer is not None:
        assert (post in [one.id for one in await town.feed(viewer)]) == seen
    return seen


async def test_members_see_it_and_others_do_not(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    friends = await town.make_list(ada, ben)
    post = await town.publish(ada, "For few", Audience("list", friends))
    await town.drain()
    seen = {reader: await sees(town, reader, post.id) for reader in (ada, ben, cleo, dan, None)}
    assert seen == {ada: True, ben: True, cleo: False, dan: False, None: False}
    assert (await town.home_rows(ben), await town.home_rows(cleo)) == (1, 0)
    with pytest.raises(PostNotFound):
        await town.comment(cleo, post.id)
    await town.comment(ben, post.id)
    await town.save(ben, post.id)
    await town.remove_member(ada, friends, ben)
    async with town.work() as work:
        assert (await town.saves.list_saved(work, ben, 10, None)).items == []


async def test_only_the_author_is_told_which_list(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    friends = await town.make_list(ada, ben)
    post = await town.publish(ada, "x", Audience("list", friends))
    await town.drain()
    assert msgspec.to_builtins(post.audience) == {"kind": "list", "id": str(friends)}
    for reader, shown in ((ada, {"kind": "list", "id": str(friends)}), (ben, {"kind": "list"})):
        async with town.work() as work:
            one = await town.posts.get_post(work, reader, post.id)
        for found in (one, (await town.feed(reader))[0]):
            assert msgspec.to_builtins(found.audience) == shown


async def test_whoever_is_put_on_the_list_sees_it_and_whoever_is_taken_off_does_not(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    friends = await town.make_list(ada)
    post = await town.publish(ada, "x", Audience("list", friends))
    await town.drain()
    assert not await sees(town, ben, post.id)
    await town.add_member(ada, friends, ben)
    await town.drain()
    assert await sees(town, ben, post.id)
    await town.remove_member(ada, friends, ben)
    assert not await sees(town, ben, post.id)
    await town.add_member(ada, friends, ben)
    await town.drain()
    await town.end(ben, connection.id)
    assert not await sees(town, ben, post.id)
    await town.connect(ada, ben)
    await town.drain()
    assert not await sees(town, ben, post.id)


async def test_a_deleted_list_leaves_its_posts_to_their_author(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    friends = await town.make_list(ada, ben)
    post = await town.publish(ada, "x", Audience("list", friends))
    await town.drain()
    await town.delete_list(ada, friends)
    assert [await sees(town, reader, post.id) for reader in (ada, ben, None)] == [True, False, False]
    await edit(town, ada, post.id, "connections")
    await town.drain()
    assert await sees(town, ben, post.id)


async def test_every_change_of_the_audience_holds_in_the_feeds(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    first, second = await town.make_list(ada, ben), await town.make_list(ada, cleo)
    post = await town.publish(ada, "x", "self")
    audiences: dict[str, tuple[Audience, set[UUID]]] = {
        "self": (Audience("self"), {ada}),
        "first": (Audience("list", first), {ada, ben}),
        "second": (Audience("list", second), {ada, cleo}),
        "connections": (Audience("connections"), {ada, ben, cleo}),
    }
    # Every change from each to each other.
    walk = ["first", "self", "second", "first", "second", "self", "connections", "first", "connections", "second"]
    for name in [*walk, "connections", "self", "first"]:
        audience, readers = audiences[name]
        shown = await edit(town, ada, post.id, audience)
        assert shown.audience == audience
        await town.drain()
        assert {reader for reader in (ada, ben, cleo) if await sees(town, reader, post.id)} == readers, name


async def test_only_ones_own_lists_are_audiences(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    of_ben = await town.make_list(ben)
    own = await town.make_list(ada)
    post = await town.publish(ada)
    wrong = [Audience("list", of_ben), Audience("list", new_id()), Audience("list"), Audience("public", own)]
    for audience in wrong:
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda audience=audience: town.publish(ada, "x", audience),  # type: ignore[misc]
            lambda audience=audience: edit(town, ada, post.id, audience),  # type: ignore[misc]
        ]
        for attempt in attempts:
            with pytest.raises(Invalid):
                await attempt()
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"body": "x", "audience": "list"}', type=NewPost)


async def test_being_added_fills_in_the_newest_and_the_rest_is_found_below(pool: Pool) -> None:
    town = Town(pool, SMALL)
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    friends, other = await town.make_list(ada), await town.make_list(ada)
    for number in range(9):
        await town.publish(ada, f"{number}", Audience("list", friends))
        await town.publish(ada, "other", Audience("list", other))
        await town.drain()
    await town.add_member(ada, friends, ben)
    await town.drain()
    for page in (1, 2, 100):
        assert [post.body for post in await town.feed(ben, page)] == [f"{number}" for number in reversed(range(9))]


async def test_a_long_list_is_written_in_several_jobs(pool: Pool) -> None:
    town = Town(pool, SMALL)
    ada = await town.person("ada")
    readers = [await town.person(f"reader{number}") for number in range(6)]
    for reader in readers:
        await town.connect(ada, reader)
    friends = await town.make_list(ada, *readers[:5])
    await town.publish(ada, "x", Audience("list", friends))
    await town.drain()
    assert [len(await town.feed(reader)) for reader in readers] == [1, 1, 1, 1, 1, 0]


async def test_publishing_while_somebody_is_added_misses_nobody(town: Town) -> None:
    ada = await town.person("ada")
    for number in range(5):
        ben = await town.person(f"ben{number}")
        await town.connect(ada, ben)
        friends = await town.make_list(ada)
        await asyncio.gather(town.add_member(ada, friends, ben), town.publish(ada, "Now", Audience("list", friends)))
        await town.drain()
        assert [post.body for post in await town.feed(ben)][:1] == ["Now"]


async def test_an_earlier_text_for_a_list_is_found_by_its_members(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    friends = await town.make_list(ada, ben)
    post = await town.publish(ada, "For few", Audience("list", friends))
    await edit(town, ada, post.id, "public")
    found = {}
    for reader in (ada, ben, cleo, None):
        async with town.work() as work:
            page = await town.posts.list_revisions(work, reader, post.id, 10, None)
        found[reader] = [(one.body, one.audience) for one in page.items]
    assert found == {
        ada: [("For few", Audience("list", friends))],
        ben: [("For few", None)],
        cleo: [],
        None: [],
    }
