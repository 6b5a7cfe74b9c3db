"""A person's connections, as a client keeps them offline."""

from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Connection, card_version
from banyan.features.people.queries import people as queries
from banyan.infra.database.work import Work

SYNCED_CONNECTIONS = 1000


class SyncedPeople:
    """Versions and values of what people are to one of them."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people

    async def connection_versions(self, work: Work, person_id: UUID) -> dict[UUID, int]:
        """The newest connections and requests, newest first. A version is of the connection and of the other's card."""
        marks = await queries.list_connection_marks(work, person_id, SYNCED_CONNECTIONS)
        cards = await self._people.cards_in_order(work, [other_id for _, other_id, _ in marks])
        return {
            connection_id: version ^ card_version(card)
            for (connection_id, _, version), card in zip(marks, cards, strict=True)
            if card is not None
        }

    async def connection_values(self, work: Work, person_id: UUID, ids: list[UUID]) -> dict[UUID, Connection]:
        """Those of `ids` that are a person's connections or requests at this moment."""
        return {one.id: one for one in await queries.list_connections_by_id(work, person_id, ids)}
