"""Messages: told to those who have not read them, as one per conversation, until they do."""

from datetime import timedelta
from uuid import UUID

import pytest

from banyan.features.messaging.models import ChatMessage, NewConversation, NewMessage
from banyan.features.messaging.service import conversations
from banyan.kernel.clock import now
from tests.features.notifications.square import Square


async def talk(square: Square, author: UUID, *others: UUID, title: str | None = None) -> UUID:
    async with square.work() as work:
        new = NewConversation(member_ids=list(others), title=title)
        return (await square.messaging.conversations.create_conversation(work, author, new)).id


async def say(square: Square, author: UUID, conversation: UUID, name: str) -> ChatMessage:
    async with square.work() as work:
        new = NewMessage(body="Hello", client_id=name)
        return await square.messaging.messages.send_message(work, author, conversation, new)


async def read(square: Square, reader: UUID, conversation: UUID, message: ChatMessage) -> None:
    async with square.work() as work:
        await square.messaging.conversations.mark_read(work, reader, conversation, message.id)


async def test_messages_are_told_until_they_are_read(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    group = await talk(square, ada, ben, cleo, title="Choir")
    await say(square, ada, group, "1")
    last = await say(square, cleo, group, "2")
    (told,) = await square.inbox(ben)
    assert (told.kind, told.subject.type, told.subject.id) == ("message", "conversation", group)
    assert (told.text, told.actor_count) == ("Cleo and Ada wrote to you", 2)
    assert await square.unread(ben) == 1
    await read(square, ben, group, last)
    assert (await square.inbox(ben), await square.unread(ben)) == ([], 0)


async def test_what_was_read_is_told_no_more_when_the_next_message_comes(
    square: Square, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    pair = await talk(square, ada, ben)
    first = await say(square, ada, pair, "1")
    (told,) = await square.inbox(ben)
    # He comes back a minute later.
    monkeypatch.setattr(conversations, "now", lambda: now() + timedelta(minutes=1))
    await read(square, ben, pair, first)
    assert await square.inbox(ben) == []
    async with square.work() as work:
        await square.messaging.conversations.mute_conversation(work, ben, pair, muted=True)
    await say(square, ada, pair, "2")
    assert await square.inbox(ben) == []
    async with square.work() as work:
        await square.messaging.conversations.mute_conversation(work, ben, pair, muted=False)
    await say(square, ada, pair, "3")
    (again,) = await square.inbox(ben)
    assert again.id != told.id


async def test_who_has_read_or_muted_it_is_not_told(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    group = await talk(square, ada, ben, cleo, title="Choir")
    async with square.work() as work:
        await square.messaging.conversations.mute_conversation(work, cleo, group, muted=True)
    await read(square, ben, group, await say(square, ada, group, "1"))
    assert [await square.inbox(one) for one in (ada, ben, cleo)] == [[], [], []]
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_items") == 0
