"""People and their sessions, for admins."""

from typing import Annotated
from uuid import UUID

from banyan.features.accounts.errors import (
    AccountNotFound,
    LastAdmin,
    NotDeleting,
    SessionNotFound,
    TotpNotEnabled,
)
from banyan.features.accounts.models import (
    AccountState,
    ManagedPerson,
    ManagedPersonDetails,
    ManagedSession,
    PeopleFilter,
    Role,
    RoleChange,
    Suspension,
)
from banyan.features.accounts.service.administration import Administration
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
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

OfQuery = Annotated[
    str | None,
    QueryParameter(name="query", max_length=100, description="Part of a name, of a handle or of an e-mail address."),
]
OfRole = Annotated[Role | None, QueryParameter(name="role", description="Only accounts of this role.")]
OfState = Annotated[AccountState | None, QueryParameter(name="state", description="Only accounts in this state.")]


class AdminPeopleRoutes(Controller):
    path = "/v1/admin/people"
    tags = ["admin"]
    administration: Administration

    @get(access="admin")
    async def list(
        self,
        request: Request,
        of_query: OfQuery = None,
        of_role: OfRole = None,
        of_state: OfState = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[ManagedPerson]:
        """People with their accounts, newest first."""
        wanted = PeopleFilter(query=of_query, role=of_role, state=of_state)
        return await self.administration.list_people(request.work, request.actor, wanted, limit, cursor)

    @get("/{person_id:uuid}", access="admin", raises=[AccountNotFound])
    async def show(self, request: Request, person_id: FromPath[UUID]) -> ManagedPersonDetails:
        """One person with their account."""
        return await self.administration.get_person(request.work, request.actor, person_id)

    @patch("/{person_id:uuid}", access="admin", raises=[AccountNotFound, LastAdmin])
    async def change(
        self, request: Request, person_id: FromPath[UUID], data: JSONBody[RoleChange]
    ) -> ManagedPersonDetails:
        """Give an account another role."""
        return await self.administration.set_role(request.work, request.actor, person_id, data.role)

    @post("/{person_id:uuid}/suspend", access="admin", raises=[AccountNotFound, LastAdmin], status=200)
    async def suspend(
        self, request: Request, person_id: FromPath[UUID], data: JSONBody[Suspension]
    ) -> ManagedPersonDetails:
        """Suspend an account.

        Its sessions end, and nobody can sign in to it until it is unsuspended. What the person wrote stays.
        """
        return await self.administration.suspend(request.work, request.actor, person_id, data.reason)

    @post("/{person_id:uuid}/unsuspend", access="admin", raises=[AccountNotFound], status=200)
    async def unsuspend(self, request: Request, person_id: FromPath[UUID]) -> ManagedPersonDetails:
        """Lift a suspension."""
        return await self.administration.unsuspend(request.work, request.actor, person_id)

    @post("/{person_id:uuid}/deletion", access="admin", raises=[AccountNotFound, LastAdmin], status=200)
    async def start_deletion(self, request: Request, person_id: FromPath[UUID]) -> ManagedPersonDetails:
        """Delete an account.

        The person is hidden from everybody at once, and told by mail. Until `deletes_at` they or an admin can take it
        back; then the account is erased.
        """
        return await self.administration.start_deletion(request.work, request.actor, person_id)

    @delete("/{person_id:uuid}/deletion", access="admin", raises=[AccountNotFound, NotDeleting])
    async def take_back_deletion(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Take the deletion of an account back: everything is as it was."""
        await self.administration.restore(request.work, request.actor, person_id)

    @post("/{person_id:uuid}/verify-email", access="admin", raises=[AccountNotFound], status=200)
    async def verify_email(self, request: Request, person_id: FromPath[UUID]) -> ManagedPersonDetails:
        """Take an account's e-mail address for proven."""
        return await self.administration.verify_email(request.work, request.actor, person_id)

    @post("/{person_id:uuid}/lift-lockout", access="admin", raises=[AccountNotFound], status=200)
    async def lift_lockout(self, request: Request, person_id: FromPath[UUID]) -> ManagedPersonDetails:
        """Let somebody sign in again who failed too often."""
        return await self.administration.lift_lockout(request.work, request.actor, person_id)

    @post("/{person_id:uuid}/password-reset", access="admin", raises=[AccountNotFound], status=204)
    async def send_password_reset(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Mail the owner of an account a link to a new password."""
        await self.administration.send_reset(request.work, request.actor, person_id)

    @delete("/{person_id:uuid}/totp", access="admin", raises=[AccountNotFound, TotpNotEnabled])
    async def turn_off_second_factor(self, request: Request, person_id: FromPath[UUID]) -> None:
        """Turn off the second factor of somebody who has lost device and recovery codes.

        Be sure that it is them who ask: from then on the password alone is enough.
        """
        await self.administration.turn_off_second_factor(request.work, request.actor, person_id)

    @get("/{person_id:uuid}/sessions", access="admin", raises=[AccountNotFound])
    async def list_sessions(
        self, request: Request, person_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[ManagedSession]:
        """Where a person is signed in, newest first."""
        return await self.administration.list_sessions(request.work, request.actor, person_id, limit, cursor)

    @delete("/{person_id:uuid}/sessions", access="admin", raises=[AccountNotFound])
    async def end_sessions(self, request: Request, person_id: FromPath[UUID]) -> None:
        """End all sessions of a person."""
        await self.administration.end_sessions(request.work, request.actor, person_id)

    @delete("/{person_id:uuid}/sessions/{session_id:uuid}", access="admin", raises=[SessionNotFound])
    async def end_session(self, request: Request, person_id: FromPath[UUID], session_id: FromPath[UUID]) -> None:
        """End one session of a person."""
        await self.administration.end_session(request.work, request.actor, person_id, session_id)
