"""A person's connections and lists, as a client keeps them offline."""

from collections.abc import Mapping, Sequence
from itertools import compress
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import ConnectionCopy, ConnectionList
from banyan.features.people.queries import lists, ties
from banyan.infra.database.work import Work
from banyan.infra.declare import Present
from banyan.infra.streams.versions import Versioned, Versions, version_of

SYNCED_CONNECTIONS = 1000
_MOST_LISTS = 1000


class SyncedPeople:
    """Versions and values of what people are to one of them."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people
        self._cards = Versions()

    async def connection_versions(self, work: Work, person_id: UUID) -> Present:
        """The newest connections and requests, newest first. A version is of the connection and of the other's card."""
        marks = await ties.list_connection_marks(work, person_id, SYNCED_CONNECTIONS)
        return _present(marks, await self._cards_of(work, marks.other_ids))

    async def whole_connections(
        self, work: Work, person_id: UUID, valued: int
    ) -> tuple[Present, Mapping[str, ConnectionCopy]]:
        """The versions of all, and the values of the newest `valued`."""
        marks, states, created = await ties.list_connections_whole(work, person_id, SYNCED_CONNECTIONS)
        cards = await self._cards_of(work, marks.other_ids)
        values = {
            id: ConnectionCopy(id, state, card.json, at)
            for id, state, at, card in zip(marks.ids[:valued], states, created, cards, strict=False)
            if card is not None
        }
        return _present(marks, cards), values

    async def connection_values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> Mapping[str, ConnectionCopy]:
        """Those of `ids` that are a person's connections or requests at this moment."""
        rows = await ties.list_connections_by_id(work, person_id, ids)
        cards = await self._cards_of(work, [other_id.bytes for _, _, other_id, _ in rows])
        return {
            id: ConnectionCopy(id, state, card.json, at)
            for (id, state, _, at), card in zip(rows, cards, strict=True)
            if card is not None
        }

    async def list_versions(self, work: Work, person_id: UUID) -> Present:
        """All lists of a person."""
        found = await self.list_values(work, person_id, ())
        return Present(list(found), [version_of(one) for one in found.values()])

    async def list_values(self, work: Work, person_id: UUID, ids: Sequence[str]) -> Mapping[str, ConnectionList]:
        """All lists that a person has at this moment: there are few."""
        return {str(one.id): one for one in await lists.list_lists(work, person_id, None, _MOST_LISTS)}

    async def _cards_of(self, work: Work, person_ids: Sequence[bytes]) -> list[Versioned | None]:
        return self._cards.of_each(await self._people.cards_by_key(work, person_ids))


def _present(marks: ties.ConnectionMarks, cards: Sequence[Versioned | None]) -> Present:
    """Without those whose other side has no card: they do not exist, or are hidden."""
    versions = [version ^ card.version for version, card in zip(marks.versions, cards, strict=True) if card is not None]
    return Present(marks.ids if len(versions) == len(cards) else list(compress(marks.ids, cards)), versions)
