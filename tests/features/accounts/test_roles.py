"""Roles: given and taken in every process at once, and never the last admin's."""

import asyncio
from uuid import UUID, uuid4

import pytest

from banyan.features.accounts.api import AccountsApi
from banyan.features.accounts.errors import AccountNotFound, LastAdmin
from banyan.features.accounts.models import Role
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for

accounts = AccountsApi()


async def set_role(api: Api, account_id: str, role: Role) -> Role:
    async with api.platform.pool.work() as work:
        return await accounts.set_role(work, UUID(account_id), role)


async def test_a_role_holds_in_every_process_at_once(api: Api, database_url: str) -> None:
    ada = await api.sign_up("ada")
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as second:
        there = Api(platform, second.http, ada.signed_in)
        assert (await there.get("/v1/me")).json()["role"] == "member"
        assert await set_role(api, ada.id, Role.ADMIN) is Role.MEMBER
        token = ada.signed_in["access_token"]
        principal = await api.platform.asgi._parts.verify_token(api.platform.pool.work(), token)  # type: ignore[attr-defined]
        assert principal.role == "admin"

        async def heard() -> bool:
            found = platform.asgi._parts.find_principal(token)  # type: ignore[attr-defined]
            return found is None or found.role == "admin"

        await eventually(heard)


async def test_the_last_admin_stays_one(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await set_role(api, ada.id, Role.ADMIN)
    with pytest.raises(LastAdmin):
        await set_role(api, ada.id, Role.MODERATOR)
    assert await set_role(api, ada.id, Role.ADMIN) is Role.ADMIN
    assert await set_role(api, ben.id, Role.SELLER) is Role.MEMBER
    assert await set_role(api, ben.id, Role.ADMIN) is Role.SELLER
    assert await set_role(api, ada.id, Role.MEMBER) is Role.ADMIN


async def test_two_admins_cannot_depose_each_other(api: Api) -> None:
    admins = [await api.sign_up(handle) for handle in ("ada", "ben", "cleo")]
    for admin in admins:
        await set_role(api, admin.id, Role.ADMIN)
    outcomes = await asyncio.gather(*(set_role(api, admin.id, Role.MEMBER) for admin in admins), return_exceptions=True)
    assert sum(isinstance(outcome, LastAdmin) for outcome in outcomes) == 1
    left = await api.platform.pool.work().value("SELECT count(*) FROM accounts_accounts WHERE role = 'admin'")
    assert left == 1


async def test_an_account_that_is_not_there(api: Api) -> None:
    with pytest.raises(AccountNotFound):
        await set_role(api, str(uuid4()), Role.MODERATOR)
