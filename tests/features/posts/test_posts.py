"""Publishing, reading, editing and deleting; what an answer holds, what is refused, what lists cost."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
import pytest

from banyan.features.people.errors import PersonNotFound
from banyan.features.posts.errors import NotTheAuthor, PostNotFound
from banyan.features.posts.models import Audience, AudienceKind, NewPost, Post, PostChanges
from banyan.features.posts.signals import PostDeleted
from banyan.kernel.errors import BanyanError, Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.support.eventually import eventually
from tests.support.statements import recorded


async def get(town: Town, viewer: UUID | None, post: UUID) -> Post:
    async with town.work() as work:
        return await town.posts.get_post(work, viewer, post)


async def edit(town: Town, person: UUID, post: UUID, changes: PostChanges) -> Post:
    async with town.work() as work:
        return await town.posts.edit_post(work, person, post, changes)


async def delete(town: Town, person: UUID, post: UUID) -> None:
    async with town.work() as work:
        await town.posts.delete_post(work, person, post)


async def test_an_answer_holds_exactly_what_is_promised(town: Town) -> None:
    ada = await town.person("ada")
    published = await town.publish(ada, "  Good morning\r\nall \n", "public")
    assert published == await get(town, None, published.id)
    answer = msgspec.json.decode(msgspec.json.encode(published))
    assert answer == {
        "id": str(published.id),
        "body": "Good morning\nall",
        "audience": {"kind": "public"},
        "created_at": answer["created_at"],
        "edited_at": None,
        "author": {"id": str(ada), "handle": "ada", "display_name": "Ada", "avatar_url": None},
        "comment_count": 0,
        "reaction_counts": {},
        "my_reaction": None,
        "saved": False,
        "tags": [],
        "mentions": [],
    }
    assert answer["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (b'{"body": "x", "audience": {"kind": "connections"}}', "connections"),
        (b'{"body": "x", "audience": "self"}', "self"),
        (b'{"body": "x"}', "public"),
    ],
)
async def test_both_forms_of_an_audience(town: Town, given: bytes, kind: str) -> None:
    ada = await town.person("ada")
    async with town.work() as work:
        post = await town.posts.publish_post(work, ada, msgspec.json.decode(given, type=NewPost))
    assert post.audience == Audience(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        b'{"body": "x", "audience": "everybody"}',
        b'{"body": "x", "audience": {"kind": "list", "id": 1}}',
        b'{"body": "x", "audience": {}}',
        b'{"body": "x", "audience": null}',
        b'{"body": 1}',
        b'{"body": ""}',
        b'{"audience": "public"}',
        b'{"body": "x", "colour": "red"}',
    ],
)
def test_wrongly_formed_posts_are_refused_while_reading(given: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(given, type=NewPost)


@pytest.mark.parametrize("body", [" \n\t ", "x" * 5001, "a\0b", "a\x1bb", "\u200b", "\ud800"])
async def test_text_that_cannot_be_shown_is_refused(town: Town, body: str) -> None:
    ada = await town.person("ada")
    with pytest.raises(Invalid):
        await town.publish(ada, body)


@pytest.mark.parametrize("body", ["x" * 5000 + "\n", "tab\there\nand there", "é́ 👩‍👩‍👧", "مرحبا", "x"])
async def test_text_of_every_kind_comes_back_as_it_was(town: Town, body: str) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, body)
    assert (await get(town, ada, post.id)).body == body.strip()


async def test_who_may_see_what(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    await town.connect(ada, ben)
    await town.block(dan, ada)
    seen: dict[AudienceKind, list[UUID | None]] = {
        "public": [ada, ben, cleo, None],
        "connections": [ada, ben],
        "self": [ada],
    }
    for audience, readers in seen.items():
        post = await town.publish(ada, "x", audience)
        for reader in (ada, ben, cleo, dan, None):
            if reader in readers:
                assert (await get(town, reader, post.id)).id == post.id
            else:
                with pytest.raises(PostNotFound):
                    await get(town, reader, post.id)
    with pytest.raises(PostNotFound):
        await get(town, ada, new_id())


async def test_a_profile_shows_what_its_reader_may_see(town: Town) -> None:
    ada, ben, dan = [await town.person(handle) for handle in ("ada", "ben", "dan")]
    await town.connect(ada, ben)
    await town.block(dan, ada)
    for audience in ("public", "connections", "self"):
        await town.publish(ada, audience, audience)
    for reader, shown in ((ada, 3), (ben, 2), (None, 1)):
        async with town.work() as work:
            page = await town.posts.list_by_author(work, reader, "Ada", 100, None)
        assert len(page.items) == shown
    async with town.work() as work:
        for reader, handle in ((dan, "ada"), (ada, "dan"), (ada, "nobody.here"), (ada, "a\0b")):
            with pytest.raises(PersonNotFound):
                await town.posts.list_by_author(work, reader, handle, 100, None)


async def test_pages_join_without_gap_or_repetition(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    posts = [await town.publish((ada, ben)[number % 2], f"{number}") for number in range(7)]
    await town.block(await town.person("cleo"), ben)
    async with town.work() as work:
        first = await town.posts.list_public(work, None, 3, None)
        # What is published meanwhile does not move the pages after.
        later = await town.publish(ada, "later")
        second = await town.posts.list_public(work, None, 3, first.next_cursor)
        third = await town.posts.list_public(work, None, 3, second.next_cursor)
    shown = [post.id for page in (first, second, third) for post in page.items]
    assert shown == [post.id for post in reversed(posts)]
    assert third.next_cursor is None
    assert later.id not in shown


async def test_hidden_authors_leave_no_short_pages(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.block(cleo, ben)
    for number in range(6):
        await town.publish(ada, f"{number}")
        for _ in range(4):
            await town.publish(ben)
    async with recorded(town.pool) as statements, town.work() as work:
        page = await town.posts.list_public(work, cleo, 4, None)
    assert ([post.body for post in page.items], len(statements)) == (["5", "4", "3", "2"], 2)
    async with town.work() as work:
        page = await town.posts.list_public(work, cleo, 4, page.next_cursor)
        assert ([post.body for post in page.items], page.next_cursor) == (["1", "0"], None)


async def test_the_author_edits_and_others_do_not(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "First")
    edited = await edit(town, ada, post.id, PostChanges(body=" Second "))
    assert (edited.body, edited.created_at) == ("Second", post.created_at)
    assert edited.edited_at is not None
    assert edited == await get(town, ada, post.id)
    with pytest.raises(NotTheAuthor):
        await edit(town, ben, post.id, PostChanges(body="Mine"))
    hidden = await edit(town, ada, post.id, PostChanges(audience="self"))
    assert (hidden.body, hidden.audience.kind) == ("Second", "self")
    with pytest.raises(PostNotFound):
        await edit(town, ben, post.id, PostChanges(body="Mine"))
    with pytest.raises(Invalid):
        await edit(town, ada, post.id, PostChanges(body=" "))


async def test_a_change_of_nothing_is_no_edit(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, "Same")
    assert await edit(town, ada, post.id, PostChanges(body="Same", audience="public")) == post
    assert await edit(town, ada, post.id, PostChanges()) == post


async def test_a_deleted_post_takes_everything_along(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada)
    comment = await town.comment(ben, post.id)
    await town.react(ben, post.id)
    with pytest.raises(NotTheAuthor):
        await delete(town, ben, post.id)
    await delete(town, ada, post.id)
    for attempt in (get(town, ada, post.id), delete(town, ada, post.id), town.react(ben, post.id)):
        with pytest.raises(PostNotFound):
            await attempt
    async with town.work() as work:
        with pytest.raises(BanyanError):
            await town.comments.delete_comment(work, ben, comment)
        for table in ("posts_posts", "posts_counters", "posts_comments", "posts_reactions", "posts_home"):
            assert await work.value(f"SELECT count(*) FROM {table}") == 0


async def test_what_anonymous_readers_were_shown_is_announced_when_it_changes(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    tag = ("http.answers", (f"post:{post.id}",))
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: town.react(ada, post.id, "love"),
        lambda: town.comment(ada, post.id),
        lambda: edit(town, ada, post.id, PostChanges(body="New")),
        lambda: edit(town, ada, post.id, PostChanges(audience="self")),
    ]
    for change in changes:
        town.memory.announced.clear()
        await change()
        assert tag in town.memory.announced
    town.memory.announced.clear()
    await town.react(ada, post.id, "wow")
    await delete(town, ada, post.id)
    assert tag not in town.memory.announced


async def test_lists_cost_the_same_whatever_their_length(town: Town) -> None:
    authors = [await town.person(f"author{number}") for number in range(6)]
    for author in authors:
        for _ in range(4):
            await town.publish(author)
    viewer = authors[0]
    async with town.work() as work:
        await town.posts.list_public(work, viewer, 100, None)
    for limit in (1, 20):
        async with recorded(town.pool) as statements, town.work() as work:
            page = await town.posts.list_public(work, viewer, limit, None)
        assert (len(page.items), len(statements)) == (limit, 1)
        town.memory.reset()
        async with recorded(town.pool) as statements, town.work() as work:
            await town.posts.list_public(work, viewer, limit, None)
        assert len(statements) == 3
        async with town.work() as work:
            await town.api.cards(work, authors)
        async with recorded(town.pool) as statements, town.work() as work:
            await town.posts.list_by_author(work, viewer, "author1", limit, None)
        assert len(statements) == 2


async def test_a_post_costs_one_statement_to_read_and_one_to_publish(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    # Who is hidden from everybody is read once.
    await get(town, None, post.id)
    async with recorded(town.pool) as statements:
        await get(town, None, post.id)
    assert len(statements) == 1
    async with recorded(town.pool) as statements:
        await town.publish(ada)
    assert [statement.split()[0] for statement in statements] == ["WITH"]


async def test_the_community_is_counted_and_remembered(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada)
    await town.comment(ada, post.id)
    await town.react(ada, post.id)
    async with town.work() as work:
        community = await town.communities.get_community(work)
    assert (community.name, community.people, community.posts) == ("Testville", 1, 1)
    assert (community.comments, community.reactions) == (1, 1)
    await town.publish(ada)
    async with recorded(town.pool) as statements, town.work() as work:
        assert await town.communities.get_community(work) == community
    assert statements == []


async def test_a_deletion_behind_an_edit_tells_of_whom_the_post_was_for_at_last(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, "Only I see this", "self")
    waits = """SELECT EXISTS (SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock')"""
    async with town.work() as editing:
        await town.posts.edit_post(editing, ada, post.id, PostChanges(audience="public"))
        deletion = asyncio.create_task(delete(town, ada, post.id))
        await eventually(lambda: town.pool.work().value(waits))
    await deletion
    assert PostDeleted(post.id, ada) in town.memory.emitted
