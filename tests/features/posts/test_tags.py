"""Tag pages: what a reader may see and nothing else, in order, at a bounded cost; and the tags that are used most."""

from datetime import timedelta
from uuid import UUID

from banyan.features.posts.models import Audience, AudienceKind, Post, PostChanges, PostImport
from banyan.infra.database.pool import Pool
from banyan.kernel.clock import now
from banyan.kernel.ids import id_at, new_id
from tests.features.town import Town
from tests.support.statements import recorded


async def tagged(town: Town, viewer: UUID | None, tag: str, limit: int = 100) -> list[Post]:
    """A whole tag page by page."""
    found: list[Post] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            page = await town.tags.list_tagged(work, viewer, tag, limit, cursor)
        found += page.items
        assert len(page.items) == limit or page.next_cursor is None
        cursor = page.next_cursor
        if cursor is None:
            return found


async def bodies(town: Town, viewer: UUID | None, tag: str, limit: int = 100) -> list[str]:
    return [post.body for post in await tagged(town, viewer, tag, limit)]


async def edit(town: Town, author: UUID, post: UUID, body: str | None, audience: AudienceKind | None) -> None:
    changes = PostChanges()
    if body is not None:
        changes.body = body
    if audience is not None:
        changes.audience = Audience(audience)
    async with town.work() as work:
        await town.posts.edit_post(work, author, post, changes)


async def used(town: Town, limit: int = 20) -> list[tuple[str, int]]:
    async with town.work() as work:
        page = await town.tags.list_used(work, limit)
    assert page.next_cursor is None
    return [(use.tag, use.post_count) for use in page.items]


async def test_each_reader_finds_what_they_may_see(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    friends = await town.make_list(ada, ben)
    await town.block(dan, ada)
    for kind in ("public", "connections", "self"):
        await town.publish(ada, f"#Market {kind}", kind)
    await town.publish(ada, "#market list", Audience("list", friends))
    await town.publish(cleo, "#MARKET by cleo", "connections")
    await town.publish(ben, "#other")
    found = {reader: await bodies(town, reader, "market") for reader in (ada, ben, cleo, dan, None)}
    assert found == {
        ada: ["#MARKET by cleo", "#market list", "#Market self", "#Market connections", "#Market public"],
        ben: ["#market list", "#Market connections", "#Market public"],
        cleo: ["#MARKET by cleo", "#Market connections", "#Market public"],
        dan: [],
        None: ["#Market public"],
    }
    for limit in (1, 2, 3):
        assert await bodies(town, ada, "#Market", limit) == found[ada]
    for nonsense in ("", "a b", "123", "x" * 200, "a\0b"):
        assert await bodies(town, ada, nonsense) == []
    await town.mute(ben, ada)
    assert await bodies(town, ben, "market") == []


async def test_edits_and_deletion_move_a_post_between_tags(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "#one #two")
    await edit(town, ada, post.id, "#two #three", None)
    assert [await bodies(town, ben, tag) for tag in ("one", "two", "three")] == [[], ["#two #three"], ["#two #three"]]
    await edit(town, ada, post.id, None, "self")
    assert await bodies(town, ben, "two") == []
    assert await bodies(town, ada, "two") == ["#two #three"]
    assert await used(town) == []
    await edit(town, ada, post.id, None, "public")
    assert await used(town) == [("three", 1), ("two", 1)]
    await edit(town, ada, post.id, "none", None)
    assert await bodies(town, ada, "two") == []
    await edit(town, ada, post.id, "#two", None)
    async with town.work() as work:
        await town.posts.delete_post(work, ada, post.id)
        assert await work.value("SELECT count(*) FROM posts_tags") == 0
    assert await bodies(town, ada, "two") == []


async def test_what_strangers_write_for_others_costs_nothing(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.publish(ada, "#busy open")
    for _ in range(30):
        await town.publish(ada, "#busy", "connections")
    await bodies(town, ben, "busy")
    async with recorded(town.pool) as statements, town.work() as work:
        page = await town.tags.list_tagged(work, ben, "busy", 10, None)
    assert ([post.body for post in page.items], len(statements)) == (["#busy open"], 1)


async def test_the_most_used_tags_of_public_posts(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    for _ in range(3):
        await town.publish(ada, "#Bread and #salt")
    await town.publish(ben, "#bread #bread")
    await town.publish(ben, "#secret", "connections")
    assert await used(town) == [("bread", 4), ("salt", 3)]
    assert await used(town, 1) == [("bread", 4)]


async def test_uses_of_last_week_count_and_older_ones_do_not(town: Town) -> None:
    ada = await town.person("ada")
    posts = []
    for days in (1, 6, 8):
        at = now() - timedelta(days=days)
        post_id = id_at(int(at.timestamp() * 1000), days)
        body = f"#news #d{days}"
        posts.append(PostImport(id=post_id, author_id=ada, body=body, audience="public", created_at=at))
    async with town.work() as work:
        await town.imports.import_posts(work, posts)
    assert await used(town) == [("news", 2), ("d1", 1), ("d6", 1)]


async def test_tag_pages_follow_their_indexes(town: Town, pool: Pool) -> None:
    ada, at = await town.person("ada"), now()
    posts = [
        PostImport(
            id=new_id(),
            author_id=ada,
            body=f"#tag{number % 7} #all",
            audience="connections" if number % 2 else "public",
            created_at=at,
        )
        for number in range(2000)
    ]
    async with town.work() as work:
        await town.imports.import_posts(work, posts)
        await town.imports.refresh_statistics(work)
    async with recorded(pool) as statements, town.work() as work:
        await town.tags.list_tagged(work, ada, "all", 20, None)
    (statement,) = [one for one in statements if "posts_tags" in one]
    async with pool.connection() as connection:
        await connection.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE tagged AS {statement}")
        try:
            plan = await connection.fetch("EXPLAIN EXECUTE tagged(NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
        finally:
            await connection.execute("RESET plan_cache_mode; DEALLOCATE ALL")
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan on posts_tags" not in text and "Seq Scan on posts_posts" not in text, text
    assert "posts_tags_public" in text and "posts_tags_others" in text, text
