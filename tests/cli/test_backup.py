"""`banyan backup`: create, verify and restore as people and scripts call it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ops.writing import run
from tests.support.banyan import Child, House, run_banyan


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that PostgreSQL's user may enter, for root too."""
    with tempfile.TemporaryDirectory(prefix="bt-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def answer(child: Child) -> Any:
    assert child.process.returncode == 0, child.stderr
    return msgspec.json.decode(child.stdout)


async def test_a_community_moves_house(place: Path) -> None:
    """Backed up while it serves, checked, restored elsewhere, and served there with the same secrets."""
    house = House(place / "first")
    await house.start()
    try:
        made = await run_banyan(
            place, "backup", "create", "--data", str(house.directory), "--to", str(place / "b"), "--format", "json"
        )
        backup = answer(made)
        assert made.stderr == ""
        assert Path(backup["file"]).parent == place / "b"
    finally:
        await house.stop()
    checked = answer(await run_banyan(place, "backup", "verify", backup["file"], "--restore", "--format", "json"))
    assert (checked["restored"], checked["backup"]["rows"]) == (True, backup["rows"])
    assert checked["rpo_seconds"] > 0 and checked["rto_seconds"] > 0
    second = House(place / "second")
    restored = await run_banyan(place, "backup", "restore", backup["file"], "--data", str(second.directory))
    assert restored.process.returncode == 0, restored.stderr
    assert f"banyan up --data {second.directory}" in restored.stdout
    await second.start()
    try:
        assert (second.directory / "secrets" / "secret").read_text() == (
            house.directory / "secrets" / "secret"
        ).read_text()
        # The link that was printed before holds still: its digest came along.
        assert await run(second.database_url, "SELECT count(*) FROM accounts_first_admin") == 1
    finally:
        await second.stop()
    # One that does not run is started for its backup, and stopped again.
    again = answer(
        await run_banyan(
            place, "backup", "create", "--data", str(second.directory), "--to", str(place / "b"), "--format", "json"
        )
    )
    assert again["files"] == backup["files"]
    refused = await run_banyan(place, "backup", "restore", backup["file"], "--data", str(second.directory))
    assert refused.process.returncode == 1
    assert "is not empty" in refused.stderr
    damaged = place / "damaged.tar"
    damaged.write_bytes(Path(backup["file"]).read_bytes()[:-3000])
    refused = await run_banyan(place, "backup", "verify", str(damaged))
    assert (refused.process.returncode, "cannot be used" in refused.stderr) == (1, True)


async def test_unclear_orders_are_refused(place: Path) -> None:
    refused = await run_banyan(place, "backup", "restore", str(place / "none.tar"))
    assert (refused.process.returncode, "say where to" in refused.stderr) == (2, True)
    refused = await run_banyan(place, "backup", "create", "--data", str(place / "none"), "--to", str(place / "b"))
    assert (refused.process.returncode, "is no installation" in refused.stderr) == (1, True)
    assert not (place / "none").exists()
