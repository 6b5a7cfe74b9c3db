"""Whatever people do in conversations, every reader sees what a simple model says, and so does whoever only applies
the log's events.
"""

import asyncio
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from banyan.app.messaging import build_messaging
from banyan.features.messaging.errors import ClientIdReused, ConversationNotFound, MessageNotFound, NotTheAuthor
from banyan.features.messaging.happenings import MessageDeleted, MessageEdited, MessageSaid, Reacted
from banyan.features.messaging.models import ChatMessage, MessageText, NewConversation, NewMessage
from banyan.infra.database.pool import Pool
from banyan.infra.declare import Place, Topic
from banyan.kernel.ids import new_id
from tests.features.town import Town

PEOPLE = 3

people = st.integers(0, PEOPLE - 1)
places = st.integers(0, 3)
names = st.integers(0, 5)
bodies = st.sampled_from(["a", "b", "c"])
steps = st.one_of(
    *[st.tuples(st.just("send"), people, places, names, bodies)] * 4,
    st.tuples(st.just("send_twice_at_once"), people, places, names, bodies),
    *[st.tuples(st.sampled_from(["edit", "delete", "react", "unreact", "read"]), people, places, names, bodies)] * 4,
    st.tuples(st.sampled_from(["leave", "join"]), people, places, names, bodies),
)
Step = tuple[str, int, int, int, str]


