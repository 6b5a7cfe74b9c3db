"""The conversation: what one types goes out, what happens comes in, over one socket."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

from banyan.cli.chat.keyboard import Lines
from banyan.cli.chat.screen import Screen, title_of
from banyan_client import Banyan as Client
from banyan_client import BanyanError, Dropped, Event, Joined, Problem, Socket, Subscription
from banyan_client.models import (
    ChatMessage,
    Conversation,
    ConversationEvent,
    MessageDeleted,
    MessageEdited,
    MessageSaid,
    Reacted,
    ReadUpTo,
    SyncedConversation,
    SyncPageItem,
    Typing,
)

_SHOWN = 20
_LISTED = 20
# Servers pass it on once a second at most; whoever hears nothing for so long assumes that they stopped.
_TYPING_EVERY_SECONDS = 2.0
_TYPING_LASTS_SECONDS = 5.0


class Quit(Exception):
    """Enough."""


class NothingOpen(Exception):
    """There is nobody to say it to."""


class Talk:
    """`run` lasts until the input ends."""

    def __init__(self, client: Client, socket: Socket, screen: Screen, lines: Lines) -> None:
        self._client = client
        self._socket = socket
        self._screen = screen
        self._lines = lines
        self._me = UUID(int=0)
        self._listed: list[Conversation] = []
        self._titles: dict[UUID, str] = {}
        self._lost = False
        self._open: Open | None = None

    async def run(self, handle: str | None) -> None:
        """Raises BanyanError for what cannot be mended here, such as an ended session."""
        self._me = (await self._client.people.show_me()).id
        await self._list()
        if handle is not None:
            await self._try(partial(self._find, handle))
        tasks = [
            asyncio.create_task(self._watch(self._socket.join_me())),
            asyncio.create_task(self._type()),
            asyncio.create_task(self._listen()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            if self._open is not None:
                await self._open.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # What one says.

    async def _listen(self) -> None:
        """Line by line, in their order."""
        while (line := await self._lines.read()) is not None:
            try:
                await self._try(partial(self._obey, line.strip()))
            except Quit:
                return

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        """What is refused is said; one goes on."""
        try:
            await work()
        except Problem as problem:
            self._screen.wrong(problem.detail or problem.title, problem.code)
        except BanyanError as error:
            self._screen.wrong(str(error), "unreachable")
        except NothingOpen:
            self._screen.wrong("Open a conversation first: /open HANDLE", "nothing_open")

    async def _obey(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        match command:
            case "":
                return
            case "/quit" | "/q":
                raise Quit
            case "/help" | "/?":
                self._screen.help()
            case "/list" | "/l":
                await self._list()
            case "/open" | "/o":
                await self._find(rest.strip())
            case "/more":
                await self._opened().more()
            case "/who":
                await self._opened().who()
            case _ if line.startswith("/") and not line.startswith("//"):
                self._screen.wrong(f"There is no {command}: /help lists what there is.", "unknown_command")
            case _:
                # Two slashes say one, so that everything can be said.
                await self._opened().say(line.removeprefix("/") if line.startswith("//") else line)

    def _opened(self) -> "Open":
        if self._open is None:
            raise NothingOpen
        return self._open

    async def _list(self) -> None:
        page = await self._client.messaging.list_conversations(limit=_LISTED).page()
        self._listed = page.items
        self._titles |= {one.id: title_of(one) for one in page.items}
        self._screen.conversations(page.items)

    async def _find(self, words: str) -> None:
        """By its number in the list, or by a handle. Raises Problem."""
        if words.isdecimal() and 0 < int(words) <= len(self._listed):
            await self._enter(self._listed[int(words) - 1])
        elif words:
            person = await self._client.people.show(words.removeprefix("@"))
            await self._enter(await self._client.messaging.create_conversation(member_ids=[person.id]))
        else:
            self._screen.wrong("Whom? /open HANDLE", "unknown_command")

    async def _enter(self, conversation: Conversation) -> None:
        if self._open is not None:
            await self._open.close()
        self._titles[conversation.id] = title_of(conversation)
        self._screen.opened(conversation)
        self._open = Open(self._client, self._socket, self._screen, conversation, self._me)

    async def _type(self) -> None:
        """Tells that one is writing, while one is."""
        while True:
            await self._lines.wait_for_key()
            if self._open is not None:
                await self._open.tell_typing()
                await asyncio.sleep(_TYPING_EVERY_SECONDS)

    # What happens elsewhere.

    async def _watch(self, mine: Subscription[SyncPageItem]) -> None:
        """One's own stream: unread messages of other conversations, and whether one is connected."""
        async for news in mine:
            match news:
                case Joined(recovered=recovered):
                    if self._lost:
                        self._screen.online()
                    self._lost = False
                    if not recovered:
                        await self._try(self._tell_missed)
                case Dropped(reason, seconds):
                    self._lost = True
                    self._screen.offline(reason, seconds)
                case Event(SyncedConversation(op="upsert", id=id, value=value)) if value is not None:
                    if value.unread_count and not value.muted and (self._open is None or self._open.id != id):
                        self._screen.unread(await self._title(id), str(id), value.unread_count)

    async def _tell_missed(self) -> None:
        """What was written since the list was read, and before one's own stream was joined."""
        listed = {one.id: one.seq for one in self._listed}
        for one in (await self._client.messaging.list_conversations(limit=_LISTED).page()).items:
            is_open = self._open is not None and self._open.id == one.id
            if one.seq > listed.get(one.id, 0) and one.unread_count and not one.muted and not is_open:
                self._screen.unread(title_of(one), str(one.id), one.unread_count)

    async def _title(self, id: UUID) -> str:
        if id not in self._titles:
            try:
                self._titles[id] = title_of(await self._client.messaging.show_conversation(id))
            except BanyanError:
                return "a conversation"
        return self._titles[id]


