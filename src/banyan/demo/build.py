"""Builds a demo community into an empty installation, once; what a kill leaves half done the next call finishes."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from msgspec import structs
from rich.console import Console

from banyan.app.wiring import Platform
from banyan.demo.plan import Plan
from banyan.demo.progress import ProgressLog
from banyan.demo.queries import Build, find_build, insert_build, move_on
from banyan.demo.size import CommunitySize
from banyan.demo.steps import STEPS, Blueprint, Step, email_of
from banyan.infra.auth.passwords import Passwords
from banyan.infra.database.connect import connect
from banyan.infra.database.work import Work
from banyan.kernel.clock import now
from banyan.ops.errors import OpsError

T = TypeVar("T")

# After the steps that write: PostgreSQL's own housekeeping, so that the first reader does not pay for it.
_TIDY = "tidy"
_FINISHED = ""
_ORDER = (*(step.name for step in STEPS), _TIDY, _FINISHED)


class NotEmpty(OpsError):
    title: ClassVar[str] = "This installation has people already"


class OtherEdition(OpsError):
    title: ClassVar[str] = "The demo was begun by another version"


class BuiltElsewhere(OpsError):
    title: ClassVar[str] = "Another process is building the demo"


async def build_demo(
    platform: Platform, size: CommunitySize, password: str, console: Console, *, plain: bool = False
) -> tuple[str, str]:
    """E-mail and handle of the account to sign in with by `password`.

    Does nothing where the demo is there already, whatever its size. `plain` shows lines instead of bars.
    Raises NotEmpty, OtherEdition, BuiltElsewhere.
    """
    log = ProgressLog(console, plain=plain)
    build = await _find_or_begin(platform, size)
    if not build.is_finished:
        if build.edition != _edition():
            raise OtherEdition(
                "A demo was begun here by another version and cannot be finished. Delete the data directory, "
                "or name another one with --data."
            )
        if build.size != size or build.done or build.step != _ORDER[0]:
            log.note(f"A demo of {build.people:,} people was begun here: it is finished first.")
        await _Builder(platform, log, build, password).run()
    elif build.size != size:
        log.note(f"There is a demo here already, of {build.people:,} people from seed {build.seed}: it stays.")
    return build.email, build.handle


async def _find_or_begin(platform: Platform, size: CommunitySize) -> Build:
    async with platform.pool.work() as work:
        build = await find_build(work)
    if build is not None:
        return build
    plan = Plan(size)
    handle = plan.people[plan.host].handle
    started_at = now()
    build = Build(
        seed=size.seed,
        people=size.people,
        posts=size.posts,
        connections=size.connections,
        edition=_edition(),
        salt=secrets.token_bytes(32),
        # Whole milliseconds, as ids keep them: ids and times then tell the same order.
        started_at=started_at.replace(microsecond=started_at.microsecond // 1000 * 1000),
        email=email_of(handle),
        handle=handle,
        step=_ORDER[0],
        done=0,
    )
    async with platform.pool.work() as work:
        if not await insert_build(work, build):
            raise BuiltElsewhere("Another process is building this demo. Wait until it is done.")
        if await platform.features.people_api.count_people(work):
            raise NotEmpty(
                "There are people here already, and a demo is only made in an empty installation: "
                "name a new directory with --data."
            )
    return build


class _Builder:
    """Takes a build from where it is to its end."""

    def __init__(self, platform: Platform, log: ProgressLog, build: Build, password: str) -> None:
        self._platform = platform
        self._log = log
        self._build = build
        self._password = password

    async def run(self) -> None:
        hashed = await self._hash_password()
        blueprint = Blueprint(Plan(self._build.size), self._build.started_at, self._build.salt, hashed)
        for kind in STEPS:
            if kind.name == self._build.step:
                await self._run_step(kind(self._platform.features, blueprint))
        if self._build.step == _TIDY:
            await self._tidy()

    async def _hash_password(self) -> str:
        passwords = Passwords(self._platform.settings.auth)
        try:
            return await passwords.hash(self._password)
        finally:
            passwords.close()

    async def _run_step(self, step: Step[Any]) -> None:
        done = self._build.done
        if step.reads_much:
            await self._vacuum()
        with self._log.step(step.title, step.unit, done, step.total) as advance:
            async with aclosing(_batches(step, done)) as batches:
                async for batch in batches:
                    done += len(batch)
                    async with self._platform.pool.work() as work:
                        await self._record(work, step.name, done)
                        await step.write(work, batch)
                    self._build = structs.replace(self._build, done=done)
                    advance(done)
            async with self._platform.pool.work() as work:
                await self._record(work, _next(step.name), 0)
                await step.finish(work)
            self._build = structs.replace(self._build, step=_next(step.name), done=0)

    async def _tidy(self) -> None:
        await self._vacuum()
        async with self._platform.pool.work() as work:
            await self._record(work, _FINISHED, 0)

    async def _vacuum(self) -> None:
        """Statistics for the query planner, and visibility maps that make index-only scans cheap."""
        with self._log.step("Statistics", "database", 0, 1) as advance:
            connection = await connect(self._platform.settings.database, bounded=False)
            try:
                await connection.execute("VACUUM (ANALYZE)")
            finally:
                await connection.close()
            advance(1)

    async def _record(self, work: Work, step: str, done: int) -> None:
        """How far it will be, at the head of the transaction that brings it there: another builder waits and is out."""
        if not await move_on(work, self._build.step, self._build.done, step, done):
            raise BuiltElsewhere("Another process is building this demo. Wait until it is done.")


async def _batches(step: Step[T], done: int) -> AsyncGenerator[list[T], None]:
    """All items but the first `done`. The next batch is planned in a thread while PostgreSQL takes the last one."""
    rest = islice(step.items(), done, None)

    def plan_batch() -> list[T]:
        return list(islice(rest, step.batch))

    planned = asyncio.create_task(asyncio.to_thread(plan_batch))
    try:
        while batch := await planned:
            planned = asyncio.create_task(asyncio.to_thread(plan_batch))
            yield batch
    finally:
        # A thread cannot be stopped: it plans its batch to the end.
        await asyncio.wait([planned])


def _next(step: str) -> str:
    return _ORDER[_ORDER.index(step) + 1]


def _edition() -> str:
    """A digest of all that plans depend on."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.txt")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