class Said(Struct):
    id: UUID
    author: int
    sent: str
    body: str
    deleted: bool = False
    reactions: dict[int, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        kinds = sorted(self.reactions.values())
        return {kind: kinds.count(kind) for kind in kinds}


class Room(Struct):
    id: UUID
    members: set[int]
    said: list[Said] = field(default_factory=list)
    names: dict[tuple[int, int], Said] = field(default_factory=dict)
    read: dict[int, int] = field(default_factory=dict)

    def unread(self, person: int) -> int:
        return sum(1 for one in self.said[self.read[person] :] if one.author != person)


class Play:
    """Does each step to the platform and to the model."""

    def __init__(self, town: Town, ids: list[UUID]) -> None:
        self.town = town
        self.ids = ids
        self.messaging = build_messaging(town.api)
        self.rooms: list[Room] = []

    async def prepare(self) -> None:
        """Two conversations of two, and two groups of all."""
        for first, others, title in ((0, [1], None), (1, [2], None), (0, [1, 2], "All"), (2, [0, 1], None)):
            new = NewConversation(member_ids=[self.ids[other] for other in others], title=title)
            async with self.town.work() as work:
                made = await self.messaging.conversations.create_conversation(work, self.ids[first], new)
            members = {first, *others}
            self.rooms.append(Room(made.id, members, read=dict.fromkeys(members, 0)))

    async def step(self, step: Step) -> None:
        what, person, place, name, body = step
        room = self.rooms[place]
        if what == "send":
            await self.send(person, room, name, body)
        elif what == "send_twice_at_once":
            await self.send_twice(person, room, name, body)
        elif what in ("leave", "join"):
            await self.move(what, person, room)
        elif room.said:
            await self.change(what, person, room, room.said[name % len(room.said)], body)

    async def post(self, person: int, room: Room, name: int, body: str) -> ChatMessage:
        async with self.town.work() as work:
            new = NewMessage(body=body, client_id=str(name))
            return await self.messaging.messages.send_message(work, self.ids[person], room.id, new)

    async def send(self, person: int, room: Room, name: int, body: str) -> None:
        first = room.names.get((person, name))
        if person not in room.members:
            with pytest.raises(ConversationNotFound):
                await self.post(person, room, name, body)
        elif first is not None and first.sent != body:
            with pytest.raises(ClientIdReused):
                await self.post(person, room, name, body)
        else:
            self.note(person, room, name, await self.post(person, room, name, body), body)

    async def send_twice(self, person: int, room: Room, name: int, body: str) -> None:
        if person not in room.members or (person, name) in room.names:
            return
        one, other = await asyncio.gather(*[self.post(person, room, name, body) for _ in range(2)])
        assert one == other
        self.note(person, room, name, one, body)

    def note(self, person: int, room: Room, name: int, message: ChatMessage, body: str) -> None:
        first = room.names.get((person, name))
        if first is not None:
            assert message.id == first.id
            return
        if room.unread(person) == 0:
            room.read[person] = len(room.said) + 1
        room.names[person, name] = said = Said(message.id, person, body, body)
        room.said.append(said)
        assert message.seq == len(room.said)

    async def move(self, what: str, person: int, room: Room) -> None:
        if len(room.members) < 2 or room in self.rooms[:2] or (what == "leave") != (person in room.members):
            return
        other = min(room.members - {person})
        async with self.town.work() as work:
            if what == "leave":
                await self.messaging.members.remove_member(work, self.ids[person], room.id, self.ids[person])
                room.members.remove(person)
            else:
                await self.messaging.members.add_members(work, self.ids[other], room.id, [self.ids[person]])
                room.members.add(person)
                room.read[person] = len(room.said)

    async def change(self, what: str, person: int, room: Room, said: Said, body: str) -> None:
        refusal = self.refusal(what, person, room, said)
        if refusal is not None:
            with pytest.raises(refusal):
                await self.do(what, person, room, said, body)
            return
        await self.do(what, person, room, said, body)
        if what == "edit":
            said.body = body
        elif what == "delete":
            said.deleted, said.body, said.reactions = True, "", {}
        elif what == "react":
            said.reactions[person] = "love"
        elif what == "unreact":
            said.reactions.pop(person, None)
        else:
            room.read[person] = max(room.read[person], room.said.index(said) + 1)

    def refusal(self, what: str, person: int, room: Room, said: Said) -> type[Exception] | None:
        if person not in room.members:
            return ConversationNotFound if what == "read" else MessageNotFound
        if what == "read":
            return None
        if said.deleted:
            return MessageNotFound
        return NotTheAuthor if what in ("edit", "delete") and said.author != person else None

    async def do(self, what: str, person: int, room: Room, said: Said, body: str) -> None:
        parts, person_id = self.messaging, self.ids[person]
        async with self.town.work() as work:
            if what == "edit":
                await parts.messages.edit_message(work, person_id, said.id, MessageText(body=body))
            elif what == "delete":
                await parts.messages.delete_message(work, person_id, said.id)
            elif what == "react":
                await parts.reactions.put_reaction(work, person_id, said.id, "love")
            elif what == "unreact":
                await parts.reactions.remove_reaction(work, person_id, said.id, "love")
            else:
                await parts.conversations.mark_read(work, person_id, room.id, said.id)

    async def check(self) -> None:
        for room in self.rooms:
            wanted = [(one.id, one.body, one.deleted, one.counts()) for one in room.said]
            for person in room.members:
                assert await self.history(person, room) == wanted
                assert await self.replayed(person, room) == wanted
                async with self.town.work() as work:
                    shown = await self.messaging.conversations.get_conversation(work, self.ids[person], room.id)
                assert (shown.seq, shown.unread_count) == (len(room.said), room.unread(person))
                assert shown.member_count == len(room.members)

    async def history(self, person: int, room: Room) -> list[tuple[UUID, str, bool, dict[str, int]]]:
        found: list[ChatMessage] = []
        cursor: str | None = None
        while True:
            async with self.town.work() as work:
                page = await self.messaging.messages.list_messages(
                    work, self.ids[person], room.id, 3, after="0", cursor=cursor
                )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                assert [one.seq for one in found] == list(range(1, len(found) + 1))
                return [(one.id, one.body, one.deleted, one.reaction_counts) for one in found]

    async def replayed(self, person: int, room: Room) -> list[tuple[UUID, str, bool, dict[str, int]]]:
        """What whoever reads only the log ends up with; a message without content is asked for."""
        topic: Topic = self.messaging.topics[0]
        assert topic.log is not None
        state: dict[UUID, tuple[UUID, str, bool, dict[str, int]]] = {}
        async with self.town.work() as work:
            place = Place((await topic.log.head(work, self.ids[person], str(room.id))).epoch, 0)
            while logged := await topic.log.read(work, [self.ids[person]], str(room.id), place, 2):
                for one in logged:
                    assert isinstance(place.offset, int) and one.offset == place.offset + 1
                    place = Place(place.epoch, one.offset)
                    event = one.event
                    if isinstance(event, MessageSaid | MessageEdited):
                        message = event.message
                        if message is None:
                            message = await self.messaging.messages.get_message(
                                work, self.ids[person], event.message_id
                            )
                        state[message.id] = (message.id, message.body, message.deleted, message.reaction_counts)
                    elif isinstance(event, MessageDeleted):
                        state[event.message_id] = (event.message_id, "", True, {})
                    elif isinstance(event, Reacted):
                        known = state[event.message_id]
                        if not known[2]:
                            state[event.message_id] = (*known[:3], event.reaction_counts)
            assert logged is not None
        return list(state.values())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=5, max_size=40))
async def test_everybody_sees_what_the_model_says(pool: Pool, played: list[Step]) -> None:
    town = Town(pool)
    play = Play(town, [await town.person(f"p{number}_{new_id().hex[-12:]}") for number in range(PEOPLE)])
    await play.prepare()
    for step in played:
        await play.step(step)
    await play.check()
