"""The realtime topic of people: whether those are online at whom one looks."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.people.service.presence import PeoplePresence
from banyan.infra.database.work import Work
from banyan.infra.declare import StateSource, Topic
from banyan.infra.presence.models import WITHIN_SECONDS, PresenceState
from banyan.infra.presence.roll import PRESENCE


def topics(presence: PeoplePresence) -> tuple[Topic, ...]:
    async def may_join_many(work: Work, viewer_id: UUID, keys: Sequence[str]) -> set[str]:
        wanted = [person_id for key in keys if (person_id := _read_id(key))]
        return {str(person_id) for person_id in await presence.list_seen(work, viewer_id, wanted)}

    async def may_join(work: Work, viewer_id: UUID | None, key: str) -> bool:
        return viewer_id is not None and key in await may_join_many(work, viewer_id, [key])

    async def read(work: Work, keys: Sequence[str]) -> dict[str, PresenceState]:
        states = await presence.read_states(work, [UUID(key) for key in keys])
        return {str(person_id): state for person_id, state in states.items()}

    source = StateSource(may_join_many, read, WITHIN_SECONDS)
    return (Topic(PRESENCE, may_join, states=source, address=f"{PRESENCE}:{{person_id}}", events=PresenceState),)


def _read_id(key: str) -> UUID | None:
    """Only as ids are written by us: a topic has one name."""
    try:
        found = UUID(key)
    except ValueError:
        return None
    return found if str(found) == key else None
