"""What changed for one person, with what stands behind the ids."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from banyan.features.sync.models import SyncedConnection, SyncedList, SyncedPost, SyncedSave, SyncItem, SyncPage
from banyan.infra.database.work import Work
from banyan.infra.streams.models import Changed
from banyan.infra.streams.streams import Streams

_ITEMS: Final[dict[str, Callable[[UUID, Any, Any], SyncItem]]] = {
    "connection": SyncedConnection,
    "list": SyncedList,
    "post": SyncedPost,
    "saved": SyncedSave,
}


class Sync:
    """The stream of each person, as a client of the API sees it."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def list_changes(self, work: Work, person_id: UUID, since: str | None, limit: int) -> SyncPage:
        """Raises Invalid for a `since` that was never given."""
        changes = await self._streams.read(work, person_id, since, limit)
        return SyncPage(_dress(changes.items), changes.next, changes.reset)


def _dress(changed: Iterable[Changed]) -> list[SyncItem]:
    return [_ITEMS[kind](id, "delete" if value is None else "upsert", value) for kind, id, value in changed]
