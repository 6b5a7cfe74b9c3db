"""What sockets do, as a program that uses the Python client: `sockets.py CHAPTER URL TAG`, as story.py.

sockets.ts tells the same chapters with the TypeScript client.
"""

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import msgspec

from banyan_client import (
    Banyan,
    Dropped,
    Event,
    Joined,
    Place,
    Problem,
    Reconnects,
    SocketEnded,
    Subscription,
    Unknown,
    Unreachable,
)
from banyan_client.models import (
    ConversationEvent,
    MessageDeleted,
    MessageEdited,
    MessageSaid,
    PostPointer,
    Reacted,
    SyncedConversation,
    SyncPageItem,
)
from tests.clients.story import Story

NOBODY = UUID("01890000-0000-7000-8000-000000000000")
SOON = Reconnects(base_seconds=0.02, cap_seconds=0.1)
# A machine that runs other tests too may be ten times slower than one at rest.
PATIENCE_SECONDS = 240


class OwnCopy:
    """Keeps what the topic `me` tells; reads it anew only when it is told to."""

    def __init__(self, client: Banyan) -> None:
        self.client = client
        self.kept: dict[tuple[str, UUID], Any] = {}
        self.reloads = 0
        self.drops = 0
        self.offsets: list[object] = []

    async def follow(self, topic: Subscription[SyncPageItem]) -> None:
        async for news in topic:
            match news:
                case Joined(recovered=False):
                    self.reloads += 1
                    self.kept = await self.fresh()
                case Event(data, place):
                    assert place is not None and not isinstance(data, Unknown)
                    self.offsets.append(place.offset)
                    apply(self.kept, data)
                case Dropped():
                    self.drops += 1

    async def fresh(self) -> dict[tuple[str, UUID], Any]:
        kept: dict[tuple[str, UUID], Any] = {}
        since = None
        while True:
            page = await self.client.sync.show(since=since)
            if not page.items:
                return kept
            for item in page.items:
                assert not isinstance(item, Unknown)
                apply(kept, item)
            since = page.next


def apply(kept: dict[tuple[str, UUID], Any], item: Any) -> None:
    if item.op == "delete":
        kept.pop((item.kind, item.id), None)
    else:
        kept[item.kind, item.id] = item.value


class TalkCopy:
    """Keeps the messages of a conversation."""

    def __init__(self, client: Banyan, conversation_id: UUID) -> None:
        self.client = client
        self.id = conversation_id
        self.kept: dict[UUID, Any] = {}
        self.offsets: list[int] = []
        self.reloads = 0

    async def follow(self, topic: Subscription[ConversationEvent]) -> None:
        async for news in topic:
            match news:
                case Joined(recovered=False, place=place):
                    assert place is not None
                    self.reloads += 1
                    self.kept = await self.fresh()
                case Event(data, place):
                    assert place is not None and isinstance(place.offset, int)
                    self.offsets.append(place.offset)
                    await self.apply(data)

    async def apply(self, event: ConversationEvent) -> None:
        match event:
            case MessageSaid(message_id=id, message=message) | MessageEdited(message_id=id, message=message):
                # Where the event does not say it, the API does.
                if message is not None:
                    self.kept[id] = [message.body, False, message.reaction_counts]
                else:
                    self.kept[id] = shown(await self.client.messaging.show_message(id))
            case MessageDeleted(message_id=id):
                self.kept[id] = ["", True, {}]
            case Reacted(message_id=id, reaction_counts=counts):
                body, deleted, _ = self.kept[id]
                self.kept[id] = [body, deleted, counts]

    async def fresh(self) -> dict[UUID, Any]:
        messages = self.client.messaging.list_messages(self.id)
        return {message.id: shown(message) async for message in messages}


def shown(message: Any) -> list[Any]:
    return [message.body, message.deleted, message.reaction_counts]


