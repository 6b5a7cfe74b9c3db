"""Reading: what may be seen at this moment, newest first, and how much of it is unread."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.features.accounts.api import AccountsApi
from banyan.features.notifications.errors import NotificationNotFound
from banyan.features.notifications.models import ActorsRow, ItemRow, Notification, ReadAll, Subject, UnreadCount
from banyan.features.notifications.queries import items as queries
from banyan.features.notifications.service.announcing import announce
from banyan.features.notifications.service.kinds import Kinds, write_text
from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Card
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import LAST_ID, id_at, id_time
from banyan.kernel.pages import Page, decode_cursor, encode_cursor

SHOWN_ACTORS = 3
# The unread count goes no further.
MOST_UNREAD = 1000
# A page looks so far for what may still be seen, then it is short.
_MOST_LOOKS = 5


class Shown(Struct, frozen=True):
    """A notification that its reader may see, with the people who stand in it."""

    row: ItemRow
    actors: list[Card]
    count: int


class Inbox:
    """Of each notification three things are asked at every read: whether the subject may be seen, whether any of its
    actors may, and how many.
    """

    def __init__(self, kinds: Kinds, accounts: AccountsApi, people: PeopleApi) -> None:
        self._kinds = kinds
        self._accounts = accounts
        self._people = people

    async def list_notifications(
        self, work: Work, person_id: UUID, limit: int, cursor: str | None, *, unread: bool = False
    ) -> Page[Notification]:
        """Newest first."""
        before = decode_cursor(cursor)
        shown: list[Shown] = []
        more = True
        for _ in range(_MOST_LOOKS):
            rows = await queries.list_items(work, person_id, before, limit + 1, unread=unread)
            more = len(rows) > limit
            found = await self.look(work, person_id, rows[:limit])
            space = limit - len(shown)
            shown += found[:space]
            if len(found) > space:
                # The rest of these rows belongs to the next page.
                before, more = shown[-1].row.place, True
                break
            if rows:
                before = rows[:limit][-1].place
            if not more or len(shown) == limit:
                break
        items = await self.dress(work, person_id, shown)
        return Page(items, encode_cursor(before) if more and before is not None else None)

    async def count_unread(self, work: Work, person_id: UUID) -> UnreadCount:
        """Only what may be seen counts."""
        rows = await queries.list_items(work, person_id, None, MOST_UNREAD, unread=True)
        return UnreadCount(len(await self._visible(work, person_id, rows)))

    async def read(self, work: Work, person_id: UUID, item_id: UUID) -> None:
        """Marks one as read; again changes nothing. Raises NotificationNotFound."""
        row = await queries.find_in_inbox(work, person_id, item_id)
        if row is None or not await self._visible(work, person_id, [row]):
            raise NotificationNotFound
        if await queries.mark_read(work, person_id, item_id, now()):
            announce(work, [person_id])

    async def read_all(self, work: Work, person_id: UUID, which: ReadAll) -> UnreadCount:
        """What came meanwhile stays unread. Raises Invalid, NotificationNotFound."""
        last = await self._find_last(work, person_id, which.before)
        if await queries.mark_all_read(work, person_id, last, now()):
            announce(work, [person_id])
        return await self.count_unread(work, person_id)

    async def look(self, work: Work, person_id: UUID, rows: Sequence[ItemRow]) -> list[Shown]:
        """Those of the rows that may be seen, in their order."""
        visible = await self._visible_subjects(work, person_id, rows)
        if not visible:
            return []
        relations = await self._people.relations(work, person_id)
        unwanted = relations.unwanted()
        actors = await queries.list_actors(work, [row.id for row in visible], unwanted, SHOWN_ACTORS)
        cards = await self._people.cards(work, {one for found in actors.values() for one in found.ids})
        shown = (_show(row, actors.get(row.id), cards) for row in visible)
        return [one for one in shown if one is not None]

    async def dress(self, work: Work, person_id: UUID, shown: Sequence[Shown]) -> list[Notification]:
        """As they are answered, in the reader's language."""
        if not shown:
            return []
        language = (await self._accounts.get_login(work, person_id)).language
        return [self.write(one, language) for one in shown]

    def write(self, shown: Shown, language: str) -> Notification:
        """One, in a language."""
        row = shown.row
        kind = self._kinds.by_name[row.kind]
        names = [card.display_name for card in shown.actors]
        return Notification(
            row.id,
            row.kind,
            Subject(kind.subject, row.subject_id),
            row.post_id,
            shown.actors,
            shown.count,
            write_text(kind, language, names, shown.count),
            id_time(row.id),
            id_time(row.place),
            row.read_at,
        )

    async def _visible(self, work: Work, person_id: UUID, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """As `look`, without the people: for counts."""
        visible = await self._visible_subjects(work, person_id, rows)
        if not visible:
            return []
        relations = await self._people.relations(work, person_id)
        unwanted = relations.unwanted()
        if not unwanted:
            return visible
        missing = await queries.count_unwanted(work, [row.id for row in visible], unwanted)
        return [row for row in visible if row.actor_count > missing.get(row.id, 0)]

    async def _visible_subjects(self, work: Work, person_id: UUID, rows: Sequence[ItemRow]) -> list[ItemRow]:
        """Those whose kind still exists and whose subject may be seen; kinds that ask the same are asked together."""
        asked: dict[object, dict[UUID, None]] = {}
        for row in rows:
            kind = self._kinds.find(row.kind)
            if kind is not None:
                asked.setdefault(kind.visible, {})[row.subject_id] = None
        seen: set[tuple[object, UUID]] = set()
        for kind in self._kinds.by_name.values():
            subjects = asked.pop(kind.visible, None)
            if subjects:
                found = await kind.visible(work, person_id, list(subjects))
                seen |= {(kind.visible, subject_id) for subject_id in found}
        return [
            row
            for row in rows
            if (kind := self._kinds.find(row.kind)) is not None and (kind.visible, row.subject_id) in seen
        ]

    async def _find_last(self, work: Work, person_id: UUID, before: str | None) -> UUID:
        """The place up to which everything is read."""
        if before is None:
            return LAST_ID
        try:
            item_id = UUID(before)
        except ValueError:
            return id_at(_read_milliseconds(before) + 1, 0)
        row = await queries.find_in_inbox(work, person_id, item_id)
        if row is None:
            raise NotificationNotFound
        return row.place


def _show(row: ItemRow, actors: ActorsRow | None, cards: dict[UUID, Card]) -> Shown | None:
    if actors is None or actors.count < 1:
        return None
    return Shown(row, [cards[one] for one in actors.ids if one in cards], actors.count)


def _read_milliseconds(text: str) -> int:
    try:
        at = msgspec.convert(text, datetime)
        if at.tzinfo is None:
            raise ValueError
        milliseconds = int(at.timestamp() * 1000)
    except (msgspec.ValidationError, ValueError, OverflowError):
        milliseconds = -1
    if milliseconds < 0:
        raise Invalid.field("before", "invalid", "The id of a notification, or a time such as 2027-01-31T12:00:00Z.")
    return milliseconds
