"""Taking over accounts from a file: what goes in, what is refused by its line, and that it can be run again."""

import asyncio
import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import httpx
import pytest

from banyan.app import account_import
from banyan.app.account_import import ImportReport, import_accounts
from banyan.infra.auth import passwords
from banyan.infra.database.pool import Pool
from banyan.infra.settings import BadSettings
from tests.features.accounts.steps import code, sign_in
from tests.support.eventually import eventually
from tests.support.platform import Api

PASSWORD = "the password of long ago"
HASH = bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()

SALT = b"a salt for tests"


def line(name: str, **changes: Any) -> dict[str, Any]:
    fields = {"email": f"{name}@example.org", "handle": name, "display_name": name.title()}
    return fields | {"password_hash": HASH} | changes


def write_json(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return path


def write_csv(path: Path, lines: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list({name: None for one in lines for name in one}))
        writer.writeheader()
        writer.writerows(lines)
    return path


async def run(pool: Pool, path: Path, *, dry_run: bool = False) -> ImportReport:
    return await import_accounts(pool, path, lambda _: None, dry_run=dry_run)


async def count(pool: Pool) -> tuple[int, int]:
    work = pool.work()
    accounts = await work.value("SELECT count(*) FROM accounts_accounts")
    return accounts, await work.value("SELECT count(*) FROM people_people")


async def stored_hash(api: Api, handle: str) -> str:
    work = api.platform.pool.work()
    found: str = await work.value("SELECT password_hash FROM accounts_accounts WHERE email LIKE $1", f"{handle}@%")
    return found


@pytest.mark.parametrize("write", [write_json, write_csv])
async def test_imported_accounts_are_whole(api: Api, tmp_path: Path, write: Any) -> None:
    lines = [
        line("ada", email_verified="true", role="moderator", language="fr", created_at="2020-05-31T08:00:00+02:00"),
        line("ben", display_name='Ben "the\u00a0tree" Obi, jr'),
    ]
    report = await run(api.platform.pool, write(tmp_path / "people", lines))
    assert (report.made, report.there, report.refused) == (2, 0, [])
    given = (await sign_in(api, "ada", PASSWORD)).json()["account"]
    assert (given["role"], given["email_verified"], given["display_name"]) == ("moderator", True, "Ada")
    shown = (await api.get("/v1/people/ada")).json()
    assert shown["created_at"] == "2020-05-31T06:00:00Z"
    assert (await sign_in(api, "ben", PASSWORD)).json()["account"]["display_name"] == 'Ben "the\u00a0tree" Obi, jr'


@pytest.mark.parametrize(
    "stored",
    [
        HASH,
        "$2a$" + HASH[4:],
        "$2y$" + HASH[4:],
        argon2.PasswordHasher(1, 64, 1, type=argon2.Type.I).hash(PASSWORD, salt=SALT),
        argon2.PasswordHasher(1, 64, 1).hash(PASSWORD, salt=SALT),
    ],
)
async def test_the_first_sign_in_replaces_the_hash(api: Api, tmp_path: Path, stored: str) -> None:
    await run(api.platform.pool, write_json(tmp_path / "p", [line("ada", password_hash=stored)]))
    assert code(await sign_in(api, "ada", "another password")) == (401, "wrong_credentials")
    assert await stored_hash(api, "ada") == stored
    assert (await sign_in(api, "ada", PASSWORD)).status_code == 200
    ours = await stored_hash(api, "ada")
    assert ours.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert (await sign_in(api, "ada", PASSWORD)).status_code == 200
    assert await stored_hash(api, "ada") == ours


async def test_a_password_that_nobody_normalised(api: Api, tmp_path: Path) -> None:
    wide = "ｗｉｄｅ password"
    stored = bcrypt.hashpw(wide.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
    await run(api.platform.pool, write_json(tmp_path / "p", [line("ada", password_hash=stored)]))
    assert (await sign_in(api, "ada", wide)).status_code == 200
    assert (await sign_in(api, "ada", "wide password")).status_code == 200, "ours is normalised"


async def test_an_unknown_address_costs_what_its_neighbour_does(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(api.platform.pool, write_json(tmp_path / "p", [line("ada"), line("cleo")]))
    checked: list[str] = []

    def check(stored: str, password: str) -> bool:
        checked.append(stored)
        return False

    monkeypatch.setattr(passwords, "verify_bcrypt", check)
    for handle in ("ada", "ad", "adb", "cleo", "clen"):
        assert code(await sign_in(api, handle, PASSWORD)) == (401, "wrong_credentials")
    assert checked == [HASH] * 5


async def test_without_a_hash_nobody_gets_in_by_password(api: Api, tmp_path: Path) -> None:
    await run(api.platform.pool, write_json(tmp_path / "p", [line("ada", password_hash=None)]))
    assert code(await sign_in(api, "ada", PASSWORD)) == (401, "wrong_credentials")


async def test_each_wrong_line_is_told_and_the_others_go_in(api: Api, tmp_path: Path) -> None:
    await api.sign_up("taken")
    await api.sign_up("chief")
    wrong: list[tuple[Any, str | None, str]] = [
        (line("one_a1", email="no address"), "email", "name@example.org"),
        (line("x"), "handle", "3 to 30"),
        (line("one_a2", handle="admin"), "handle", "reserved"),
        (line("one_a3", display_name=""), "display_name", "At least 1"),
        (line("one_a4", password_hash="5f4dcc3b5aa765d61d8327deb882cf99"), "password_hash", "bcrypt"),
        (line("one_a5", email_verified="maybe"), "email_verified", "`true` or `false`"),
        (line("one_a6", role="owner"), "role", "member, seller"),
        (line("one_a7", created_at="yesterday"), "created_at", "ISO 8601"),
        (line("one_a8", created_at="2999-01-01"), "created_at", "between 1970 and now"),
        (line("one_a9", language="de"), "language", "en, fr, ar"),
        (line("one_b1", nickname="x"), None, "no field 'nickname'"),
        (line("one_b2", handle=7), None, "handle: text"),
        ([1, 2], None, "One JSON object"),
        (line("good2", email="GOOD@example.org"), "email", "Line 1 has"),
        (line("one_b4", handle="Good"), "handle", "Line 1 has"),
        (line("one_b5", handle="taken"), "handle", "taken"),
        (line("one_b6", email="chief@example.org"), "email", "another handle"),
        (line("one_b7", display_name="a\0b"), "display_name", "Control"),
    ]
    path = write_json(tmp_path / "p", [line("good"), *(one[0] for one in wrong), line("last")])
    report = await run(api.platform.pool, path)
    assert (report.made, report.there) == (2, 0)
    assert [refused.line for refused in report.refused] == list(range(2, len(wrong) + 2))
    for refused, (given, field, said) in zip(report.refused, wrong, strict=True):
        assert refused.field == field, given
        assert said in refused.detail, (given, refused)
    assert (await sign_in(api, "last", PASSWORD)).status_code == 200


async def test_broken_lines_of_a_csv(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    rows = [b"email,handle,display_name", b"a@example.org,ada,Ada", b"b@example.org,ben", b"", b'c@example.org,cle"o,C']
    path.write_bytes(b"\r\n".join([*rows, b"d@example.org,dan,D\xff", b'e@example.org,eve,"Eve\r\nand co"', b""]))
    report = await run(api.platform.pool, path)
    assert report.made == 1
    assert [(one.line, one.field) for one in report.refused] == [
        (3, None),
        (5, "handle"),
        (6, None),
        (7, "display_name"),
    ]
    assert "UTF-8" in report.refused[2].detail


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "email,handle\n", "email,email,handle,display_name\n", "[1]\n"])
async def test_a_file_of_another_kind(api: Api, tmp_path: Path, text: str) -> None:
    path = tmp_path / "p"
    path.write_text(text)
    with pytest.raises(BadSettings, match="names the columns"):
        await run(api.platform.pool, path)
    with pytest.raises(BadSettings, match="cannot be read"):
        await run(api.platform.pool, tmp_path / "nowhere")


async def test_a_dry_run_changes_nothing_and_says_the_same(api: Api, tmp_path: Path) -> None:
    path = write_json(tmp_path / "p", [line("ada"), line("ben"), line("x")])
    tried = await run(api.platform.pool, path, dry_run=True)
    assert await count(api.platform.pool) == (0, 0)
    done = await run(api.platform.pool, path)
    assert (tried.made, tried.there, tried.refused) == (done.made, done.there, done.refused)


async def test_run_again_it_only_adds_what_is_missing(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_import, "_BATCH", 3)
    path = write_json(tmp_path / "p", [line(f"ada{number}") for number in range(10)])

    def stop(reached: int) -> None:
        if reached >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await import_accounts(api.platform.pool, path, stop)
    assert await count(api.platform.pool) == (6, 6)
    assert (await sign_in(api, "ada0", PASSWORD)).status_code == 200
    ours = await stored_hash(api, "ada0")
    report = await run(api.platform.pool, path)
    assert (report.made, report.there, report.refused) == (4, 6, [])
    assert await count(api.platform.pool) == (10, 10)
    assert await stored_hash(api, "ada0") == ours, "what is there stays as it is"


async def test_two_at_once_and_a_sign_up_in_between(api: Api, tmp_path: Path) -> None:
    path = write_json(tmp_path / "p", [line(f"ada{number}") for number in range(30)])

    async def sign_up() -> httpx.Response:
        body = {"email": "else@example.org", "password": PASSWORD, "handle": "ada29", "display_name": "Else"}
        return await api.post("/v1/accounts", body)

    first, second, signed_up = await asyncio.gather(
        run(api.platform.pool, path), run(api.platform.pool, path), sign_up()
    )
    assert await count(api.platform.pool) == (30, 30)
    theirs = 1 if signed_up.status_code == 201 else 0
    assert first.made + second.made == 30 - theirs
    again = await run(api.platform.pool, path)
    assert (again.made, again.there, len(again.refused)) == (0, 30 - theirs, theirs)


async def test_killed_half_way_and_run_again(api: Api, database_url: str, tmp_path: Path) -> None:
    lines = 30_000
    path = write_json(tmp_path / "p", [line(f"ada{number}") for number in range(lines)])
    command = [sys.executable, "-m", "banyan", "accounts", "import", str(path), "--database-url", database_url]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def some_are_there() -> bool:
        return (await count(api.platform.pool))[0] > 0

    await eventually(some_are_there)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    accounts, people = await count(api.platform.pool)
    assert accounts == people
    done = await asyncio.to_thread(subprocess.run, [*command, "--format", "json"], capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["made"] + report["there"] == lines
    assert report["there"] >= accounts > 0
    assert await count(api.platform.pool) == (lines, lines)


async def test_the_command_tells_refused_lines_and_ends_with_1(api: Api, database_url: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [line("ada"), line("x")])
    command = [sys.executable, "-m", "banyan", "accounts", "import", str(path), "--database-url", database_url]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "line 3: handle: 3 to 30" in done.stderr
    assert done.stdout == "1 made, 0 there already, 1 refused\n"
