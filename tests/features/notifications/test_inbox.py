"""What people are told: by whom, once, collapsed while unread, and only as long as they may see it."""

import asyncio

import pytest

from banyan.features.notifications.errors import NotificationNotFound
from banyan.features.notifications.jobs import PruneNotifications
from banyan.features.notifications.models import ChannelChanges, PreferenceChanges
from banyan.features.posts.models import Audience, PostChanges
from banyan.features.posts.signals import CommentWritten
from banyan.infra.declare import ME_TOPIC
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.features.notifications.square import Square


async def test_a_request_is_told_until_it_is_answered(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    asked = await square.ask(ben, ada)
    (told,) = await square.inbox(ada)
    assert (told.kind, told.subject.type, told.subject.id) == ("connection_asked", "person", ben)
    assert told.text == "Ben would like to connect with you"
    assert await square.unread(ada) == 1
    assert (ME_TOPIC, (str(ada),)) in square.memory.announced
    await square.accept(ada, asked.id)
    assert (await square.inbox(ada), await square.unread(ada)) == ([], 0)
    (accepted,) = await square.inbox(ben)
    assert (accepted.kind, accepted.actors[0].id) == ("connection_accepted", ada)
    await square.end(ada, asked.id)
    assert await square.inbox(ben) == []


async def test_a_withdrawn_request_vanishes_and_a_new_one_is_told(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    asked = await square.ask(ben, ada)
    assert await square.unread(ada) == 1
    await square.end(ben, asked.id)
    assert await square.unread(ada) == 0
    await square.ask(ben, ada)
    (told,) = await square.inbox(ada)
    assert told.actor_count == 1


async def test_comments_on_one_post_are_one_notification(square: Square) -> None:
    ada, *others = [await square.person(name) for name in ("ada", "ben", "cleo", "dan", "eve", "fay")]
    post = await square.publish(ada)
    assert await square.texts(ada) == []
    expected = (
        "Ben commented on your post",
        "Cleo and Ben commented on your post",
        "Dan and 2 others commented on your post",
        "Eve and 3 others commented on your post",
        "Fay and 4 others commented on your post",
    )
    for other, text in zip(others, expected, strict=True):
        await square.comment(other, post.id)
        assert await square.texts(ada) == [text]
    await square.comment(others[0], post.id)
    await square.comment(ada, post.id)
    (told,) = await square.inbox(ada)
    assert (told.text, told.actor_count) == ("Ben and 4 others commented on your post", 5)
    assert [card.id for card in told.actors] == [others[0], others[4], others[3]]
    assert await square.unread(ada) == 1
    for language, text in (
        ("fr", "Ben et 4 autres personnes ont commenté votre publication"),
        ("ar", "علّق Ben و4 آخرين على منشورك"),
    ):
        await square.speak(ada, language)
        assert await square.texts(ada) == [text]


async def test_what_happens_after_reading_is_told_anew(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)
    await square.comment(ben, post.id)
    (first,) = await square.inbox(ada)
    await square.read(ada, first.id)
    await square.read(ada, first.id)
    assert await square.unread(ada) == 0
    await square.comment(cleo, post.id)
    newer, older = await square.inbox(ada)
    assert (older.id, newer.actor_count, newer.read_at) == (first.id, 1, None)
    assert older.read_at is not None
    assert [one.id for one in await square.inbox(ada, unread=True)] == [newer.id]
    with pytest.raises(NotificationNotFound):
        await square.read(ben, newer.id)


async def test_the_most_personal_reason_counts(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada, "Hello @ben")
    assert [one.kind for one in await square.inbox(ben)] == ["mention"]
    comment = await square.comment(ben, post.id)
    await square.comment(cleo, post.id, "Yes @ada", parent=comment)
    assert sorted(one.kind for one in await square.inbox(ada)) == ["comment", "mention"]
    kinds = {one.kind: one for one in await square.inbox(ben)}
    assert sorted(kinds) == ["mention", "reply"]
    assert kinds["reply"].subject.id == comment
    assert kinds["reply"].post_id == post.id
    await square.comment(ada, post.id, "Indeed", parent=comment)
    assert [one.actor_count for one in await square.inbox(ben) if one.kind == "reply"] == [2]


async def test_a_reaction_is_told_once_and_taken_back(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)
    for kind in ("love", "like"):
        await square.react(ben, post.id, kind)
    await square.react(cleo, post.id)
    assert await square.texts(ada) == ["Cleo and Ben reacted to your post"]
    async with square.work() as work:
        await square.reactions.remove_reaction(work, cleo, post.id, "love")
    assert await square.texts(ada) == ["Ben reacted to your post"]
    async with square.work() as work:
        await square.reactions.remove_reaction(work, ben, post.id, "like")
    assert (await square.texts(ada), await square.unread(ada)) == ([], 0)


async def test_blocked_and_muted_people_leave_texts_and_counts(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)
    await square.comment(ben, post.id)
    await square.comment(cleo, post.id)
    await square.block(ada, ben)
    assert await square.texts(ada) == ["Cleo commented on your post"]
    await square.mute(ada, cleo)
    assert (await square.texts(ada), await square.unread(ada)) == ([], 0)
    await square.unmute(ada, cleo)
    await square.unblock(ada, ben)
    (told,) = await square.inbox(ada)
    assert (told.actor_count, await square.unread(ada)) == (2, 1)


async def test_what_one_may_no_longer_see_vanishes(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    connection = await square.connect(ada, ben)
    post = await square.publish(ada, "Dear @ben", "connections")
    (told,) = [one for one in await square.inbox(ben) if one.kind == "mention"]
    async with square.work() as work:
        await square.posts.edit_post(work, ada, post.id, PostChanges(audience=Audience("self")))
    assert "mention" not in [one.kind for one in await square.inbox(ben)]
    with pytest.raises(NotificationNotFound):
        await square.read(ben, told.id)
    async with square.work() as work:
        await square.posts.edit_post(work, ada, post.id, PostChanges(audience=Audience("connections")))
    assert "mention" in [one.kind for one in await square.inbox(ben)]
    await square.end(ben, connection.id)
    assert (await square.inbox(ben), await square.unread(ben)) == ([], 0)


async def test_a_comment_that_its_post_took_along_out_of_sight_vanishes_too(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    post = await square.publish(ada)
    comment = await square.comment(ben, post.id)
    await square.comment(ada, post.id, "Yes", parent=comment)
    async with square.work() as work:
        await square.posts.edit_post(work, ada, post.id, PostChanges(audience=Audience("self")))
        await square.comments.delete_comment(work, ada, comment)
    assert (await square.inbox(ada), await square.unread(ada)) == ([], 0)


async def test_deleted_things_vanish_with_their_rows(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)
    mine = await square.comment(ben, post.id)
    reply = await square.comment(cleo, post.id, "Yes", parent=mine)
    assert (await square.unread(ada), await square.unread(ben)) == (1, 1)
    async with square.work() as work:
        await square.comments.delete_comment(work, cleo, reply)
    assert (await square.unread(ben), await square.texts(ada)) == (0, ["Ben commented on your post"])
    await square.comment(cleo, post.id, "Again", parent=mine)
    async with square.work() as work:
        await square.comments.delete_comment(work, ben, mine)
    assert await square.unread(ben) == 0
    async with square.work() as work:
        await square.posts.delete_post(work, ada, post.id)
    assert await square.inbox(ada) == []
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_items") == 0
        assert await work.value("SELECT count(*) FROM notifications_events") == 0


async def test_signals_and_jobs_that_come_twice_or_at_once_write_once(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)
    comments = [await square.comment(author, post.id) for author in (ben, cleo, ben)]
    jobs = [job for job in square.memory.waiting if isinstance(job, CommentWritten)] * 3
    square.memory.waiting.clear()

    async def run(job: CommentWritten) -> None:
        async with square.work() as work:
            await square.run(work, job)

    await asyncio.gather(*(run(job) for job in jobs))
    (told,) = await square.inbox(ada)
    assert told.actor_count == 2
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_events") == len(comments)
    # A signal that comes again after its notification was read is no news either.
    await square.read(ada, told.id)
    await run(jobs[0])
    assert await square.unread(ada) == 0


async def test_everything_until_a_moment_is_read(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    posts = [await square.publish(ada) for _ in range(3)]
    for post in posts:
        await square.comment(ben, post.id)
    newest, middle, _ = await square.inbox(ada)
    assert await square.read_all(ada, str(middle.id)) == 1
    assert [one.id for one in await square.inbox(ada, unread=True)] == [newest.id]
    assert await square.read_all(ada, "2020-01-01T00:00:00Z") == 1
    assert await square.read_all(ada, newest.updated_at.isoformat()) == 0
    await square.comment(ben, posts[0].id)
    assert await square.read_all(ada) == 0
    for wrong in ("soon", "2020-01-01T00:00:00", "1000-01-01T00:00:00Z"):
        with pytest.raises(Invalid):
            await square.read_all(ada, wrong)
    with pytest.raises(NotificationNotFound):
        await square.read_all(ada, str(new_id()))


async def test_pages_go_on_over_what_may_not_be_seen(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    for number in range(12):
        await square.comment(ben if number % 2 else cleo, (await square.publish(ada)).id)
    await square.block(ada, ben)
    everything = [one.id for one in await square.inbox(ada)]
    assert len(everything) == 6
    for limit in (1, 2, 4, 5, 6, 7):
        found, cursor = [], None
        while True:
            async with square.work() as work:
                page = await square.parts.inbox.list_notifications(work, ada, limit, cursor)
            found += [one.id for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == everything


async def test_a_kind_that_is_not_wanted_in_the_app_stays_out_of_it(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    post = await square.publish(ada)
    for off in (ChannelChanges(in_app=False), ChannelChanges(email="off", push=False)):
        await square.prefer(ada, PreferenceChanges(kinds={"comment": off}))
        await square.comment(ben, post.id)
        assert (await square.inbox(ada), await square.unread(ada)) == ([], 0)
    await square.prefer(ada, PreferenceChanges(kinds={"comment": ChannelChanges(in_app=True)}))
    await square.comment(ben, post.id)
    assert await square.unread(ada) == 1


async def test_old_notifications_are_removed(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    await square.comment(ben, (await square.publish(ada)).id)
    assert await square.unread(ada) == 1
    async with square.work() as work:
        await square.parts.telling.prune(work, PruneNotifications())
    assert await square.unread(ada) == 1
    async with square.work() as work:
        await work.write("UPDATE notifications_items SET place = '01000000-0000-7000-8000-000000000000'")
    async with square.work() as work:
        await square.parts.telling.prune(work, PruneNotifications())
    assert await square.unread(ada) == 0


async def test_who_leaves_takes_everything_along(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post, other = await square.publish(ada), await square.publish(ben)
    await square.comment(ben, post.id)
    await square.comment(cleo, post.id)
    await square.comment(ada, other.id)
    assert (await square.unread(ada), await square.unread(ben)) == (1, 1)
    more = True
    while more:
        async with square.work() as work:
            more = await square.parts.own.erase(work, ben)
    assert (await square.texts(ada), await square.inbox(ben)) == (["Cleo commented on your post"], [])
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_events WHERE $1 IN (actor_id, person_id)", ben) == 0
