"""Profiles, connections and blocks.

What two people are to each other only changes under their pair's lock, so that of two at once (both ask, one
accepts while the other withdraws or blocks) the later one finds what the earlier one made.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, structs

from banyan.features.accounts.api import AccountsApi
from banyan.features.people.api import CARDS_TOPIC, RELATIONS_TOPIC
from banyan.features.people.checks import check_bio, check_display_name, check_handle, read_handle
from banyan.features.people.errors import (
    AlreadyConnected,
    AlreadyRequested,
    ConnectionNotFound,
    HandleTaken,
    NotWithOneself,
    OneSidedConnection,
    OwnRequest,
    PersonNotFound,
)
from banyan.features.people.models import (
    Block,
    Card,
    Connection,
    ConnectionSide,
    ConnectionState,
    Me,
    PersonImport,
    Profile,
    ProfileChanges,
)
from banyan.features.people.queries import lists
from banyan.features.people.queries import people as queries
from banyan.features.people.signals import (
    ConnectionEnded,
    ConnectionMade,
    ListMemberRemoved,
    PersonCreated,
    ProfileChanged,
)
from banyan.infra.database.work import Work
from banyan.infra.declare import ANSWERS_TOPIC
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor


class People:
    """Reads and changes of people; every method works inside the caller's unit of work."""

    def __init__(self, accounts: AccountsApi) -> None:
        self._accounts = accounts

    async def check_person(self, work: Work, handle: str, display_name: str) -> None:
        """Whether a person could be called so now. Raises HandleTaken, Invalid."""
        wanted = check_handle(handle)
        check_display_name(display_name)
        if await queries.find_id_by_handle(work, wanted) is not None:
            raise HandleTaken("Choose another handle.")

    async def create_person(
        self, work: Work, person_id: UUID, handle: str, display_name: str, created_at: datetime
    ) -> Card:
        """The person of a new account, with the account's id. Raises HandleTaken, Invalid."""
        person = PersonImport(
            id=person_id,
            handle=check_handle(handle),
            display_name=check_display_name(display_name),
            bio="",
            created_at=created_at,
        )
        if not await queries.insert_person(work, person):
            raise HandleTaken("Choose another handle.")
        work.emit(PersonCreated(person.id, person.handle))
        return Card(person.id, person.handle, person.display_name, None)

    async def get_profile(self, work: Work, viewer_id: UUID | None, handle: str) -> Profile:
        """Raises PersonNotFound, also where a block stands between the two."""
        wanted = read_handle(handle)
        profile = None if wanted is None else await queries.find_profile(work, wanted, viewer_id)
        if profile is None:
            raise PersonNotFound
        return profile

    async def get_me(self, work: Work, person_id: UUID) -> Me:
        """One's own profile with one's address and role. Raises PersonNotFound."""
        profile = await queries.find_own_profile(work, person_id)
        if profile is None:
            raise PersonNotFound
        login = await self._accounts.get_login(work, person_id)
        return Me(
            id=profile.id,
            handle=profile.handle,
            display_name=profile.display_name,
            bio=profile.bio,
            avatar_url=profile.avatar_url,
            created_at=profile.created_at,
            connection_count=profile.connection_count,
            email=login.email,
            email_verified=login.email_verified,
            role=login.role,
        )

    async def update_profile(self, work: Work, person_id: UUID, changes: ProfileChanges) -> None:
        """Raises Invalid, HandleTaken."""
        handle = None if changes.handle is UNSET else check_handle(changes.handle)
        name = None if changes.display_name is UNSET else check_display_name(changes.display_name)
        bio = None if changes.bio is UNSET else check_bio(changes.bio)
        if handle is None and name is None and bio is None:
            return
        if not await queries.update_profile(work, person_id, handle, name, bio):
            raise HandleTaken("Choose another handle.")
        work.emit(ProfileChanged(person_id))
        work.announce(CARDS_TOPIC, str(person_id))
        # Answers kept for anonymous readers that show this person's card.
        work.announce(ANSWERS_TOPIC, f"person:{person_id}")

    async def ask_connection(self, work: Work, asker_id: UUID, person_id: UUID) -> Connection:
        """Asks for a connection, or accepts when the other has asked already.

        Raises NotWithOneself, PersonNotFound, AlreadyRequested, AlreadyConnected.
        """
        if asker_id == person_id:
            raise NotWithOneself("Connect with somebody else.")
        await queries.lock_pair(work, asker_id, person_id)
        tie = await queries.find_tie(work, asker_id, person_id)
        if tie is None:
            raise PersonNotFound
        if tie.state == "connected":
            raise AlreadyConnected
        if tie.state == "sent":
            raise AlreadyRequested
        if tie.id is not None and tie.created_at is not None:
            await self._connect(work, asker_id, person_id)
            return Connection(tie.id, "connected", tie.person, tie.created_at)
        connection_id, at = new_id(), now()
        await queries.insert_request(work, connection_id, asker_id, person_id, at)
        return Connection(connection_id, "sent", tie.person, at)

    async def accept_connection(self, work: Work, person_id: UUID, connection_id: UUID) -> Connection:
        """The one who was asked says yes; saying it again changes nothing. Raises ConnectionNotFound, OwnRequest."""
        tie = await self._lock_connection(work, person_id, connection_id)
        if tie.state == "sent":
            raise OwnRequest
        if tie.state == "received":
            await self._connect(work, person_id, tie.person.id)
        return structs.replace(tie, state="connected")

    async def decline_connection(self, work: Work, person_id: UUID, connection_id: UUID) -> None:
        """The one who was asked says no. Raises ConnectionNotFound, OwnRequest, AlreadyConnected."""
        tie = await self._lock_connection(work, person_id, connection_id)
        if tie.state == "sent":
            raise OwnRequest
        if tie.state == "connected":
            raise AlreadyConnected("To end a connection, delete it.")
        await self._part(work, person_id, tie.person.id)

    async def end_connection(self, work: Work, person_id: UUID, connection_id: UUID) -> None:
        """Ends a connection, withdraws a request or declines one. Raises ConnectionNotFound."""
        tie = await self._lock_connection(work, person_id, connection_id)
        await self._part(work, person_id, tie.person.id)

    async def list_connections(
        self, work: Work, person_id: UUID, state: ConnectionState, limit: int, cursor: str | None
    ) -> Page[Connection]:
        """Newest first."""
        rows = await queries.list_connections(work, person_id, state, decode_cursor(cursor), limit + 1)
        return cut_page(rows, limit, lambda connection: connection.id)

    async def block_person(self, work: Work, person_id: UUID, blocked_id: UUID) -> None:
        """Hides two people from each other and ends what was between them. Raises NotWithOneself, PersonNotFound."""
        if person_id == blocked_id:
            raise NotWithOneself("You cannot block yourself.")
        # Not through `find_tie`: one may block somebody by whom one is blocked.
        if not await queries.count_existing(work, [blocked_id]):
            raise PersonNotFound
        await queries.lock_pair(work, person_id, blocked_id)
        if await queries.insert_block(work, new_id(), person_id, blocked_id, now()):
            await self._part(work, person_id, blocked_id)
            self._announce_relations(work, person_id, blocked_id)

    async def unblock_person(self, work: Work, person_id: UUID, blocked_id: UUID) -> None:
        """Lifts one's own block; what it ended does not come back."""
        await queries.lock_pair(work, person_id, blocked_id)
        if await queries.delete_block(work, person_id, blocked_id):
            self._announce_relations(work, person_id, blocked_id)

    async def list_blocks(self, work: Work, person_id: UUID, limit: int, cursor: str | None) -> Page[Block]:
        """Newest first."""
        rows = await queries.list_blocks(work, person_id, decode_cursor(cursor), limit + 1)
        page = cut_page(rows, limit, lambda row: row[0])
        return Page([block for _, block in page.items], page.next_cursor)

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
        if await queries.insert_people(work, checked) != len(checked):
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
        """After an import: every connection of these people has both sides. Raises OneSidedConnection."""
        if await queries.has_one_sided(work, person_ids):
            raise OneSidedConnection

    async def refresh_statistics(self, work: Work) -> None:
        """To be called once after an import."""
        await queries.analyze(work)

    async def _lock_connection(self, work: Work, person_id: UUID, connection_id: UUID) -> Connection:
        """The connection or request as it is now that nobody else can change it. Raises ConnectionNotFound."""
        other_id = await queries.find_other_side(work, person_id, connection_id)
        if other_id is None:
            raise ConnectionNotFound
        await queries.lock_pair(work, person_id, other_id)
        tie = await queries.find_tie(work, person_id, other_id)
        # Gone, or replaced by a newer request, while we waited for the lock.
        if tie is None or tie.id != connection_id or tie.state is None or tie.created_at is None:
            raise ConnectionNotFound
        return Connection(tie.id, tie.state, tie.person, tie.created_at)

    async def _connect(self, work: Work, one: UUID, other: UUID) -> None:
        await queries.connect_pair(work, one, other)
        work.emit(ConnectionMade(one, other))
        self._announce_relations(work, one, other)

    async def _part(self, work: Work, one: UUID, other: UUID) -> None:
        if await queries.delete_pair(work, one, other):
            work.emit(ConnectionEnded(one, other))
            for list_id, owner_id, person_id in await lists.delete_memberships(work, one, other):
                work.emit(ListMemberRemoved(list_id, owner_id, person_id))
            self._announce_relations(work, one, other)

    def _announce_relations(self, work: Work, one: UUID, other: UUID) -> None:
        work.announce(RELATIONS_TOPIC, str(one), str(other))
