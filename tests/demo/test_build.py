"""Demo communities on a real database: what was planned is what the services show, also after interruptions."""

import asyncio
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from banyan.app.wiring import Platform
from banyan.demo import steps
from banyan.demo.build import BuiltElsewhere, NotEmpty, OtherEdition
from banyan.demo.size import CommunitySize
from banyan.infra.database.work import Work
from banyan.kernel.ids import id_time
from tests.demo.community import (
    PASSWORD,
    SIZE,
    build,
    check_community,
    get_build,
    platform_on,
    whole_feed,
)
from tests.support.platform import api_of, running_platform, settings_for
from tests.support.postgres import Templates


async def test_the_community_is_what_was_planned(database_url: str) -> None:
    async with platform_on(database_url) as platform:
        email, handle = await build(platform)
        await check_community(platform, readers=60)
        assert email == f"{handle}@demo.example"


async def test_one_account_can_sign_in(database_url: str) -> None:
    async with platform_on(database_url) as platform:
        email, handle = await build(platform)
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        answer = await api.post("/v1/auth/token", {"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert answer.json()["account"]["handle"] == handle
        async with platform.pool.connection() as connection:
            with_password = await connection.fetchval(
                "SELECT count(*) FROM accounts_accounts WHERE password_hash <> ''"
            )
        assert with_password == 1


async def test_building_twice_changes_nothing(database_url: str) -> None:
    async with platform_on(database_url) as platform:
        first = await build(platform)
        made = await get_build(platform)
    async with platform_on(database_url) as platform:
        output = io.StringIO()
        assert await build(platform, output=output) == first
        assert output.getvalue() == ""
        other = CommunitySize(people=90, posts=10, connections=3, seed=9)
        assert await build(platform, other, output) == first
        assert "already" in output.getvalue()
        assert await get_build(platform) == made
        await check_community(platform)


@pytest.fixture
def other_database_url(templates: Templates) -> Iterator[str]:
    with templates.clone() as url:
        yield url


async def test_the_same_seed_makes_the_same_community_with_other_ids(
    database_url: str, other_database_url: str
) -> None:
    seen = []
    for url in (database_url, other_database_url):
        async with platform_on(url) as platform:
            await build(platform)
            start = (await get_build(platform)).started_at
            async with platform.pool.connection() as connection:
                people = await connection.fetch("SELECT id, handle, display_name FROM people_people ORDER BY handle")
                posts = await connection.fetch("SELECT id, body, audience, created_at FROM posts_posts ORDER BY id")
        seen.append(
            (
                [(row["handle"], row["display_name"]) for row in people],
                [(row["body"], row["audience"], start - row["created_at"]) for row in posts],
                {row["id"] for row in [*people, *posts]},
            )
        )
    assert seen[0][:2] == seen[1][:2]
    assert not seen[0][2] & seen[1][2]


async def test_ids_and_times_tell_the_same(database_url: str) -> None:
    async with platform_on(database_url) as platform:
        await build(platform)
        async with platform.pool.connection() as connection:
            for table in ("people_people", "posts_posts", "posts_comments"):
                for row in await connection.fetch(f"SELECT id, created_at FROM {table}"):
                    assert id_time(row["id"]) == row["created_at"]


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("kind", steps.STEPS)
@pytest.mark.parametrize("when", ["first", "later", "finish"])
async def test_an_interrupted_build_is_finished(
    database_url: str, monkeypatch: pytest.MonkeyPatch, kind: type[steps.Step[Any]], when: str
) -> None:
    monkeypatch.setattr(kind, "batch", 23)
    calls = 0
    write, finish = kind.write, kind.finish

    async def fail_to_write(self: steps.Step[Any], work: Work, items: Any) -> None:
        nonlocal calls
        calls += 1
        await write(self, work, items)
        if calls == {"first": 1, "later": 3}.get(when):
            raise Interrupted

    async def fail_to_finish(self: steps.Step[Any], work: Work) -> None:
        await finish(self, work)
        if when == "finish":
            raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(kind, "write", fail_to_write)
        patched.setattr(kind, "finish", fail_to_finish)
        with pytest.raises(Interrupted):
            async with platform_on(database_url) as platform:
                await build(platform)
    async with platform_on(database_url) as platform:
        begun = await get_build(platform)
        assert (begun.step, begun.done > 0) == (kind.name, when != "first")
        output = io.StringIO()
        # What was begun is finished, whatever is asked for now.
        await build(platform, CommunitySize(people=3, posts=3, connections=1, seed=1), output)
        assert "is finished first" in output.getvalue()
        await check_community(platform)
        assert (await get_build(platform)).step == ""


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_build_survives_being_killed(database_url: str, seed: int) -> None:
    random = Random(seed)
    program = (
        f"import asyncio\nfrom tests.demo import community\nasyncio.run(community.build_until_killed({database_url!r}))"
    )
    kills = 0
    for _ in range(4):
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        # It tells of each step; the kill falls into the one after.
        for _ in range(random.randrange(4)):
            await child.stdout.readline()
        await asyncio.sleep(0.1 * random.random())
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        await child.communicate()
        kills += child.returncode == -signal.SIGKILL
    async with platform_on(database_url) as platform:
        await build(platform)
        await check_community(platform)
    assert kills


async def test_only_an_empty_installation_is_filled(database_url: str) -> None:
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        await api.sign_up("ada")
        with pytest.raises(NotEmpty, match="people here already"):
            await build(platform)
        async with platform.pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM demo_builds") == 0


async def interrupted(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: object, work: Work, items: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(steps.WritePosts, "write", fail)
        with pytest.raises(Interrupted):
            await build(platform)


async def test_another_version_does_not_go_on(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with platform_on(database_url) as platform:
        await interrupted(platform, monkeypatch)
        async with platform.pool.connection() as connection:
            await connection.execute("UPDATE demo_builds SET edition = 'old'")
        with pytest.raises(OtherEdition, match="Delete the data directory"):
            await build(platform)


async def test_two_builders_do_not_both_write(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with platform_on(database_url) as platform:
        await interrupted(platform, monkeypatch)
        outcomes = await asyncio.gather(build(platform), build(platform), return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(error, BuiltElsewhere) for error in failed)
        assert len(failed) <= 1
        await check_community(platform)


async def test_homes_keep_the_newest_and_feeds_go_on_below(database_url: str) -> None:
    size = CommunitySize(people=6, posts=1_500, connections=5, seed=2)
    async with platform_on(database_url) as platform:
        await build(platform, size)
        async with platform.pool.connection() as connection:
            rows = await connection.fetch("SELECT person_id, count(*) FROM posts_home GROUP BY person_id")
        assert {row["count"] for row in rows} == {500}
        assert len(await whole_feed(platform, rows[0]["person_id"])) > 1_400
        await check_community(platform, size, readers=2)


@pytest.mark.parametrize("size", [(1, 5, 3), (2, 0, 0), (3, 1, 2)])
async def test_the_smallest_communities(database_url: str, size: tuple[int, int, int]) -> None:
    people, posts, connections = size
    small = CommunitySize(people=people, posts=posts, connections=connections, seed=1)
    async with platform_on(database_url) as platform:
        await build(platform, small)
        await check_community(platform, small)


async def test_steps_are_told_in_lines(database_url: str) -> None:
    output = io.StringIO()
    async with platform_on(database_url) as platform:
        await build(platform, output=output)
    told = output.getvalue()
    for kind in steps.STEPS:
        assert f"{kind.title}: " in told
    assert "400 posts in " in told
    assert f"{SIZE.people} people in " in told
