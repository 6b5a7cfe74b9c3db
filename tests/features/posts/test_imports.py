"""What is taken over in bulk obeys the rules for one and ends in the same rows."""

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


def a_post(author: UUID, body: str = "Hello", audience: PlainAudience = "public") -> PostImport:
    return PostImport(id=new_id(), author_id=author, body=body, audience=audience, created_at=now())


def a_comment(author: UUID, post: UUID, body: str = "Indeed") -> CommentImport:
    return CommentImport(id=new_id(), post_id=post, author_id=author, body=body, created_at=now())


def a_reaction(person: UUID, post: UUID, kind: ReactionKind = "love") -> ReactionImport:
    return ReactionImport(post_id=post, person_id=person, kind=kind, created_at=now())


async def test_an_import_reads_like_what_was_written_one_by_one(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    post, other = a_post(ada, " Hi ", "connections"), a_post(ben)
    async with town.work() as work:
        await town.imports.import_posts(work, [post, other])
        await town.imports.import_comments(work, [a_comment(ben, post.id), a_comment(ada, post.id)])
        await town.imports.import_comments(work, [a_comment(cleo, other.id)])
        await town.imports.import_reactions(work, [a_reaction(ben, post.id), a_reaction(ada, post.id)])
        await town.imports.import_reactions(work, [a_reaction(cleo, other.id, "wow")])
        await town.homes.build_homes(work, [ada, ben, cleo])
        await town.imports.refresh_statistics(work)
    feed = await town.feed(ben)
    assert [shown.id for shown in feed] == [other.id, post.id]
    assert (feed[1].body, feed[1].comment_count, feed[1].reaction_counts) == ("Hi", 2, {"love": 2})
    assert (feed[0].comment_count, feed[0].reaction_counts) == (1, {"wow": 1})
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
    ada, ben = await town.person("ada"), await town.person("ben")
    public, private = a_post(ada), a_post(ada, "Mine", "connections")
    async with town.work() as work:
        await town.imports.import_posts(work, [public, private])
        await town.imports.import_reactions(work, [a_reaction(ben, public.id)])
    refused: list[tuple[list[PostImport], type[BanyanError]]] = [
        ([a_post(ada), a_post(ada, " ")], Invalid),
        ([a_post(ada, "x", "everybody")], Invalid),  # type: ignore[arg-type]
        ([a_post(new_id())], PersonNotFound),
        ([a_post(ben), public], Conflict),
    ]
    for posts, error in refused:
        with pytest.raises(error):
            async with town.work() as work:
                await town.imports.import_posts(work, posts)
    comment = a_comment(ben, public.id)
    for comments, error in (
        ([a_comment(ben, public.id, "")], Invalid),
        ([a_comment(ben, private.id)], PostNotFound),
        ([a_comment(ben, new_id())], PostNotFound),
        ([a_comment(new_id(), public.id)], PersonNotFound),
        ([comment, comment], Conflict),
    ):
        with pytest.raises(error):
            async with town.work() as work:
                await town.imports.import_comments(work, comments)
    for reactions, error in (
        ([a_reaction(ben, public.id, "hate")], Invalid),  # type: ignore[arg-type]
        ([a_reaction(ben, private.id)], PostNotFound),
        ([a_reaction(ben, public.id, "wow")], Conflict),
        ([a_reaction(new_id(), public.id)], PersonNotFound),
    ):
        with pytest.raises(error):
            async with town.work() as work:
                await town.imports.import_reactions(work, reactions)
    async with town.work() as work:
        assert len((await town.posts.list_public(work, None, 100, None)).items) == 1