async def live(conversation_id: UUID, ben: Banyan, draw: random.Random, steps: int) -> None:
    """What happens meanwhile."""
    written: list[UUID] = []
    posts: list[UUID] = []
    for number in range(steps):
        dice = draw.random()
        if dice < 0.5 or not written:
            message = await ben.messaging.send_message(
                conversation_id, body=f"Message {number} {'x' * draw.randrange(300)}", client_id=str(uuid4())
            )
            written.append(message.id)
        elif dice < 0.6:
            await ben.messaging.edit_message(draw.choice(written), body=f"Edited {number}")
        elif dice < 0.7:
            await ben.messaging.put_reaction(draw.choice(written), "love")
        elif dice < 0.75 and len(written) > 3:
            await ben.messaging.remove_message(written.pop(draw.randrange(len(written))))
        elif dice < 0.9 or not posts:
            posts.append((await ben.posts.publish(body=f"Post {number}", audience="connections")).id)
        else:
            await ben.posts.remove(posts.pop())


async def acquainted(story: Story) -> tuple[Banyan, Banyan, UUID, UUID]:
    """Two connected people and their conversation; the first one's id too."""
    ada, ada_account = await story.sign_up("ada")
    ben, ben_account = await story.sign_up("ben")
    asked = await ada.people.ask_connection(person_id=ben_account.account.id)
    await ben.people.accept_connection(asked.id)
    talk = await ben.messaging.create_conversation(member_ids=[ada_account.account.id])
    return ada, ben, talk.id, ada_account.account.id


async def drops(story: Story) -> object:
    ada, ben, conversation_id, _ = await acquainted(story)
    draw = random.Random(story.tag)
    mine, talk = OwnCopy(ada), TalkCopy(ada, conversation_id)
    async with ada.socket(reconnects=SOON, heartbeat_seconds=0.5) as socket, asyncio.TaskGroup() as tasks:
        me, conversation = socket.join_me(), socket.join_conversation(conversation_id)
        tasks.create_task(mine.follow(me))
        tasks.create_task(talk.follow(conversation))
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Who joins when all is done reads everything anew, over a connection that nobody cuts.
            while mine.reloads == 0 or talk.reloads == 0:
                await asyncio.sleep(0.1)
            await live(conversation_id, ben, draw, 90)
            while mine.kept != await mine.fresh() or talk.kept != await talk.fresh():
                await asyncio.sleep(0.1)
        me.leave()
        conversation.leave()
    return {
        "reloads": [mine.reloads, talk.reloads],
        "drops": mine.drops > 3,
        "twice": len(mine.offsets) - len(set(mine.offsets)),
        "in_order": talk.offsets == list(range(talk.offsets[0], talk.offsets[0] + len(talk.offsets))),
        "some": len(talk.kept) > 10 and len(mine.kept) > 3,
    }


async def places(story: Story) -> object:
    """A place is kept over two sockets; one that never was makes the app begin anew."""
    ada, ben, conversation_id, _ = await acquainted(story)
    async with ada.socket(reconnects=SOON) as socket:
        first = socket.join_conversation(conversation_id)
        joined = await anext(first)
        assert isinstance(joined, Joined)
        await ben.messaging.send_message(conversation_id, body="One", client_id="1")
        event = await anext(first)
        assert isinstance(event, Event)
    ended = [news async for news in first]
    await ben.messaging.send_message(conversation_id, body="Two", client_id="2")
    async with ada.socket(reconnects=SOON) as socket:
        again = socket.join_conversation(conversation_id, place=event.place)
        rejoined, missed = await anext(again), await anext(again)
        again.leave()
        made_up = socket.join_conversation(conversation_id, place=Place("nowhere", 7))
        lost = await anext(made_up)
    assert isinstance(rejoined, Joined) and isinstance(lost, Joined) and isinstance(missed, Event)
    assert isinstance(missed.data, MessageSaid) and missed.data.message is not None
    return {
        "durable": joined.durable,
        "recovered": [joined.recovered, rejoined.recovered, lost.recovered],
        "missed": missed.data.message.body,
        "ended": ended,
    }


