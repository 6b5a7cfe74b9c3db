"""`banyan admin`: the same as /v1/admin from the shell, audited under the shell user's name."""

import asyncio
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from os import getuid
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from typer.testing import CliRunner

from banyan.cli.admin import app
from tests.features.accounts.authenticator import turn_on
from tests.features.accounts.steps import code, holds, sign_in
from tests.support.banyan import Child, run_banyan
from tests.support.platform import Api, api_of, running_platform, settings_for

T = TypeVar("T")
USER = pwd.getpwuid(getuid()).pw_name


@pytest.fixture
async def ada(api: Api) -> AsyncIterator[Api]:
    """A member of a running platform."""
    yield await api.sign_up("ada")


@pytest.fixture
def invoke(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Child]]:
    """Calls `banyan admin` on the database of `api`, in a process of its own."""
    monkeypatch.delenv("SUDO_USER", raising=False)

    async def call(*words: str) -> Child:
        return await run_banyan(tmp_path, "admin", *words, "--data", str(tmp_path), "--database-url", database_url)

    return call


Invoke = Callable[..., Awaitable[Child]]


def answer(result: Child) -> Any:
    assert result.process.returncode == 0, result.stderr
    return msgspec.json.decode(result.stdout)


def refusal(result: Child) -> str:
    """What a command with status 1 says."""
    assert result.process.returncode == 1, result.stdout
    return result.stderr


async def ask(invoke: Invoke, *words: str) -> Any:
    return answer(await invoke(*words, "--format", "json"))


async def test_people_are_listed_and_shown(ada: Api, invoke: Invoke) -> None:
    await ada.sign_up("bola")
    assert [one["handle"] for one in await ask(invoke, "people", "list")] == ["bola", "ada"]
    assert await ask(invoke, "people", "list", "--role", "admin") == []
    table = (await invoke("people", "list", "--query", "AD")).stdout
    assert "ada@example.org" in table and "bola" not in table
    assert (await ask(invoke, "people", "show", "ADA@example.org"))["handle"] == "ada"
    assert "nobody_here" in refusal(await invoke("people", "show", "nobody_here"))


async def test_a_person_is_found_by_handle_address_and_id(ada: Api) -> None:
    async with ada.platform.pool.work() as work:
        for who in ("ada", "@Ada", "ADA@example.org", ada.id):
            assert str(await ada.platform.features.administration.find_person(work, who)) == ada.id


async def test_a_suspension_from_the_shell_holds_in_the_running_server(ada: Api, api: Api, invoke: Invoke) -> None:
    assert (await ada.get("/v1/me")).status_code == 200
    person = await ask(invoke, "people", "suspend", "ada", "--reason", "Spam")
    assert (person["state"], person["suspended_reason"], person["live_sessions"]) == ("suspended", "Spam", 0)
    async with asyncio.timeout(300):
        while (await ada.get("/v1/me")).status_code != 401:
            await asyncio.sleep(0.05)
    assert code(await sign_in(api, "ada")) == (403, "account_suspended")
    assert (await ask(invoke, "people", "unsuspend", "ada"))["state"] == "active"
    assert await holds(api, await sign_in(api, "ada"))


async def test_a_role_from_the_shell_holds_in_the_running_server(ada: Api, invoke: Invoke) -> None:
    assert (await ada.get("/v1/admin/jobs")).status_code == 403
    assert (await ask(invoke, "people", "set-role", "ada", "admin"))["role"] == "admin"
    async with asyncio.timeout(300):
        while (await ada.get("/v1/admin/jobs")).status_code != 200:
            await asyncio.sleep(0.05)
    assert "somebody else" in refusal(await invoke("people", "set-role", "ada", "member"))
    entries = (await ada.get("/v1/admin/audit")).json()["items"]
    assert [(entry["via"], entry["via_id"], entry["account_id"]) for entry in entries] == [("shell", USER, None)]
    assert entries[0]["details"] == {"before": "member", "after": "admin"}


async def test_a_deletion_is_begun_and_taken_back(ada: Api, invoke: Invoke) -> None:
    assert (await ask(invoke, "people", "delete", "ada"))["state"] == "deleting"
    assert (await ask(invoke, "people", "restore", "@Ada"))["state"] == "active"
    assert "too late" in refusal(await invoke("people", "restore", "ada"))


async def test_sessions_are_listed_and_ended(ada: Api, api: Api, invoke: Invoke) -> None:
    second = await sign_in(api, "ada")
    sessions = await ask(invoke, "people", "sessions", "ada")
    assert len(sessions) == 2
    assert await ask(invoke, "people", "end-sessions", "ada", "--session", sessions[0]["id"]) == {"ended": 1}
    assert (await invoke("people", "end-sessions", "ada")).stdout == "1 session ended\n"
    async with asyncio.timeout(300):
        while await holds(api, second):
            await asyncio.sleep(0.05)
    assert (await ada.get("/v1/me")).status_code == 401


