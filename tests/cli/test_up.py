"""`banyan up` as people run it: what it prints is true, what it refuses it explains."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.banyan import Child, House, run_banyan
from tests.support.eventually import eventually

DEMO = ("--demo", "--people", "12", "--posts", "30", "--connections", "3")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "data")
    yield house
    house.kill()


async def test_what_it_prints_is_true(house: House) -> None:
    await house.start(*DEMO)
    facts = house.facts
    async with httpx.AsyncClient(timeout=300) as http:
        for url in (facts.site_url, facts.app_url, facts.docs_url, facts.openapi_url, facts.metrics_url):
            assert (await http.get(url)).status_code == 200, url
        account = facts.demo_account
        assert account is not None and facts.mailbox_url is not None and facts.first_admin_url is not None
        credentials = {"email": account.email, "password": account.password}
        signed_in = await http.post(f"{house.url}/v1/auth/token", json=credentials)
        assert signed_in.json()["account"]["handle"] == account.handle
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        assert (await http.get(f"{house.url}/v1/feed", headers=bearer)).json()["items"]

        mailbox = f"{house.url}/dev/mailbox/messages"
        key = facts.mailbox_url.partition("#key=")[2]
        assert (await http.get(mailbox)).status_code == 404
        assert (await http.get(mailbox, headers={"X-Mailbox-Key": key})).status_code == 200

        admin = {
            "token": facts.first_admin_url.partition("#token=")[2],
            "email": "chief@example.org",
            "password": "a long enough password",
            "handle": "chief",
            "display_name": "Chief",
        }
        made = await http.post(f"{house.url}/v1/setup/first-admin", json=admin)
        assert made.json()["account"]["role"] == "admin"
        again = await http.post(f"{house.url}/v1/setup/first-admin", json=admin | {"handle": "second"})
        assert again.status_code == 410
    assert "is not finished" not in house.child.stderr
    async with house.connected() as connection:
        await connection.execute("UPDATE demo_builds SET step = 'tidy'")
    assert await house.stop() == 0

    await house.start()
    assert house.facts.first_admin_url is None, "there is an admin now"
    assert "A demo of 12 people was begun here and is not finished" in house.child.stderr
    assert await house.stop(signal.SIGTERM) == 0


async def test_a_public_address_is_not_where_this_machine_asks(house: House, tmp_path: Path) -> None:
    house.directory.mkdir()
    settings = "[http]\npublic_url = 'https://community.invalid'\n[backup]\nevery_hours = 24\n"
    (house.directory / "banyan.toml").write_text(settings)
    await house.start()
    assert house.facts.site_url == "https://community.invalid/"
    async with httpx.AsyncClient(timeout=300) as http:

        async def is_backed_up() -> bool:
            answer = await http.get(house.facts.metrics_url)
            assert answer.status_code == 200
            return "banyan_backup_last_timestamp_seconds 1." in answer.text

        await eventually(is_backed_up)
    child = await run_banyan(tmp_path, "status", "--data", str(house.directory), "--format", "json")
    assert child.process.returncode == 0, child.stderr
    status = json.loads(child.stdout)
    assert (status["ready"], status["backup_failing"]) == (True, False)
    assert status["last_backup_at"] and len(list((house.directory / "backups").glob("banyan-*.tar"))) == 1


async def test_the_table_keeps_its_addresses_whole(house: House, tmp_path: Path) -> None:
    words = ("up", "--data", str(house.directory), "--port", str(house.port))
    child = Child(tmp_path, *words, environment={"COLUMNS": "40"})
    try:
        await child.said(r"First admin +(http://\S+#token=\S+)  \(works once\)", on_stdout=True)
        await child.said(rf"Dev mailbox +{house.url}/dev/mailbox#key=\S{{20,}}\n", on_stdout=True)
        child.send(signal.SIGINT)
        assert await child.ended() == 0
    finally:
        child.kill()


async def test_a_second_one_on_the_same_directory(house: House, tmp_path: Path) -> None:
    await house.start()
    second = await run_banyan(tmp_path, "up", "--data", str(house.directory), "--port", "0")
    assert second.process.returncode == 1
    assert str(house.pid) in second.stderr and "Traceback" not in second.stderr


async def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child = await run_banyan(tmp_path, "up", "--data", str(tmp_path / "data"), "--port", str(port))
    assert child.process.returncode == 1
    assert str(port) in child.stderr and "Traceback" not in child.stderr


async def test_a_seed_that_the_database_cannot_keep(tmp_path: Path) -> None:
    child = await run_banyan(tmp_path, "up", "--demo", "--seed", "9" * 20, "--port", "0")
    assert child.process.returncode == 2
    assert "--seed" in child.stderr
    assert not (tmp_path / "banyan-data").exists()


async def test_a_setting_that_does_not_exist(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "banyan.toml").write_text("[comunity]\nname = 'Typo'\n")
    child = await run_banyan(tmp_path, "up", "--data", str(data), "--port", "0")
    assert child.process.returncode == 1
    assert "comunity" in child.stderr and "Traceback" not in child.stderr


async def test_ctrl_c_while_it_starts(house: House) -> None:
    house.begin()
    await house.child.said("PostgreSQL started")
    house.child.send(signal.SIGINT)
    assert await house.child.ended() in (0, 130)
    assert "Traceback" not in house.child.stderr
    # Whatever was cut off, the next start goes on from there.
    await house.start()
    assert await house.stop() == 0