async def refusals(story: Story) -> object:
    ada, ben, _, ada_id = await acquainted(story)
    post = await ben.posts.publish(body="For a while", audience="connections")
    found: dict[str, object] = {}
    async with ada.socket(reconnects=SOON) as socket:
        found["unknown"] = await problem_of(socket.join_post(NOBODY))
        cut = socket.join_post(post.id)
        await anext(cut)
        await ben.people.block(ada_id)
        found["cut"] = await problem_of(cut)
        own = socket.join_me()
        await anext(own)
        try:
            await own.publish({"hello": True})
        except Problem as problem:
            found["published"] = problem.status
        other = await story.client()
        await other.auth.sign_in(email=story.email("ada"), password="correct horse battery")
        await other.auth.end_other_sessions()
        try:
            async for _ in own:
                pass
        except (SocketEnded, Problem) as error:
            found["ended"] = isinstance(error, SocketEnded) or error.status == 401
    async with (await story.client()).socket() as anonymous:
        found["anonymous"] = await problem_of(anonymous.join("me"))
    return found


async def problem_of(topic: Subscription[Any]) -> object:
    try:
        async for _ in topic:
            pass
    except Problem as problem:
        return [problem.status, problem.code]
    return None


async def typing(story: Story) -> object:
    ada, ben, conversation_id, _ = await acquainted(story)
    async with ada.socket() as adas, ben.socket() as bens:
        hears, says = adas.join_typing(conversation_id), bens.join_typing(conversation_id)
        try:
            await says.publish({"typing": True})
        except Unreachable:
            early = True
        await anext(hears)
        await anext(says)
        await says.publish({"typing": True})
        event = await anext(hears)
    assert isinstance(event, Event)
    return {"early": early, "typing": event.data.typing, "place": event.place}


async def away(story: Story) -> object:
    """The server sends one away, and one comes back; a live topic says that it is begun anew."""
    ada, _ = await story.sign_up("ada")
    reasons: list[str] = []
    pointers: list[str] = []
    recovered: list[bool] = []
    async with (await story.client()).socket(reconnects=SOON) as socket:
        async for news in socket.join_posts_public():
            match news:
                case Joined():
                    recovered.append(news.recovered)
                    if len(recovered) == 2:
                        post = await ada.posts.publish(body="Hello", audience="public")
                        await ada.posts.remove(post.id)
                case Event(PostPointer(news=what)):
                    pointers.append(what)
                    if what == "deleted":
                        break
                case Dropped(reason):
                    reasons.append(reason)
    return {"reasons": reasons, "pointers": pointers, "recovered": recovered}


async def slow(story: Story) -> object:
    """An app that does not read for a while misses nothing of a durable topic."""
    ada, ben, conversation_id, _ = await acquainted(story)
    async with ada.socket(most_waiting=5) as socket:
        topic = socket.join_conversation(conversation_id)
        await anext(topic)
        for number in range(30):
            await ben.messaging.send_message(conversation_id, body=str(number), client_id=str(number))
        found: list[str] = []
        joined = 0
        async for news in topic:
            if isinstance(news, Joined):
                joined += news.recovered
            elif isinstance(news, Event) and isinstance(news.data, MessageSaid) and news.data.message:
                found.append(news.data.message.body)
                if found[-1] == "29":
                    break
    return {"all": found == [str(number) for number in range(30)], "left": joined > 0}


async def pointers(story: Story) -> object:
    """In one's own stream stands that there is something in a conversation."""
    ada, ben, conversation_id, _ = await acquainted(story)
    async with ada.socket() as socket:
        topic = socket.join_me()
        await anext(topic)
        await ben.messaging.send_message(conversation_id, body="One", client_id="1")
        async for news in topic:
            if isinstance(news, Event) and isinstance(news.data, SyncedConversation) and news.data.value:
                value = news.data.value
                if value.unread_count == 1:
                    return {"same": value.id == conversation_id, "kind": news.data.kind}
    return None


CHAPTERS: dict[str, Callable[[Story], Awaitable[object]]] = {
    one.__name__: one for one in (drops, places, refusals, typing, away, slow, pointers)
}


async def main(chapter: str, url: str, tag: str) -> None:
    async with AsyncExitStack() as stack:
        print(json.dumps(msgspec.to_builtins(await CHAPTERS[chapter](Story(url, tag, stack)))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