async def test_a_link_to_a_new_password_works(ada: Api, api: Api, invoke: Invoke) -> None:
    link = (await ask(invoke, "people", "reset-password-link", "ada"))["url"]
    token = link.partition("#token=")[2]
    body = {"token": token, "password": "quite another password"}
    assert (await api.post("/v1/auth/password-reset/confirm", body)).status_code == 204
    assert (await sign_in(api, "ada", "quite another password")).status_code == 200
    assert token not in str(await ask(invoke, "audit"))


async def test_a_second_factor_is_turned_off(ada: Api, api: Api, invoke: Invoke) -> None:
    assert "It is off" in refusal(await invoke("people", "totp-off", "ada"))
    await turn_on(ada)
    assert (await sign_in(api, "ada")).status_code == 401
    assert await ask(invoke, "people", "totp-off", "ada") == {"second_factor": "off"}
    assert (await sign_in(api, "ada")).status_code == 200


async def test_a_link_for_the_first_admin(ada: Api, api: Api, invoke: Invoke) -> None:
    link = (await ask(invoke, "first-admin-link"))["url"]
    body = {"email": "chief@example.org", "password": "quite another password", "handle": "chief"}
    answer = await api.post(
        "/v1/setup/first-admin", {**body, "display_name": "Chief", "token": link.partition("#token=")[2]}
    )
    assert answer.status_code == 201
    assert "there is an admin already" in refusal(await invoke("first-admin-link"))


async def test_the_audit_log_is_shown_and_checked(ada: Api, invoke: Invoke) -> None:
    await invoke("people", "verify-email", "ada")
    await invoke("people", "show", "ada")
    entries = await ask(invoke, "audit", "--action", "people.", "--via", "shell", "--subject", ada.id)
    assert [entry["action"] for entry in entries] == ["people.read", "people.verify_email"]
    assert f"shell: {USER}" in (await invoke("audit")).stdout
    state = await ask(invoke, "audit", "--verify")
    assert (state["entries"], state["broken_at"]) == (2, None)
    async with ada.platform.pool.connection() as connection:
        await connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
        await connection.execute("UPDATE audit_entries SET via_id = 'other' WHERE seq = 1")
    assert "entry 1 does not follow" in refusal(await invoke("audit", "--verify"))


async def test_counts(ada: Api, invoke: Invoke) -> None:
    counts = await ask(invoke, "counts")
    assert (counts["people"], counts["accounts.member"]) == (1, 1)


def test_a_way_that_does_not_exist_is_refused() -> None:
    result = CliRunner().invoke(app, ["audit", "--via", "nowhere"])
    assert (result.exit_code, "session, api_key and shell" in result.stderr) == (2, True)


def test_settings_need_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANYAN_MAIL__PASSWORD", "hush")
    (tmp_path / "banyan.toml").write_text('[community]\nname = "Town"\n')
    result = CliRunner().invoke(app, ["settings", "--data", str(tmp_path), "--format", "json"])
    settings = {one["name"]: one for one in msgspec.json.decode(result.stdout)}
    assert settings["community.name"]["value"] == "Town"
    assert (settings["mail.password"]["value"], settings["mail.password"]["source"]) == ("***", "environment")
    assert "hush" not in result.stdout
    assert "community.name" in CliRunner().invoke(app, ["settings", "--data", str(tmp_path)]).stdout


def test_no_database_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = CliRunner().invoke(app, ["people", "list", "--data", str(tmp_path / "none")])
    assert (result.exit_code, "none runs for" in result.stderr) == (1, True)


async def test_a_lockout_is_lifted_with_the_secrets_of_the_data_directory(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret").write_text("s" * 43)
    settings = settings_for(database_url, accounts={"lockout_failures": 2})
    async with running_platform(settings) as platform, api_of(platform) as api:
        await api.sign_up("ada")
        for _ in range(2):
            await sign_in(api, "ada", "another password")
        assert code(await sign_in(api, "ada")) == (429, "locked_out")
        place = ("--data", str(tmp_path), "--database-url", database_url)
        result = await run_banyan(tmp_path, "admin", "people", "lift-lockout", "ada", *place)
        assert result.process.returncode == 0, result.stderr
        assert (await sign_in(api, "ada")).status_code == 200


def test_a_lockout_that_cannot_be_found_is_not_said_to_be_lifted(database_url: str, tmp_path: Path) -> None:
    place = ["--data", str(tmp_path), "--database-url", database_url]
    result = CliRunner().invoke(app, ["people", "lift-lockout", "ada", *place])
    assert (result.exit_code, "holds no secret" in result.stderr) == (1, True)
