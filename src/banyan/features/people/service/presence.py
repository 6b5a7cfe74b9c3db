"""Who may see that somebody is online, or when they were last."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import PresenceList
from banyan.features.people.queries import profiles
from banyan.infra.database.work import Work
from banyan.infra.presence import queries as presence
from banyan.infra.presence.models import WITHIN_SECONDS, PresenceState
from banyan.kernel.errors import Invalid

MAX_ASKED: Final = 100


class PeoplePresence:
    """One's connections, those of them who let themselves be seen, and oneself: nobody else, and no way to tell why."""

    def __init__(self, people: PeopleApi) -> None:
        self._people = people

    async def list_presence(self, work: Work, viewer_id: UUID, person_ids: Sequence[UUID]) -> PresenceList:
        """In the order asked for. Raises Invalid for too many."""
        wanted = list(dict.fromkeys(person_ids))
        if len(wanted) > MAX_ASKED:
            raise Invalid.field("person_ids", "too_many", f"At most {MAX_ASKED} at once.")
        seen = await self.list_seen(work, viewer_id, wanted)
        states = await self.read_states(work, [person_id for person_id in wanted if person_id in seen])
        return PresenceList([states[person_id] for person_id in wanted if person_id in states], WITHIN_SECONDS)

    async def find_presence(self, work: Work, viewer_id: UUID, person_id: UUID) -> PresenceState | None:
        """None for whom one may not see."""
        return (await self.read_states(work, list(await self.list_seen(work, viewer_id, [person_id])))).get(person_id)

    async def list_seen(self, work: Work, viewer_id: UUID, person_ids: Sequence[UUID]) -> set[UUID]:
        """Those whose presence one may see."""
        relations = await self._people.relations(work, viewer_id)
        connected = [person_id for person_id in person_ids if person_id in relations.connected]
        seen = set(await profiles.list_showing_presence(work, connected)) if connected else set()
        return seen | ({viewer_id} & set(person_ids))

    async def read_states(self, work: Work, person_ids: Sequence[UUID]) -> dict[UUID, PresenceState]:
        """How these people stand, whoever asks."""
        if not person_ids:
            return {}
        return {state.person_id: state for state in await presence.list_states(work, person_ids)}
