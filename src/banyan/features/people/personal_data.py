"""What export and deletion of a person mean for people."""

from typing import Any, get_args
from uuid import UUID

from banyan.features.people.models import ConnectionState
from banyan.features.people.service.lists import Lists
from banyan.features.people.service.mutes import Mutes
from banyan.features.people.service.people import People
from banyan.features.people.service.personal import DISMISSALS, EARLIER_HANDLES, MEMBERSHIPS
from banyan.features.people.service.presence import PeoplePresence
from banyan.features.people.service.ties import Ties
from banyan.infra.database.work import Work
from banyan.infra.declare import DataSection, PersonalData
from banyan.kernel.pages import MAX_LIMIT, Page


def personal_data(people: People, ties: Ties, lists: Lists, mutes: Mutes, presence: PeoplePresence) -> PersonalData:
    async def read_profile(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
        return Page([await people.get_me(work, person_id)])

    async def read_presence(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
        return Page(list((await presence.read_states(work, [person_id])).values()))

    async def read_blocks(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
        return await ties.list_blocks(work, person_id, MAX_LIMIT, cursor)

    async def read_mutes(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
        return await mutes.list_mutes(work, person_id, MAX_LIMIT, cursor)

    async def read_lists(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
        return await lists.list_lists(work, person_id, MAX_LIMIT, cursor)

    def connections(state: ConnectionState, title: str) -> DataSection:
        async def read(work: Work, person_id: UUID, cursor: str | None) -> Page[Any]:
            return await ties.list_connections(work, person_id, state, MAX_LIMIT, cursor)

        return DataSection(f"connections_{state}", title, read)

    async def erase(work: Work, person_id: UUID) -> bool:
        await people.erase_person(work, person_id)
        return False

    titles = dict(zip(get_args(ConnectionState), ("Requests sent", "Requests received", "Connections"), strict=True))
    return PersonalData(
        feature="people",
        sections=(
            DataSection("profile", "Profile", read_profile),
            DataSection("presence", "When you were last online", read_presence),
            DataSection("earlier_handles", "Earlier handles", EARLIER_HANDLES),
            *(connections(state, title) for state, title in titles.items()),
            DataSection("lists", "Lists of connections", read_lists),
            DataSection("list_members", "Who is on these lists", MEMBERSHIPS),
            DataSection("mutes", "Muted people", read_mutes),
            DataSection("blocks", "Blocked people", read_blocks),
            DataSection("dismissed_suggestions", "Suggestions dismissed", DISMISSALS),
        ),
        erase=erase,
    )
