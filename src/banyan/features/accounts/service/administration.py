"""What operators see of accounts and do to them. Each reading and each action is audited in its own transaction."""

from collections.abc import Sequence
from uuid import UUID

from banyan.features.accounts.emails import read_address
from banyan.features.accounts.errors import AccountNotFound, LastAdmin, NotDeleting, SessionNotFound
from banyan.features.accounts.models import (
    SUSPENSION_REASON_MAX_CHARS,
    AccountState,
    ManagedPerson,
    ManagedPersonDetails,
    ManagedSession,
    PeopleFilter,
    PersonNames,
    Role,
    SendPasswordReset,
)
from banyan.features.accounts.person import PeopleDirectory
from banyan.features.accounts.queries import administration as queries
from banyan.features.accounts.queries import roles as role_queries
from banyan.features.accounts.queries import sessions as session_queries
from banyan.features.accounts.queries import verification as verification_queries
from banyan.features.accounts.queries.administration import AccountRow, AccountUse, Match
from banyan.features.accounts.service import roles
from banyan.features.accounts.service.deletions import Deletions
from banyan.features.accounts.service.lockout import Lockout
from banyan.features.accounts.service.passwords import PasswordChanges
from banyan.features.accounts.service.second_factor import SecondFactor
from banyan.infra.audit.models import Actor
from banyan.infra.audit.trail import record
from banyan.infra.auth.api_keys import API_KEYS_TOPIC
from banyan.infra.auth.tokens import SESSIONS_TOPIC
from banyan.infra.database.work import Work
from banyan.kernel.errors import Invalid
from banyan.kernel.pages import Page, cut_page, decode_cursor
from banyan.kernel.text import check_lines

# People whose name matches are found so many at a time, and their accounts among them.
_MATCHES_AT_ONCE = 1_000
_QUERY_MAX_CHARS = 100
_PERSON = "person"
_NO_NAMES = PersonNames("", "")


