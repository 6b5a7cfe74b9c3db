"""Taking over many people and connections, by the rules for one."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import structs

from banyan.features.people.checks import check_bio, check_display_name, check_handle
from banyan.features.people.errors import (
    AlreadyConnected,
    HandleTaken,
    NotWithOneself,
    OneSidedConnection,
    PersonNotFound,
)
from banyan.features.people.models import ConnectionSide, PersonImport
from banyan.features.people.queries import imports as queries
from banyan.features.people.service.handles import Handles
from banyan.infra.database.work import Work

# So few people that a statement ends in time where each of them knows thousands.
_DIGESTED_AT_ONCE = 500


def read_names(handle: str, display_name: str) -> tuple[str, str]:
    """Handle and display name as they are kept. Raises Invalid."""
    return check_handle(handle), check_display_name(display_name)


class PeopleImports:
    """Every method works inside the caller's unit of work."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles

    async def import_people(self, work: Work, people: Sequence[PersonImport]) -> None:
        """Many people at once, by the rules for one. Raises Invalid, HandleTaken."""
        checked = [
            structs.replace(
                person,
                handle=check_handle(person.handle),
                display_name=check_display_name(person.display_name),
                bio=check_bio(person.bio),
            )
            for person in people
        ]
        reserved_since = self._handles.reserved_since()
        if await queries.insert_people(work, checked, reserved_since) != len(checked):
            raise HandleTaken("An id or a handle is given twice or taken.")

    async def import_connections(self, work: Work, sides: Sequence[ConnectionSide]) -> None:
        """Many accepted connections, before anybody reads: no signal leaves, homes are built afterwards.

        Each is given once from either side, in one call or several; sorted by person they are written fastest.
        `check_connections` finds what lacks its other side. Raises NotWithOneself, PersonNotFound, AlreadyConnected;
        blocks are not looked at, none are imported.
        """
        if any(side.person_id == side.other_id for side in sides):
            raise NotWithOneself
        outcome = await queries.copy_connections(work, sides)
        if outcome == "nobody":
            raise PersonNotFound
        if outcome == "taken":
            raise AlreadyConnected("A pair is given twice or connected already.")

    async def check_connections(self, work: Work, person_ids: Sequence[UUID]) -> None:
        """After an import, with everybody in it: every connection among them has both sides.

        Compares digests, in one pass through the rows: a look for each other side takes ten times as long. That a
        missing side goes unseen has a chance of 2^-64. Raises OneSidedConnection.
        """
        digest = 0
        for start in range(0, len(person_ids), _DIGESTED_AT_ONCE):
            digest ^= await queries.digest_sides(work, person_ids[start : start + _DIGESTED_AT_ONCE])
        if digest:
            raise OneSidedConnection

    async def refresh_statistics(self, work: Work) -> None:
        """To be called once after an import."""
        await queries.analyze(work)
