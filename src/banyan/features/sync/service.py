"""What changed for one person, with what stands behind the ids."""

from collections.abc import Sequence
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.infra.declare import Logged, Place
from banyan.infra.streams.models import Changes
from banyan.infra.streams.positions import find_position
from banyan.infra.streams.streams import Streams


class Sync:
    """The stream of each person, as a client of the API sees it."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def list_changes(self, work: Work, person_id: UUID, since: str | None, limit: int) -> Changes:
        """In JSON a SyncPage. Raises Invalid for a `since` that was never given."""
        return await self._streams.read(work, person_id, since, limit)


class OwnLog:
    """The stream of each person as the log of the topic `me`: the items of `/v1/sync`, one by one. Offsets are
    positions of `/v1/sync`, so that a client may go on here from there and back.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def head(self, work: Work, viewer_id: UUID, key: str) -> Place:
        position = await self._streams.end(work, viewer_id)
        return Place(str(position.epoch), position.encode())

    async def read(
        self, work: Work, viewer_ids: Sequence[UUID], key: str, place: Place, limit: int
    ) -> Sequence[Logged] | None:
        position = find_position(place.offset) if isinstance(place.offset, str) else None
        if position is None or str(position.epoch) != place.epoch:
            return None
        found = await self._streams.follow(work, viewer_ids[0], position, limit)
        return None if found is None else [Logged(after.encode(), changed) for after, changed in found]
