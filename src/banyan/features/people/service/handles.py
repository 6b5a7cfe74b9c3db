"""Handles: unique, changed now and then, and kept for whoever gave one up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from banyan.features.people.checks import check_handle
from banyan.features.people.errors import HandleTaken, PersonNotFound, TooManyHandleChanges
from banyan.features.people.queries import handles as queries
from banyan.features.people.settings import PeopleSettings
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id

_CHANGES_COUNT_FOR = timedelta(days=30)


class Handles:
    """Who may be called what. The unique index decides between two at once; a handle that its owner gave up in the
    same moment is found by looking after the write, which waited for that owner.
    """

    def __init__(self, settings: PeopleSettings) -> None:
        self._reserved = settings.handle_reserved
        self._most = settings.handle_changes_per_30_days

    async def check_free(self, work: Work, handle: str) -> None:
        """For a person who does not exist yet. Raises HandleTaken, Invalid."""
        if await queries.is_taken(work, check_handle(handle), self.reserved_since()):
            raise HandleTaken("Choose another handle.")

    async def find_holders(self, work: Work, handles: Sequence[str]) -> dict[str, UUID]:
        """Who has which of these handles, or has given it up lately; free ones are left out."""
        return await queries.find_holders(work, handles, self.reserved_since())

    def reserved_since(self) -> datetime:
        """What was given up after this moment is not free yet."""
        return now() - self._reserved

    async def check_not_reserved(self, work: Work, person_id: UUID, handle: str) -> None:
        """After the handle was written. Raises HandleTaken, which loses the transaction."""
        if await queries.is_reserved(work, handle, person_id, self.reserved_since()):
            raise HandleTaken("Choose another handle.")

    async def give_up(self, work: Work, person_id: UUID, wanted: str) -> bool:
        """Before a handle is replaced: keeps it for its owner. False when it is the one that is wanted.

        Raises TooManyHandleChanges, PersonNotFound.
        """
        handle = await queries.lock_handle(work, person_id)
        if handle is None:
            raise PersonNotFound
        if handle == wanted:
            return False
        at = now()
        changes = await queries.list_changes(work, person_id, at - _CHANGES_COUNT_FOR)
        if len(changes) >= self._most:
            again_at = changes[-self._most] + _CHANGES_COUNT_FOR
            raise TooManyHandleChanges(
                f"At most {self._most} changes in {_CHANGES_COUNT_FOR.days} days.",
                retry_after_seconds=(again_at - at).total_seconds(),
            )
        await queries.insert_change(work, new_id(), person_id, handle, at)
        return True

    async def reserve(self, work: Work, person_id: UUID, handle: str) -> None:
        """Keeps the handle of somebody who is gone from others for a while."""
        await queries.insert_change(work, new_id(), person_id, handle, now())

    async def find_present(self, work: Work, viewer_id: UUID | None, handle: str) -> str | None:
        """What the person is called now who gave this handle up, if this reader may see them."""
        return await queries.find_present_handle(work, viewer_id, handle, self.reserved_since())

    async def forget_old(self, work: Work) -> None:
        """Deletes what neither reserves a handle nor counts as a change any more."""
        await queries.delete_changes(work, now() - max(self._reserved, _CHANGES_COUNT_FOR))