class Administration:
    """Whoever calls has made sure that `actor` is an operator. All that takes a person raises AccountNotFound."""

    def __init__(
        self,
        directory: PeopleDirectory,
        lockout: Lockout,
        passwords: PasswordChanges,
        second_factor: SecondFactor,
        deletions: Deletions,
    ) -> None:
        self._directory = directory
        self._second_factor = second_factor
        self._passwords = passwords
        self._lockout = lockout
        self._deletions = deletions

    async def list_people(
        self, work: Work, actor: Actor, wanted: PeopleFilter, limit: int, cursor: str | None
    ) -> Page[ManagedPerson]:
        """Newest first. Raises Invalid."""
        query = (wanted.query or "").strip()
        if len(query) > _QUERY_MAX_CHARS or "\0" in query:
            raise Invalid.field("query", "invalid", f"At most {_QUERY_MAX_CHARS} characters.")
        rows = await self._list_accounts(work, query, wanted, decode_cursor(cursor), limit + 1)
        names = await self._directory.list_names(work, [row.id for row in rows])
        record(work, actor, "people.list", query=query or None, role=wanted.role, state=wanted.state)
        return cut_page([_managed(row, names) for row in rows], limit, lambda person: person.id)

    async def get_person(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        person = await self._get_details(work, person_id)
        record(work, actor, "people.read", _PERSON, person_id)
        return person

    async def find_person(self, work: Work, text: str) -> UUID:
        """Who is meant by an id, a handle or an e-mail address. Raises AccountNotFound."""
        if "@" in text.removeprefix("@"):
            found = await queries.find_id_by_email(work, read_address(text).key)
        else:
            handle = text.removeprefix("@").lower()
            found = _read_id(text) or await self._directory.find_id(work, handle)
            found = found or await self._find_hidden(work, handle)
        if found is None:
            raise AccountNotFound(f"There is nobody with the id, handle or e-mail address {text}.")
        return found

    async def set_role(self, work: Work, actor: Actor, person_id: UUID, role: Role) -> ManagedPersonDetails:
        """Holds in every process within a second. Raises LastAdmin."""
        before = await roles.set_role(work, person_id, role)
        record(work, actor, "people.set_role", _PERSON, person_id, before=before, after=role)
        return await self._get_details(work, person_id)

    async def suspend(self, work: Work, actor: Actor, person_id: UUID, reason: str) -> ManagedPersonDetails:
        """Ends all sessions, and no other can be opened. Raises LastAdmin, Invalid."""
        reason = check_lines(reason, "reason", max_chars=SUSPENSION_REASON_MAX_CHARS)
        # The admins first, as whoever takes a role does: two at once would deadlock, or both succeed.
        if await role_queries.lock_admins(work) == [person_id]:
            raise LastAdmin("Make somebody else an admin first.")
        await self._lock(work, person_id)
        await queries.set_suspension(work, person_id, reason)
        _announce(work, await queries.end_all_sessions(work, person_id))
        work.announce(API_KEYS_TOPIC, str(person_id))
        record(work, actor, "people.suspend", _PERSON, person_id, reason=reason)
        return await self._get_details(work, person_id)

    async def unsuspend(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        """The account can be signed in to again; its sessions stay ended."""
        account = await self._lock(work, person_id)
        await queries.set_suspension(work, person_id, None)
        record(work, actor, "people.unsuspend", _PERSON, person_id, reason=account.suspended_reason)
        return await self._get_details(work, person_id)

    async def start_deletion(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        """As if the owner had asked for it: hidden at once, erased after the grace period. Raises LastAdmin."""
        deletion = await self._deletions.start_deletion(work, person_id)
        record(work, actor, "people.delete", _PERSON, person_id, deletes_at=deletion.deletes_at.isoformat())
        return await self._get_details(work, person_id)

    async def restore(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        """Takes a deletion back, while it can be. Raises NotDeleting."""
        await self._lock(work, person_id)
        if not await self._deletions.restore(work, person_id):
            raise NotDeleting("There is nothing to take back, or it is too late.")
        record(work, actor, "people.restore", _PERSON, person_id)
        return await self._get_details(work, person_id)

    async def verify_email(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        """The address counts as proven from now on."""
        account = await self._lock(work, person_id)
        await verification_queries.mark_verified(work, person_id)
        record(work, actor, "people.verify_email", _PERSON, person_id, before=account.email_verified)
        return await self._get_details(work, person_id)

    async def lift_lockout(self, work: Work, actor: Actor, person_id: UUID) -> ManagedPersonDetails:
        """Failed sign-ins so far count no more."""
        use = await self._get_use(work, person_id)
        await self._lockout.lift(work, self._lockout.key(use.email_key))
        record(work, actor, "people.lift_lockout", _PERSON, person_id)
        return await self._get_details(work, person_id)

    async def send_reset(self, work: Work, actor: Actor, person_id: UUID) -> None:
        """Mails the owner a link to a new password."""
        use = await self._get_use(work, person_id)
        work.enqueue(SendPasswordReset(use.email_key), key=use.email_key)
        record(work, actor, "people.send_password_reset", _PERSON, person_id)

    async def make_reset_link(self, work: Work, actor: Actor, person_id: UUID) -> str:
        """A link to a new password, to be handed over: whoever has it has the account."""
        await self._get_use(work, person_id)
        record(work, actor, "people.make_reset_link", _PERSON, person_id)
        return await self._passwords.make_reset_link(work, person_id)

    async def turn_off_second_factor(self, work: Work, actor: Actor, person_id: UUID) -> None:
        """For who has lost device and recovery codes; the owner is told by mail. Raises TotpNotEnabled."""
        await self._get_use(work, person_id)
        await self._second_factor.remove(work, person_id)
        record(work, actor, "people.turn_off_second_factor", _PERSON, person_id)

    async def list_sessions(
        self, work: Work, actor: Actor, person_id: UUID, limit: int, cursor: str | None
    ) -> Page[ManagedSession]:
        """Where the person is signed in, newest first."""
        if await queries.find_account(work, person_id) is None:
            raise AccountNotFound
        rows = await session_queries.list_sessions(work, person_id, decode_cursor(cursor), limit + 1)
        record(work, actor, "people.list_sessions", _PERSON, person_id)
        sessions = [ManagedSession(row.id, row.created_at, row.last_used_at, row.user_agent, row.ip) for row in rows]
        return cut_page(sessions, limit, lambda session: session.id)

    async def end_session(self, work: Work, actor: Actor, person_id: UUID, session_id: UUID) -> None:
        """Raises SessionNotFound."""
        if not await session_queries.end_session(work, person_id, session_id):
            raise SessionNotFound
        _announce(work, [session_id])
        record(work, actor, "people.end_session", _PERSON, person_id, session_id=session_id)

    async def end_sessions(self, work: Work, actor: Actor, person_id: UUID) -> int:
        """All of them; how many there were."""
        await self._lock(work, person_id)
        ended = await queries.end_all_sessions(work, person_id)
        _announce(work, ended)
        record(work, actor, "people.end_sessions", _PERSON, person_id, ended=len(ended))
        return len(ended)

    async def count(self, work: Work) -> dict[str, int]:
        """Accounts by role and state, live sessions, sign-ups that wait."""
        return await queries.count_accounts(work)

    async def _find_hidden(self, work: Work, handle: str) -> UUID | None:
        """Somebody who is being deleted: others do not find them by their handle any more."""
        ids = await self._directory.search(work, handle, None, _MATCHES_AT_ONCE)
        names = await self._directory.list_names(work, ids)
        return next((id for id, name in names.items() if name.handle == handle), None)

    async def _lock(self, work: Work, person_id: UUID) -> AccountRow:
        """The account, which nobody else changes meanwhile."""
        account = await queries.lock_account(work, person_id)
        if account is None:
            raise AccountNotFound
        return account

    async def _get_use(self, work: Work, person_id: UUID) -> AccountUse:
        use = await queries.find_use(work, person_id)
        if use is None:
            raise AccountNotFound
        return use

    async def _get_details(self, work: Work, person_id: UUID) -> ManagedPersonDetails:
        account = await queries.find_account(work, person_id)
        if account is None:
            raise AccountNotFound
        use = await self._get_use(work, person_id)
        person = _managed(account, await self._directory.list_names(work, [person_id]))
        return ManagedPersonDetails(
            **{name: getattr(person, name) for name in ManagedPerson.__struct_fields__},
            language=use.language,
            live_sessions=use.live_sessions,
            last_used_at=use.last_used_at,
            locked_until=await self._lockout.find_end(work, self._lockout.key(use.email_key)),
        )

    async def _list_accounts(
        self, work: Work, query: str, wanted: PeopleFilter, before: UUID | None, limit: int
    ) -> list[AccountRow]:
        if not query:
            return await queries.list_accounts(
                work, None, wanted.role, wanted.state, before=before, from_id=None, limit=limit
            )
        found: list[AccountRow] = []
        while True:
            ids = await self._directory.search(work, query, before, _MATCHES_AT_ONCE)
            # Below the last of them there may be more whose name matches: they belong to the next round.
            last = ids[-1] if len(ids) == _MATCHES_AT_ONCE else None
            match = Match(ids, query.casefold())
            found += await queries.list_accounts(
                work, match, wanted.role, wanted.state, before=before, from_id=last, limit=limit - len(found)
            )
            if last is None or len(found) == limit:
                return found
            before = last


def _managed(row: AccountRow, names: dict[UUID, PersonNames]) -> ManagedPerson:
    # What is left of an erased person has no name.
    name = names.get(row.id, _NO_NAMES)
    return ManagedPerson(
        id=row.id,
        handle=name.handle,
        display_name=name.display_name,
        email=row.email,
        email_verified=row.email_verified,
        role=row.role,
        state=_state(row),
        created_at=row.created_at,
        suspended_at=row.suspended_at,
        suspended_reason=row.suspended_reason,
        deletes_at=row.deletes_at,
    )


def _state(row: AccountRow) -> AccountState:
    if row.deletes_at is not None:
        return AccountState.DELETING
    return AccountState.ACTIVE if row.suspended_at is None else AccountState.SUSPENDED


def _announce(work: Work, session_ids: Sequence[UUID]) -> None:
    if session_ids:
        work.announce(SESSIONS_TOPIC, *map(str, session_ids))


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
