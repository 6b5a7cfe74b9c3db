"""What a post said before its edits: kept at every edit, shown to those for whom it was."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import AUDIENCES, Audience, PlainAudience, PostChanges, Revision
from banyan.kernel.pages import Page
from tests.features.town import Town


async def edit(
    town: Town, author: UUID, post: UUID, body: str | None = None, audience: PlainAudience | None = None
) -> None:
    changes = PostChanges()
    if body is not None:
        changes.body = body
    if audience is not None:
        changes.audience = audience
    async with town.work() as work:
        await town.posts.edit_post(work, author, post, changes)


async def page_of(
    town: Town, viewer: UUID | None, post: UUID, limit: int = 100, cursor: str | None = None
) -> Page[Revision]:
    async with town.work() as work:
        return await town.posts.list_revisions(work, viewer, post, limit, cursor)


async def history(town: Town, viewer: UUID | None, post: UUID) -> list[tuple[str, Audience | None]]:
    return [(one.body, one.audience) for one in (await page_of(town, viewer, post)).items]


async def test_every_edit_keeps_what_was_there(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, "One")
    assert await history(town, None, post.id) == []
    await edit(town, ada, post.id, "Two")
    await edit(town, ada, post.id, "Two", "public")
    await edit(town, ada, post.id, "Three", "connections")
    await edit(town, ada, post.id, audience="public")
    public, connections = AUDIENCES["public"], AUDIENCES["connections"]
    assert await history(town, ada, post.id) == [("Three", connections), ("Two", public), ("One", public)]
    newest = (await page_of(town, ada, post.id)).items[0]
    assert post.created_at < newest.edited_at


async def test_only_the_author_sees_for_whom_it_was(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "One")
    await edit(town, ada, post.id, "Two")
    for reader in (None, ben):
        assert await history(town, reader, post.id) == [("One", None)]


async def test_a_wider_audience_does_not_publish_what_the_post_said_before(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    post = await town.publish(ada, "My secret", "self")
    await edit(town, ada, post.id, "For friends", "connections")
    await edit(town, ada, post.id, "For all", "public")
    seen = {reader: [body for body, _ in await history(town, reader, post.id)] for reader in (ada, ben, cleo, None)}
    assert seen == {ada: ["For friends", "My secret"], ben: ["For friends"], cleo: [], None: []}


async def test_whoever_may_not_see_the_post_finds_no_history(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ada, "One")
    await edit(town, ada, post.id, "Two")
    await town.block(ada, cleo)
    with pytest.raises(PostNotFound):
        await page_of(town, cleo, post.id)
    await edit(town, ada, post.id, audience="self")
    for reader in (None, ben):
        with pytest.raises(PostNotFound):
            await page_of(town, reader, post.id)


async def test_a_history_comes_in_pages_and_goes_with_its_post(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, "0")
    for number in range(1, 6):
        await edit(town, ada, post.id, f"{number}")
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await page_of(town, ada, post.id, 2, cursor)
        found += [one.body for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["4", "3", "2", "1", "0"]
    async with town.work() as work:
        await town.posts.delete_post(work, ada, post.id)
        assert await work.value("SELECT count(*) FROM posts_revisions") == 0


async def test_edits_at_once_lose_no_text(town: Town) -> None:
    ada = await town.person("ada")
    post = await town.publish(ada, "first")
    bodies = [f"edit {number}" for number in range(8)]
    await asyncio.gather(*[edit(town, ada, post.id, body) for body in bodies])
    async with town.work() as work:
        shown = await town.posts.get_post(work, ada, post.id)
    kept = [body for body, _ in await history(town, ada, post.id)]
    assert sorted([*kept, shown.body]) == sorted(["first", *bodies])
