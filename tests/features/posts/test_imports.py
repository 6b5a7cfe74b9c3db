"""What is taken over in bulk obeys the rules for one and ends in the same rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from banyan.features.people.errors import PersonNotFound
from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import CommentImport, PlainAudience, PostImport, ReactionImport, ReactionKind
from banyan.kernel.clock import now
from banyan.kernel.errors import BanyanError, Conflict, Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town


def a_post(
    author: UUID,
    body: str = "Hello",
    audience: PlainAudience = "public",
    comments: Sequence[CommentImport] = (),
    reactions: Sequence[ReactionImport] = (),
) -> PostImport:
    return PostImport(
        id=new_id(),
        author_id=author,
        body=body,
        audience=audience,
        created_at=now(),
        comments=comments,
        reactions=reactions,
    )


def a_comment(author: UUID, body: str = "Indeed") -> CommentImport:
    return CommentImport(id=new_id(), author_id=author, body=body, created_at=now())


def a_reaction(person: UUID, kind: ReactionKind = "love") -> ReactionImport:
    return ReactionImport(person_id=person, kind=kind, created_at=now())


async def test_an_import_reads_like_what_was_written_one_by_one(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    post = a_post(
        ada, " Hi ", "connections", [a_comment(ben, " So "), a_comment(ada)], [a_reaction(ben), a_reaction(ada)]
    )
    other = a_post(ben, comments=[a_comment(cleo)], reactions=[a_reaction(cleo, "wow")])
    async with town.work() as work:
        await town.imports.import_posts(work, [post, other])
        await town.homes.build_homes(work, [ada, ben, cleo])
        await town.imports.refresh_statistics(work)
    feed = await town.feed(ben)
    assert [shown.id for shown in feed] == [other.id, post.id]
    assert (feed[1].body, feed[1].comment_count, feed[1].reaction_counts) == ("Hi", 2, {"love": 2})
    assert (feed[0].comment_count, feed[0].reaction_counts) == (1, {"wow": 1})
    async with town.work() as work:
        below = (await town.comments.list_comments(work, ben, post.id, 10, None)).items
    assert sorted(comment.body for comment in below) == ["Indeed", "So"]
    async with town.work() as work:
        # Again, where all of it is there already.
        await town.homes.build_homes(work, [ada, ben, cleo])
    assert await town.feed(ben) == feed
    await town.react(ben, post.id, "sad")
    assert (await town.feed(ben))[1].reaction_counts == {"love": 1, "sad": 1}
    assert await town.feed(cleo) == []


@pytest.mark.parametrize("moment", ["1999-12-31T23:59:59.999999", "2026-11-20T12:00:00.000001", "2099-01-01T00:00:00"])
async def test_times_come_back_to_the_microsecond(town: Town, moment: str) -> None:
    ada = await town.person("ada")
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    post = PostImport(id=new_id(), author_id=ada, body="Then", audience="public", created_at=at)
    async with town.work() as work:
        await town.imports.import_posts(work, [post])
        assert (await town.posts.get_post(work, ada, post.id)).created_at == at


async def test_an_import_is_refused_like_a_single_one(town: Town) -> None:
    ada, ben, cleo, dora = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dora")]
    await town.connect(ada, ben)
    await town.block(dora, ada)
    known, comment = a_post(ada), a_comment(ben)
    async with town.work() as work:
        await town.imports.import_posts(work, [known])
    refused: list[tuple[list[PostImport], type[BanyanError]]] = [
        ([a_post(ada), a_post(ada, " ")], Invalid),
        ([a_post(ada, "x", "everybody")], Invalid),  # type: ignore[arg-type]
        ([a_post(new_id())], PersonNotFound),
        ([a_post(ben), known], Conflict),
        ([a_post(ada, comments=[a_comment(ben, "")])], Invalid),
        ([a_post(ada, comments=[a_comment(new_id())])], PersonNotFound),
        ([a_post(ada, comments=[comment]), a_post(ada, comments=[comment])], Conflict),
        ([a_post(ada, reactions=[a_reaction(ben, "hate")])], Invalid),  # type: ignore[arg-type]
        ([a_post(ada, reactions=[a_reaction(new_id())])], PersonNotFound),
        ([a_post(ada, reactions=[a_reaction(ben), a_reaction(ben, "wow")])], Conflict),
    ]
    unseen: list[tuple[UUID, PlainAudience]] = [(cleo, "connections"), (dora, "public"), (ben, "self")]
    for person, audience in unseen:
        refused.append(([a_post(ben), a_post(ada, "x", audience, comments=[a_comment(person)])], PostNotFound))
        refused.append(([a_post(ben), a_post(ada, "x", audience, reactions=[a_reaction(person)])], PostNotFound))
    for posts, error in refused:
        with pytest.raises(error):
            async with town.work() as work:
                await town.imports.import_posts(work, posts)
    async with town.work() as work:
        assert len((await town.posts.list_public(work, None, 100, None)).items) == 1
