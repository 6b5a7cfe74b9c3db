"""A person's connections and lists, as a client keeps them offline."""

from datetime import UTC, datetime
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Connection, ConnectionList
from banyan.features.people.queries import lists, ties
from banyan.infra.database.work import Work
from banyan.infra.streams.versions import Versions, version_of

SYNCED_CONNECTIONS = 1000
_MOST_LISTS = 1000


class SyncedPeople:
    """Versions and values of what people are to one of them."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people
        self._cards = Versions()

    async def connection_versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """The newest connections and requests, newest first. A version is of the connection and of the other's card."""
        marks = await ties.list_connection_marks(work, person_id, SYNCED_CONNECTIONS)
        cards = await self._people.cards_in_order(work, [other_id for _, other_id, _ in marks])
        return [
            (connection_id, version ^ of_card)
            for (connection_id, _, version), of_card in zip(marks, self._cards.of_each(cards), strict=True)
            if of_card is not None
        ]

    async def whole_connections(
        self, work: Work, person_id: UUID, valued: int
    ) -> tuple[list[tuple[UUID, int]], list[tuple[UUID, Connection]]]:
        """The versions of all, and the values of the newest `valued`."""
        rows = await ties.list_connections_whole(work, person_id, SYNCED_CONNECTIONS)
        cards = await self._people.cards_in_order(work, [other_id for _, other_id, _, _, _ in rows])
        versions = [
            (row[0], row[4] ^ of_card)
            for row, of_card in zip(rows, self._cards.of_each(cards), strict=True)
            if of_card is not None
        ]
        moment = datetime.fromtimestamp
        values = [
            (id, Connection(id, state, card, moment(created, UTC)))
            for (id, _, state, created, _), card in zip(rows[:valued], cards, strict=False)
            if card is not None
        ]
        return versions, values

    async def connection_values(self, work: Work, person_id: UUID, ids: list[UUID]) -> list[tuple[UUID, Connection]]:
        """Those of `ids` that are a person's connections or requests at this moment."""
        rows = await ties.list_connections_by_id(work, person_id, ids)
        cards = await self._people.cards_in_order(work, [other_id for _, _, other_id, _ in rows])
        moment = datetime.fromtimestamp
        return [
            (id, Connection(id, state, card, moment(created, UTC)))
            for (id, state, _, created), card in zip(rows, cards, strict=True)
            if card is not None
        ]

    async def list_versions(self, work: Work, person_id: UUID) -> list[tuple[UUID, int]]:
        """All lists of a person."""
        return [(one.id, version_of(one)) for one in await lists.list_lists(work, person_id, None, _MOST_LISTS)]

    async def list_values(self, work: Work, person_id: UUID, ids: list[UUID]) -> list[tuple[UUID, ConnectionList]]:
        """All lists that a person has at this moment: there are few."""
        return [(one.id, one) for one in await lists.list_lists(work, person_id, None, _MOST_LISTS)]
