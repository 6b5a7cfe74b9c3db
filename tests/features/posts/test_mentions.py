"""Only people who may see a text are mentioned in it, and each is told once."""

import asyncio
from uuid import UUID

from banyan.features.posts.models import (
    Audience,
    AudienceKind,
    CommentImport,
    CommentText,
    Mention,
    Post,
    PostChanges,
    PostImport,
)
from banyan.features.posts.signals import PersonMentioned
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.support.statements import recorded


async def edit(
    town: Town, author: UUID, post: UUID, body: str | None = None, audience: Audience | AudienceKind | None = None
) -> Post:
    changes = PostChanges()
    if body is not None:
        changes.body = body
    if audience is not None:
        changes.audience = Audience(audience) if isinstance(audience, str) else audience
    async with town.work() as work:
        return await town.posts.edit_post(work, author, post, changes)


async def edit_comment(town: Town, author: UUID, comment: UUID, body: str) -> list[Mention]:
    async with town.work() as work:
        return (await town.comments.edit_comment(work, author, comment, CommentText(body=body))).mentions


def told(town: Town) -> list[UUID]:
    """Who was told since the last time, in the order of the signals."""
    found = [signal.person_id for signal in town.memory.emitted if isinstance(signal, PersonMentioned)]
    town.memory.emitted.clear()
    return found


async def test_a_mention_stands_in_every_answer(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    town.memory.emitted.clear()
    post = await town.publish(ada, "Ask @Ben or @nobody_here #Help")
    await town.drain()
    assert (post.mentions, post.tags) == ([Mention("ben", ben)], ["help"])
    assert PersonMentioned(ben, post.id, None, ada) in town.memory.emitted
    async with town.work() as work:
        shown = await town.posts.get_post(work, None, post.id)
    assert shown == post
    assert (await town.feed(ben))[0].mentions == post.mentions


async def test_only_who_may_see_the_post_is_mentioned(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    await town.connect(ada, ben)
    await town.block(dan, ada)
    friends = await town.make_list(ada)
    text = "@ada @ben @cleo @dan"
    found: dict[str, list[UUID]] = {}
    for audience in (Audience("public"), Audience("connections"), Audience("list", friends), Audience("self")):
        town.memory.emitted.clear()
        post = await town.publish(ada, text, audience)
        found[audience.kind] = [mention.person_id for mention in post.mentions]
        assert told(town) == [one for one in found[audience.kind] if one != ada]
    assert found == {"public": [ada, ben, cleo], "connections": [ada, ben], "list": [ada], "self": [ada]}
    await town.add_member(ada, friends, ben)
    assert (await town.publish(ada, text, Audience("list", friends))).mentions == [
        Mention("ada", ada),
        Mention("ben", ben),
    ]


async def test_an_edit_tells_those_who_are_new(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    post = await town.publish(ada, "@ben @cleo", "connections")
    assert told(town) == [ben]
    assert (await edit(town, ada, post.id, audience="public")).mentions == [Mention("ben", ben), Mention("cleo", cleo)]
    assert told(town) == [cleo]
    assert (await edit(town, ada, post.id, "@cleo")).mentions == [Mention("cleo", cleo)]
    await edit(town, ada, post.id, "@ben again, @cleo")
    assert told(town) == []
    assert (await edit(town, ada, post.id, audience="self")).mentions == []


async def test_a_name_in_an_older_text_stays_with_whom_it_meant(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "Thanks, @ben")
    async with town.work() as work:
        await work.write("UPDATE people_people SET handle = 'benjamin' WHERE id = $1", ben)
    cuckoo = await town.person("ben")
    told(town)
    assert (await edit(town, ada, post.id, "Thanks a lot, @ben")).mentions == [Mention("ben", ben)]
    assert told(town) == []
    assert (await town.publish(ada, "Welcome, @ben")).mentions == [Mention("ben", cuckoo)]


async def test_comments_mention_who_may_see_the_post_and_them(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    for other in (ben, cleo, dan):
        await town.connect(ada, other)
    await town.block(dan, ben)
    post = await town.publish(ada, "x", "connections")
    eve = await town.person("eve")
    town.memory.emitted.clear()
    comment = await town.comment(ben, post.id, "@ada @cleo @dan @eve @ben #Deal")
    assert told(town) == [ada, cleo]
    async with town.work() as work:
        shown = (await town.comments.list_comments(work, ada, post.id, 10, None)).items[0]
    assert [mention.person_id for mention in shown.mentions] == [ada, cleo, ben]
    assert shown.tags == ["deal"]
    await town.connect(eve, ada)
    assert [one.person_id for one in await edit_comment(town, ben, comment, "@eve @cleo")] == [eve, cleo]
    assert told(town) == [eve]


async def test_edits_at_once_tell_once(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    post = await town.publish(ada, "x")
    comment = await town.comment(ada, post.id, "x")
    town.memory.emitted.clear()
    await asyncio.gather(*[edit(town, ada, post.id, f"@ben {number}") for number in range(4)])
    assert told(town) == [ben]
    await asyncio.gather(*[edit_comment(town, ada, comment, f"@ben {number}") for number in range(4)])
    assert told(town) == [ben]


async def test_a_text_without_names_asks_for_nobody(town: Town) -> None:
    ada = await town.person("ada")
    names = " ".join(f"@somebody{number}" for number in range(20))
    for number in range(20):
        await town.person(f"somebody{number}")
    await town.publish(ada)
    async with recorded(town.pool) as statements:
        await town.publish(ada, "#tags cost nothing, and ada@example.org neither")
    assert [statement.split()[0] for statement in statements] == ["WITH"]
    async with recorded(town.pool) as statements:
        assert len((await town.publish(ada, names)).mentions) == 20
    # Ids, cards, connections, blocks: whatever the number of names.
    assert len(statements) <= 4 + 3


async def test_an_import_finds_tags_and_mentions_and_tells_nobody(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    town.memory.emitted.clear()
    post = PostImport(
        id=new_id(),
        author_id=ada,
        body="@ben @cleo #Old",
        audience="connections",
        created_at=now(),
        comments=[CommentImport(id=new_id(), author_id=ben, body="@ada @cleo #Yes", created_at=now())],
    )
    async with town.work() as work:
        await town.imports.import_posts(work, [post])
        shown = await town.posts.get_post(work, ben, post.id)
        below = (await town.comments.list_comments(work, ben, post.id, 10, None)).items[0]
        assert (shown.mentions, shown.tags) == ([Mention("ben", ben)], ["old"])
        assert (below.mentions, below.tags) == ([Mention("ada", ada)], ["yes"])
        assert [one.id for one in (await town.tags.list_tagged(work, ben, "old", 10, None)).items] == [post.id]
        assert (await town.tags.list_tagged(work, cleo, "old", 10, None)).items == []
    assert told(town) == []
