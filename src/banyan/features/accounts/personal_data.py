"""What export and deletion of a person mean for accounts."""

from typing import Any
from uuid import UUID

from banyan.features.accounts.service.api_keys import ApiKeys
from banyan.features.accounts.service.deletions import AccountEraser
from banyan.features.accounts.service.invites import Invites
from banyan.features.accounts.service.own import find_own_account
from banyan.features.accounts.service.sessions import Sessions
from banyan.infra.database.work import Work
from banyan.infra.declare import DataSection, PersonalData
from banyan.kernel.pages import MAX_LIMIT, Page

_NO_SESSION = UUID(int=0)


def personal_data(sessions: Sessions, invites: Invites, api_keys: ApiKeys, eraser: AccountEraser) -> PersonalData:
    async def read_account(work: Work, account_id: UUID, cursor: str | None) -> Page[Any]:
        account = await find_own_account(work, account_id)
        return Page([] if account is None else [account])

    async def read_sessions(work: Work, account_id: UUID, cursor: str | None) -> Page[Any]:
        return await sessions.list_sessions(work, account_id, _NO_SESSION, MAX_LIMIT, cursor)

    async def read_invites(work: Work, account_id: UUID, cursor: str | None) -> Page[Any]:
        return await invites.list_invites(work, account_id, MAX_LIMIT, cursor)

    async def read_keys(work: Work, account_id: UUID, cursor: str | None) -> Page[Any]:
        return await api_keys.list_keys(work, account_id, MAX_LIMIT, cursor)

    return PersonalData(
        feature="accounts",
        sections=(
            DataSection("account", "Account", read_account),
            DataSection("sessions", "Where you are signed in", read_sessions),
            DataSection("api_keys", "API keys", read_keys),
            DataSection("invites", "Invitations", read_invites),
        ),
        erase=eraser.erase,
    )