class Open:
    """The conversation that is open: shows it, and says that it is read."""

    def __init__(self, client: Client, socket: Socket, screen: Screen, conversation: Conversation, me: UUID) -> None:
        self.id = conversation.id
        self._client = client
        self._screen = screen
        self._me = me
        self._names = {card.id: card.display_name for card in conversation.members}
        self._messages = socket.join_conversation(conversation.id)
        self._typing = socket.join_typing(conversation.id)
        # The `seq` of the first and the last message shown, and of one's own last one.
        self._first = 0
        self._last = 0
        self._own = 0
        self._read = conversation.read_seq
        self._told: dict[UUID, int] = {}
        self._typists: dict[UUID, float] = {}
        self._tasks = [
            asyncio.create_task(self._follow()),
            asyncio.create_task(self._follow_typing()),
            asyncio.create_task(self._forget_typists()),
        ]

    async def close(self) -> None:
        self._messages.leave()
        self._typing.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def say(self, text: str) -> None:
        """Raises Problem, Unreachable. It is shown when it comes back as an event: in everybody's order."""
        await self._client.messaging.send_message(self.id, body=text, client_id=str(uuid.uuid4()))

    async def more(self) -> None:
        """Earlier messages, oldest first."""
        if self._first <= 1:
            self._screen.note("This is where it begins.")
            return
        page = await self._client.messaging.list_messages(self.id, before=str(self._first), limit=_SHOWN).page()
        self._screen.note("Earlier:")
        for message in reversed(page.items):
            self._show(message)
        self._first = min([self._first, *(message.seq for message in page.items)])

    async def who(self) -> None:
        async for member in self._client.messaging.list_members(self.id):
            self._names[member.person.id] = member.person.display_name
            if member.person.id != self._me:
                unread = max(0, self._last - member.read_seq)
                self._screen.note(f"{member.person.display_name}: {f'{unread} to read' if unread else 'has read all'}")

    async def tell_typing(self) -> None:
        with suppress(BanyanError):
            await self._typing.publish({"typing": True})

    # What happens here.

    async def _follow(self) -> None:
        try:
            async for news in self._messages:
                match news:
                    case Joined(recovered=False):
                        await self._retry(self._catch_up)
                    case Event(data):
                        await self._hear(data)
        except Problem:
            self._screen.wrong("You are no longer in this conversation.", "not_found")
        except BanyanError as error:
            self._screen.wrong(str(error), "socket_ended")

    async def _retry(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until there is an answer: events come on top of it."""
        while True:
            try:
                return await work()
            except Problem:
                raise
            except BanyanError:
                await asyncio.sleep(1)

    async def _catch_up(self) -> None:
        """Everything that is new; at first the newest messages only."""
        messages = self._client.messaging
        if self._last == 0:
            found = list(reversed((await messages.list_messages(self.id, limit=_SHOWN).page()).items))
            self._first = found[0].seq if found else 1
        else:
            found = [one async for one in messages.list_messages(self.id, after=str(self._last))]
        for message in found:
            self._show(message)
        await self._mark_read(found[-1] if found else None)

    async def _hear(self, event: ConversationEvent) -> None:
        match event:
            case MessageSaid(message_id=id, seq=seq, message=message) if seq > self._last:
                message = message or await self._fetch(id)
                if message is not None:
                    if message.author is not None:
                        self._stop_typing(message.author.id)
                    self._show(message)
                    await self._mark_read(message)
            case MessageEdited(message_id=id, message=message):
                message = message or await self._fetch(id)
                if message is not None:
                    self._screen.changed(message, deleted=False)
            case MessageDeleted(message_id=id):
                message = await self._fetch(id)
                if message is not None:
                    self._screen.changed(message, deleted=True)
            case Reacted(message_id=id, person_id=UUID() as person_id, kind=kind) if person_id != self._me:
                self._screen.reaction(await self._name(person_id), kind, str(id))
            case ReadUpTo(person_id=UUID() as person_id, seq=seq) if person_id != self._me and self._own <= seq:
                # Once for each of one's own messages that was the last one.
                if self._told.get(person_id, 0) < self._own:
                    self._told[person_id] = self._own
                    self._screen.read(await self._name(person_id), seq)

    async def _fetch(self, message_id: UUID) -> ChatMessage | None:
        """A message whose event does not hold it; None where one may not see it."""
        while True:
            try:
                return await self._client.messaging.show_message(message_id)
            except Problem:
                return None
            except BanyanError:
                await asyncio.sleep(1)

    def _show(self, message: ChatMessage) -> None:
        mine = message.author is not None and message.author.id == self._me
        if message.author is not None:
            self._names[message.author.id] = message.author.display_name
        self._last = max(self._last, message.seq)
        if mine:
            self._own = max(self._own, message.seq)
        self._screen.message(message, mine=mine)

    async def _mark_read(self, newest: ChatMessage | None) -> None:
        if newest is None or newest.seq <= self._read or newest.author is None or newest.author.id == self._me:
            return
        self._read = newest.seq
        # Said again with the next message, if it fails.
        with suppress(BanyanError):
            await self._client.messaging.mark_read(self.id, message_id=newest.id)

    async def _follow_typing(self) -> None:
        with suppress(BanyanError):
            async for news in self._typing:
                if isinstance(news, Event) and news.data.person_id != self._me:
                    await self._hear_typing(news.data)

    async def _hear_typing(self, event: Typing) -> None:
        if not event.typing:
            self._stop_typing(event.person_id)
            return
        is_new = event.person_id not in self._typists
        self._typists[event.person_id] = time.monotonic()
        if is_new:
            await self._name(event.person_id)
            self._tell_typists()

    def _stop_typing(self, person_id: UUID) -> None:
        if self._typists.pop(person_id, None) is not None:
            self._tell_typists()

    async def _forget_typists(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for person_id, at in list(self._typists.items()):
                if now - at > _TYPING_LASTS_SECONDS:
                    self._stop_typing(person_id)

    def _tell_typists(self) -> None:
        self._screen.typing(tuple(self._names.get(person_id, "Somebody") for person_id in self._typists))

    async def _name(self, person_id: UUID) -> str:
        """Of one of more than five: found among the members."""
        if person_id not in self._names:
            with suppress(BanyanError):
                async for member in self._client.messaging.list_members(self.id, limit=100):
                    self._names[member.person.id] = member.person.display_name
                    if member.person.id == person_id:
                        break
        return self._names.get(person_id, "Somebody")
