"""Profiles, connections, suggestions, lists, blocks and mutes over HTTP."""

from typing import Annotated, Protocol
from uuid import UUID

from banyan.features.accounts.errors import LastAdmin, LockedOut, WrongPassword
from banyan.features.accounts.models import Client, Deletion, DeletionRequest
from banyan.features.people.checks import read_person_ids
from banyan.features.people.errors import (
    AlreadyConnected,
    AlreadyRequested,
    HandleMoved,
    HandleTaken,
    NotConnected,
    OwnRequest,
    PersonNotFound,
    TooManyHandleChanges,
    TooManyLists,
)
from banyan.features.people.models import (
    Block,
    Connection,
    ConnectionList,
    ConnectionRequest,
    ConnectionState,
    ListChanges,
    ListMember,
    Me,
    Mute,
    MyChanges,
    NewList,
    PresenceList,
    Profile,
    Suggestion,
)
from banyan.features.people.service.lists import Lists
from banyan.features.people.service.mutes import Mutes
from banyan.features.people.service.people import People
from banyan.features.people.service.presence import MAX_ASKED, PeoplePresence
from banyan.features.people.service.suggestions import Suggestions
from banyan.features.people.service.ties import Ties
from banyan.infra.database.work import Work
from banyan.infra.http.addresses import limit_key
from banyan.infra.http.routing import (
    MOVED,
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    Moved,
    QueryParameter,
    Request,
    delete,
    get,
    patch,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

PersonIds = Annotated[
    str, QueryParameter(max_length=MAX_ASKED * 40, description="Ids of at most 100 people, commas between.")
]
OfState = Annotated[ConnectionState, QueryParameter(name="state", description="Which ones: `connected` without it.")]


class Leaving(Protocol):
    """How somebody leaves for good, which accounts rules over."""

    async def ask_deletion(self, work: Work, account_id: UUID, password: str, client: Client) -> Deletion: ...


class MeRoutes(Controller):
    path = "/v1/me"
    tags = ["people"]
    people: People
    leaving: Leaving

    @get()
    async def show(self, request: Request) -> Me:
        """One's own profile and account."""
        return await self.people.get_me(request.work, request.account_id)

    @patch(raises=[HandleTaken, TooManyHandleChanges])
    async def update(self, request: Request, data: JSONBody[MyChanges]) -> Me:
        """Change one's own profile.

        Fields left out stay as they are. Of a location only a cell of about 1 km is kept. A handle that is given up
        leads to the new one and stays reserved for a while.
        """
        await self.people.update_me(request.work, request.account_id, data)
        return await self.people.get_me(request.work, request.account_id)

    @delete(raises=[WrongPassword, LockedOut, LastAdmin], status=202, by_session=True)
    async def delete(self, request: Request, data: JSONBody[DeletionRequest]) -> Deletion:
        """Delete one's account: the same as `POST /v1/me/deletion`."""
        client = Client(request.client_ip, limit_key(request.client_ip), request.user_agent)
        return await self.leaving.ask_deletion(request.work, request.account_id, data.password, client)


class PeopleRoutes(Controller):
    path = "/v1/people"
    tags = ["people"]
    people: People

    @get("/{handle:str}", access="anyone", also=MOVED)
    async def show(self, request: Request, handle: FromPath[str]) -> Profile | Moved:
        """A person's profile.

        A handle that somebody gave up answers 308 with their present one. Answers 404 also where one of the two has
        blocked the other.
        """
        try:
            return await self.people.get_profile(request.work, request.viewer_id, handle)
        except HandleMoved as moved:
            return request.moved_to(f"/v1/people/{moved.handle}")


class ConnectionRoutes(Controller):
    path = "/v1/connections"
    tags = ["people"]
    ties: Ties

    @post(raises=[PersonNotFound, AlreadyConnected, AlreadyRequested])
    async def ask(self, request: Request, data: JSONBody[ConnectionRequest]) -> Connection:
        """Ask somebody for a connection.

        Where that person has asked already, this accepts.
        """
        return await self.ties.ask_connection(request.work, request.account_id, data.person_id)

    @get()
    async def list(
        self,
        request: Request,
        of_state: OfState = "connected",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Connection]:
        """One's connections, or the requests received or sent, newest first."""
        return await self.ties.list_connections(request.work, request.account_id, of_state, limit, cursor)

    @post("/{connection_id:uuid}/accept", status=200, raises=[OwnRequest])
    async def accept(self, request: Request, connection_id: FromPath[UUID]) -> Connection:
        """Accept a request that one received."""
        return await self.ties.accept_connection(request.work, request.account_id, connection_id)

    @post("/{connection_id:uuid}/decline", status=204, raises=[OwnRequest, AlreadyConnected])
    async def decline(self, request: Request, connection_id: FromPath[UUID]) -> None:
        """Decline a request that one received."""
        await self.ties.decline_connection(request.work, request.account_id, connection_id)

    @delete("/{connection_id:uuid}")
    async def end(self, request: Request, connection_id: FromPath[UUID]) -> None:
        """End a connection, or withdraw or decline a request."""
        await self.ties.end_connection(request.work, request.account_id, connection_id)


class ListRoutes(Controller):
    path = "/v1/lists"
    tags = ["people"]
    lists: Lists

    @post(raises=[TooManyLists])
    async def create(self, request: Request, data: JSONBody[NewList]) -> ConnectionList:
        """Make a list of connections.

        One may have 100. Only oneself sees them; who is on one is not told.
        """
        return await self.lists.create_list(request.work, request.account_id, data.name)

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[ConnectionList]:
        """One's lists, newest first."""
        return await self.lists.list_lists(request.work, request.account_id, limit, cursor)

    @get("/{list_id:uuid}")
    async def show(self, request: Request, list_id: FromPath[UUID]) -> ConnectionList:
        """One of one's lists."""
        return await self.lists.get_list(request.work, request.account_id, list_id)

    @patch("/{list_id:uuid}")
    async def change(self, request: Request, list_id: FromPath[UUID], data: JSONBody[ListChanges]) -> ConnectionList:
        """Give a list another name."""
        return await self.lists.change_list(request.work, request.account_id, list_id, data)

    @delete("/{list_id:uuid}")
    async def remove(self, request: Request, list_id: FromPath[UUID]) -> None:
        """Delete a list; the connections stay."""
        await self.lists.delete_list(request.work, request.account_id, list_id)

    @get("/{list_id:uuid}/members")
    async def list_members(
        self, request: Request, list_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[ListMember]:
        """Who is on a list; who was added last comes first."""
        return await self.lists.list_members(request.work, request.account_id, list_id, limit, cursor)

    @put("/{list_id:uuid}/members/{person_id:uuid}", status=204, raises=[NotConnected])
    async def add_member(self, request: Request, list_id: FromPath[UUID], person_id: FromPath[UUID]) -> None:
        """Put a connection on a list.

        Whoever is no longer a connection is taken off.
        """
        await self.lists.add_member(request.work, request.account_id, list_id, person_id)

    @delete("/{list_id:uuid}/members/{person_id:uuid}")
    async def remove_member(self, request: Request, list_id: FromPath[UUID], person_id: FromPath[UUID]) -> None:
        """Take a person off a list."""
        await self.lists.remove_member(request.work, request.account_id, list_id, person_id)


class MuteRoutes(Controller):
    path = "/v1/mutes"
    tags = ["people"]
    mutes: Mutes

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Mute]:
        """The people one has muted, newest first."""
        return await self.mutes.list_mutes(request.work, request.account_id, limit, cursor)

    @put("/{person_id:uuid}", status=204)
    async def mute(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Mute a person.

        Their posts leave one's home feed and the public list, not their profile. They are not told.
        """
        await self.mutes.mute_person(request.work, request.account_id, person_id)

    @delete("/{person_id:uuid}")
    async def unmute(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Lift a mute."""
        await self.mutes.unmute_person(request.work, request.account_id, person_id)


class PresenceRoutes(Controller):
    path = "/v1/presence"
    tags = ["people"]
    presence: PeoplePresence

    @get()
    async def show(self, request: Request, person_ids: PersonIds = "") -> PresenceList:
        """Whether people are online, and when they were last.

        Only oneself and those of one's connections who let themselves be seen; others are left out. Who has a socket
        joins `presence:{person_id}` instead, and is told of changes.
        """
        return await self.presence.list_presence(request.work, request.account_id, read_person_ids(person_ids))


class SuggestionRoutes(Controller):
    path = "/v1/suggestions"
    tags = ["people"]
    suggestions: Suggestions

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Suggestion]:
        """People whom one's connections know, most mutual connections first.

        Counted over one's newest 200 connections and the newest 100 of each.
        """
        return await self.suggestions.list_suggestions(request.work, request.account_id, limit, cursor)

    @delete("/{person_id:uuid}")
    async def dismiss(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Not to be suggested this person again."""
        await self.suggestions.dismiss_person(request.work, request.account_id, person_id)


class BlockRoutes(Controller):
    path = "/v1/blocks"
    tags = ["people"]
    ties: Ties

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Block]:
        """The people one has blocked, newest first."""
        return await self.ties.list_blocks(request.work, request.account_id, limit, cursor)

    @put("/{person_id:uuid}", status=204)
    async def block(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Block a person.

        Ends the connection and hides the two from each other.
        """
        await self.ties.block_person(request.work, request.account_id, person_id)

    @delete("/{person_id:uuid}")
    async def unblock(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Lift a block; the connection it ended does not come back."""
        await self.ties.unblock_person(request.work, request.account_id, person_id)
