"""What two people are to each other: connections, requests and blocks.

It only changes under their pair's lock, so that of two at once (both ask, one accepts while the other withdraws or
blocks) the later one finds what the earlier one made.
"""

from uuid import UUID

from msgspec import structs

from banyan.features.people.api import RELATIONS_TOPIC
from banyan.features.people.errors import (
    AlreadyConnected,
    AlreadyRequested,
    ConnectionNotFound,
    NotWithOneself,
    OwnRequest,
    PersonNotFound,
)
from banyan.features.people.models import Block, Connection, ConnectionState
from banyan.features.people.queries import lists, profiles
from banyan.features.people.queries import ties as queries
from banyan.features.people.signals import ConnectionAsked, ConnectionEnded, ConnectionMade, ListMemberRemoved
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.pages import Page, cut_page, decode_cursor


class Ties:
    """Every method works inside the caller's unit of work."""

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
        work.emit(ConnectionAsked(connection_id, asker_id, person_id))
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
        if not await profiles.exists(work, blocked_id):
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
