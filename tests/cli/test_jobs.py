"""`banyan jobs`: list, show, retry and drop, for people and for scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from banyan.cli.jobs import app
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.infra.database.work import Work
from banyan.kernel.ids import new_id

T = TypeVar("T")
DEAD, WAITING, RUNNING = (new_id() for _ in range(3))


def in_database(url: str, question: Callable[[Work], Awaitable[T]]) -> T:
    async def ask() -> T:
        pool = await Pool.open(DatabaseSettings(url=SecretStr(url)))
        try:
            async with pool.work() as work:
                return await question(work)
        finally:
            await pool.close()

    return asyncio.run(ask())


async def add(work: Work, id: UUID, state: str, key: str | None = None) -> None:
    running = state == "running"
    await work.write(
        "INSERT INTO jobs (id, kind, payload, key, priority, state, run_at, attempts, lease, lease_until, last_error)"
        " VALUES ($1, 'mail.Send', '{\"to\": \"ada@example.org\"}', $2, 1, $3, now(), 3, $4,"
        " CASE WHEN $4::uuid IS NULL THEN NULL ELSE now() END, 'ValueError: [bold]no[/]')",
        id,
        key,
        state,
        new_id() if running else None,
    )


@pytest.fixture
def url(database_url: str) -> str:
    """A database with one job in each state."""

    async def fill(work: Work) -> None:
        await add(work, DEAD, "dead")
        await add(work, WAITING, "waiting")
        await add(work, RUNNING, "running")

    in_database(database_url, fill)
    return database_url


def banyan_jobs(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--database-url", url], env={"COLUMNS": "200"})


def states(url: str) -> dict[UUID, tuple[str, int]]:
    async def read(work: Work) -> dict[UUID, tuple[str, int]]:
        rows = await work.rows("SELECT id, state, attempts FROM jobs")
        return {row["id"]: (row["state"], row["attempts"]) for row in rows}

    return in_database(url, read)


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return msgspec.json.decode(result.stdout)


def test_list_shows_all_or_some(url: str) -> None:
    jobs = answer(banyan_jobs(url, "list", "--format", "json"))
    assert [job["state"] for job in jobs] == ["running", "waiting", "dead"]
    assert "payload" not in jobs[0]
    assert (jobs[2]["id"], jobs[2]["priority"], jobs[2]["attempts"]) == (str(DEAD), "normal", 3)
    assert len(answer(banyan_jobs(url, "list", "--state", "dead", "--format", "json"))) == 1
    assert answer(banyan_jobs(url, "list", "--kind", "no.Such", "--format", "json")) == []
    assert len(answer(banyan_jobs(url, "list", "--limit", "2", "--format", "json"))) == 2
    table = banyan_jobs(url, "list").stdout
    assert str(DEAD) in table
    # An error's text is not taken for markup.
    assert "ValueError: [bold]no[/]" in table
    assert "ada@example.org" not in table


def test_show_gives_the_payload(url: str) -> None:
    job = answer(banyan_jobs(url, "show", str(DEAD), "--format", "json"))
    assert job["payload"] == {"to": "ada@example.org"}
    assert "ada@example.org" in banyan_jobs(url, "show", str(DEAD)).stdout
    gone = banyan_jobs(url, "show", str(new_id()))
    assert gone.exit_code == 1
    assert "there is no job" in gone.stderr


def test_retry_named_ones(url: str) -> None:
    result = banyan_jobs(url, "retry", str(DEAD), str(WAITING))
    assert result.exit_code == 0
    assert result.stdout == "2 jobs will run again\n"
    assert states(url) == {DEAD: ("waiting", 0), WAITING: ("waiting", 0), RUNNING: ("running", 3)}


def test_what_runs_is_left_alone(url: str) -> None:
    for command in ("retry", "drop"):
        result = banyan_jobs(url, command, str(RUNNING))
        assert result.exit_code == 1
        assert str(RUNNING) in result.stderr
    assert states(url)[RUNNING] == ("running", 3)


def test_retry_all_dead_next_to_newer_jobs_with_the_same_key(url: str) -> None:
    twins = [new_id() for _ in range(3)]

    async def fill(work: Work) -> None:
        await add(work, twins[0], "dead", "a")
        await add(work, twins[1], "waiting", "a")
        await add(work, twins[2], "dead", "b")

    in_database(url, fill)
    done = answer(banyan_jobs(url, "retry", "--all-dead", "--format", "json"))
    assert sorted(done) == sorted(map(str, (DEAD, twins[0], twins[2])))
    after = states(url)
    assert twins[0] not in after
    assert {state for state, _ in after.values()} == {"waiting", "running"}
    assert after[twins[2]] == ("waiting", 0)


def test_drop(url: str) -> None:
    assert banyan_jobs(url, "drop", str(WAITING)).stdout == "1 job dropped\n"
    assert answer(banyan_jobs(url, "drop", "--all-dead", "--format", "json")) == [str(DEAD)]
    assert list(states(url)) == [RUNNING]


@pytest.mark.parametrize("arguments", [["retry"], ["drop"], ["retry", str(DEAD), "--all-dead"], ["show", "12"]])
def test_unclear_orders_are_refused(url: str, arguments: list[str]) -> None:
    before = states(url)
    assert banyan_jobs(url, *arguments).exit_code == 2
    assert states(url) == before


def test_no_database_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = CliRunner().invoke(app, ["list", "--data", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "none runs for" in result.stderr
    assert "banyan up" in result.stderr


def test_a_database_that_does_not_answer_is_said_plainly(tmp_path: Path) -> None:
    result = banyan_jobs(f"postgresql://banyan@/none?host={tmp_path}", "list")
    assert result.exit_code == 1
    assert "Cannot connect to the database" in result.stderr
