"""The rules of lost and found; every method works inside the caller's unit of work."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from msgspec import UNSET

from banyan.features.people.api import PeopleApi
from banyan.features.people.errors import PersonNotFound
from banyan.features.people.models import Card
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import id_time, new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_line, check_lines
from lost_and_found import queries
from lost_and_found.errors import ItemNotFound, ItemNotOpen, NotTheReporter, TooManyItems
from lost_and_found.jobs import CloseOldItems
from lost_and_found.models import Helper, Item, ItemChanges, ItemKind, ItemRow, ItemState, NewItem
from lost_and_found.settings import LostAndFoundSettings
from lost_and_found.signals import ItemReported, ItemReturned

_EXPORTED_AT_ONCE = 200
_ERASED_AT_ONCE = 500


class LostAndFound:
    """Members see all items but those of people whom a block hides; only the reporter changes one."""

    def __init__(self, people: PeopleApi, settings: LostAndFoundSettings) -> None:
        self._people = people
        self._settings = settings

    async def report_item(self, work: Work, person_id: UUID, new: NewItem) -> Item:
        """Raises Invalid, TooManyItems."""
        item_id = new_id()
        row = ItemRow(
            id=item_id,
            person_id=person_id,
            kind=new.kind,
            state="open",
            title=_check_title(new.title),
            description=_check_description(new.description),
            place=_check_place(new.place),
            created_at=id_time(item_id),
        )
        if await queries.lock_open(work, person_id) >= self._settings.open_per_person:
            raise TooManyItems(f"At most {self._settings.open_per_person}.")
        await queries.insert_item(work, row)
        work.emit(ItemReported(item_id, person_id, new.kind))
        return await self._dress_one(work, row)

    async def get_item(self, work: Work, viewer_id: UUID, item_id: UUID) -> Item:
        """Raises ItemNotFound."""
        return await self._dress_one(work, await self._get_visible(work, viewer_id, item_id))

    async def list_items(
        self, work: Work, viewer_id: UUID, kind: ItemKind | None, state: ItemState, limit: int, cursor: str | None
    ) -> Page[Item]:
        """Newest first."""
        before = decode_cursor(cursor)
        relations = await self._people.relations(work, viewer_id)
        rows = await queries.list_items(work, kind, state, list(relations.hidden), before, limit + 1)
        page = cut_page(rows, limit, lambda row: row.id)
        cards = await self._people.cards(work, {row.person_id for row in page.items})
        items = [_dress(row, cards[row.person_id]) for row in page.items if row.person_id in cards]
        return Page(items, page.next_cursor)

    async def list_visible(self, work: Work, viewer_id: UUID, item_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the items that somebody may see."""
        hidden = (await self._people.relations(work, viewer_id)).hidden
        return await queries.list_visible(work, item_ids, list(hidden))

    async def edit_item(self, work: Work, viewer_id: UUID, item_id: UUID, changes: ItemChanges) -> Item:
        """Raises ItemNotFound, NotTheReporter, ItemNotOpen, Invalid."""
        title = None if changes.title is UNSET else _check_title(changes.title)
        description = None if changes.description is UNSET else _check_description(changes.description)
        place = None if changes.place is UNSET else _check_place(changes.place)
        await self._check_reporter(work, viewer_id, item_id)
        row = await queries.update_item(work, item_id, title, description, place, now())
        if row is None:
            raise ItemNotOpen
        return await self._dress_one(work, row)

    async def return_item(self, work: Work, viewer_id: UUID, item_id: UUID, helper_id: UUID | None) -> Item:
        """It is back with its owner. Raises ItemNotFound, NotTheReporter, ItemNotOpen, PersonNotFound."""
        row = await self._check_reporter(work, viewer_id, item_id)
        if row.kind == "found" and helper_id is None:
            # Whoever found it has brought it back.
            helper_id = viewer_id
        if helper_id is not None:
            await self._check_helper(work, viewer_id, helper_id)
        returned = await queries.set_state(work, item_id, "returned", now())
        if returned is None:
            raise ItemNotOpen
        work.emit(ItemReturned(item_id, viewer_id, helper_id))
        return await self._dress_one(work, returned)

    async def remove_item(self, work: Work, viewer_id: UUID, item_id: UUID) -> None:
        """Raises ItemNotFound, NotTheReporter."""
        await self._check_reporter(work, viewer_id, item_id)
        await queries.delete_item(work, item_id)

    async def thank_helper(self, work: Work, signal: ItemReturned) -> None:
        """Counts what somebody has brought back; once per signal, because the job's transaction is the count's."""
        if signal.helper_id is not None:
            await queries.count_return(work, new_id(), signal.helper_id)

    async def list_helpers(self, work: Work, viewer_id: UUID, limit: int, cursor: str | None) -> Page[Helper]:
        """The latest to help first."""
        before = decode_cursor(cursor)
        relations = await self._people.relations(work, viewer_id)
        rows = await queries.list_helpers(work, list(relations.hidden), before, limit + 1)
        page = cut_page(rows, limit, lambda row: row.id)
        cards = await self._people.cards(work, {row.person_id for row in page.items})
        helpers = [Helper(cards[row.person_id], row.returned_count) for row in page.items if row.person_id in cards]
        return Page(helpers, page.next_cursor)

    async def close_old(self, work: Work, job: CloseOldItems) -> None:
        """Run by the clock."""
        await queries.close_untouched(work, now() - timedelta(days=self._settings.close_after_days), now())

    async def list_own(self, work: Work, person_id: UUID, cursor: str | None) -> Page[ItemRow]:
        """For a person's export, newest first."""
        rows = await queries.list_own(work, person_id, decode_cursor(cursor), _EXPORTED_AT_ONCE + 1)
        return cut_page(rows, _EXPORTED_AT_ONCE, lambda row: row.id)

    async def erase(self, work: Work, person_id: UUID) -> bool:
        """True while there is more."""
        return await queries.delete_of(work, person_id, _ERASED_AT_ONCE) == _ERASED_AT_ONCE

    async def _get_visible(self, work: Work, viewer_id: UUID, item_id: UUID) -> ItemRow:
        row = await queries.find_item(work, item_id)
        if row is None or row.person_id in (await self._people.relations(work, viewer_id)).hidden:
            raise ItemNotFound
        return row

    async def _check_reporter(self, work: Work, viewer_id: UUID, item_id: UUID) -> ItemRow:
        row = await self._get_visible(work, viewer_id, item_id)
        if row.person_id != viewer_id:
            raise NotTheReporter
        return row

    async def _check_helper(self, work: Work, viewer_id: UUID, helper_id: UUID) -> None:
        hidden = (await self._people.relations(work, viewer_id)).hidden
        if helper_id in hidden or await self._people.find_card(work, helper_id) is None:
            raise PersonNotFound

    async def _dress_one(self, work: Work, row: ItemRow) -> Item:
        card = await self._people.find_card(work, row.person_id)
        if card is None:
            raise ItemNotFound
        return _dress(row, card)


def _dress(row: ItemRow, person: Card) -> Item:
    return Item(
        id=row.id,
        kind=row.kind,
        state=row.state,
        title=row.title,
        description=row.description,
        place=row.place,
        created_at=row.created_at,
        person=person,
    )


def _check_title(value: str) -> str:
    return check_line(value, "title", max_chars=100)


def _check_description(value: str) -> str:
    return check_lines(value, "description", min_chars=0, max_chars=2000)


def _check_place(value: str) -> str:
    return check_line(value, "place", min_chars=0, max_chars=200)
