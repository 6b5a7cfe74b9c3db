"""Profiles, connections and blocks over HTTP."""

from typing import Annotated
from uuid import UUID

from banyan.features.people.errors import (
    AlreadyConnected,
    AlreadyRequested,
    HandleTaken,
    OwnRequest,
    PersonNotFound,
)
from banyan.features.people.models import (
    Block,
    Connection,
    ConnectionRequest,
    ConnectionState,
    Me,
    Profile,
    ProfileChanges,
)
from banyan.features.people.service import People
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    JSONBody,
    Limit,
    QueryParameter,
    Request,
    delete,
    get,
    patch,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

OfState = Annotated[ConnectionState, QueryParameter(name="state", description="Which ones: `connected` without it.")]


class MeRoutes(Controller):
    path = "/v1/me"
    tags = ["people"]
    people: People

    @get()
    async def show(self, request: Request) -> Me:
        """One's own profile and account."""
        return await self.people.get_me(request.work, request.account_id)

    @patch(raises=[HandleTaken])
    async def update(self, request: Request, data: JSONBody[ProfileChanges]) -> Me:
        """Change one's own profile.

        Fields left out stay as they are.
        """
        await self.people.update_profile(request.work, request.account_id, data)
        return await self.people.get_me(request.work, request.account_id)


class PeopleRoutes(Controller):
    path = "/v1/people"
    tags = ["people"]
    people: People

    @get("/{handle:str}", access="anyone")
    async def show(self, request: Request, handle: FromPath[str]) -> Profile:
        """A person's profile.

        Answers 404 also where one of the two has blocked the other.
        """
        return await self.people.get_profile(request.work, request.viewer_id, handle)


class ConnectionRoutes(Controller):
    path = "/v1/connections"
    tags = ["people"]
    people: People

    @post(raises=[PersonNotFound, AlreadyConnected, AlreadyRequested])
    async def ask(self, request: Request, data: JSONBody[ConnectionRequest]) -> Connection:
        """Ask somebody for a connection.

        Where that person has asked already, this accepts.
        """
        return await self.people.ask_connection(request.work, request.account_id, data.person_id)

    @get()
    async def list(
        self,
        request: Request,
        of_state: OfState = "connected",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Connection]:
        """One's connections, or the requests received or sent, newest first."""
        return await self.people.list_connections(request.work, request.account_id, of_state, limit, cursor)

    @post("/{connection_id:uuid}/accept", status=200, raises=[OwnRequest])
    async def accept(self, request: Request, connection_id: FromPath[UUID]) -> Connection:
        """Accept a request that one received."""
        return await self.people.accept_connection(request.work, request.account_id, connection_id)

    @post("/{connection_id:uuid}/decline", status=204, raises=[OwnRequest, AlreadyConnected])
    async def decline(self, request: Request, connection_id: FromPath[UUID]) -> None:
        """Decline a request that one received."""
        await self.people.decline_connection(request.work, request.account_id, connection_id)

    @delete("/{connection_id:uuid}")
    async def end(self, request: Request, connection_id: FromPath[UUID]) -> None:
        """End a connection, or withdraw or decline a request."""
        await self.people.end_connection(request.work, request.account_id, connection_id)


class BlockRoutes(Controller):
    path = "/v1/blocks"
    tags = ["people"]
    people: People

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Block]:
        """The people one has blocked, newest first."""
        return await self.people.list_blocks(request.work, request.account_id, limit, cursor)

    @put("/{person_id:uuid}", status=204)
    async def block(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Block a person.

        Ends the connection and hides the two from each other.
        """
        await self.people.block_person(request.work, request.account_id, person_id)

    @delete("/{person_id:uuid}")
    async def unblock(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Lift a block; the connection it ended does not come back."""
        await self.people.unblock_person(request.work, request.account_id, person_id)
