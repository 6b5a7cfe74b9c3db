"""`dev/bench`: the figures of docs/performance.md, made anew on this machine."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop

from banyan.app.settings import Settings, load_settings
from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.features.posts.queries import homes
from banyan.infra.database.connect import connect
from banyan.infra.log import LogStream
from banyan.kernel.ids import LAST_ID
from banyan.ops.datadir import DataDirectory
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.bare import bare_queue_per_second, hello_cpu_microseconds, page_cpu_microseconds
from dev.benchmarks.feeds import measure_feeds
from dev.benchmarks.figures import Figure
from dev.benchmarks.front import measure_front
from dev.benchmarks.jobs import empty_queue, noop_jobs
from dev.benchmarks.load import Outcome, load
from dev.benchmarks.memory import measure_memory
from dev.benchmarks.messages import measure_messages, prepare_pairs
from dev.benchmarks.pgbench import run_pgbench
from dev.benchmarks.processes import cpu_seconds, family_cpu_seconds, resident_bytes
from dev.benchmarks.pushes import measure_pushes
from dev.benchmarks.searches import measure_searches
from dev.benchmarks.serving import get, progress, publish, reachable, serving, sign_in
from dev.benchmarks.single import measure_single
from dev.benchmarks.stored import measure_stored
from dev.benchmarks.workers import measure_workers

_READERS = 100
_WARM_UP_SECONDS = 2.0
_SETTLE_SECONDS = 10.0
_VACUUM_SECONDS = 600.0
# What src/banyan/planner/profiles/banyan.toml wants beside the rest, each from a run of its own.
_OF_THE_PROFILE = ("single", "workers", "pushes", "memory", "front", "stored", "searches")


class Options(msgspec.Struct, frozen=True):
    """What the command line says."""

    data: Path
    people: int
    posts: int
    connections: int
    clients: int
    seconds: float
    only: str
    json: bool


def main() -> None:
    """Builds the data unless it is there, measures, prints."""
    options = _options()
    figures = uvloop.run(_measure(options))
    if options.json:
        print(msgspec.json.encode(figures).decode())
        return
    cores = len(os.sched_getaffinity(0))
    print(
        f"\n{options.people:,} people, {options.posts:,} posts, {options.connections} connections each; "
        f"{cores} cores, server on one, {options.clients} keep-alive clients; limits off, access log on"
    )
    for figure in figures:
        wanted = f"  (promised {figure.wanted:,g})" if figure.wanted else ""
        print(f"{figure.name:<46} {figure.value:>10,.2f} {figure.unit}{wanted}  {figure.note}")


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "banyan-bench")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--only", choices=("all", "base", "feeds", "messages", *_OF_THE_PROFILE), default="all", help="one subject"
    )
    parser.add_argument("--json", action="store_true")
    return Options(**vars(parser.parse_args()))


async def _measure(options: Options) -> list[Figure]:
    profiled = options.only in _OF_THE_PROFILE
    figures = [] if profiled else [await asyncio.to_thread(_measure_rest, options)]
    directory = DataDirectory.open(options.data)
    async with await EmbeddedPostgres.open(directory) as postgres:
        settings = _settings(directory, postgres.dsn)
        if options.only == "stored":
            return await measure_stored(settings)
        await _clean_up(settings)
        tokens, people, public = await _prepare(settings)
        progress("bare ASGI")
        hello = await hello_cpu_microseconds(options.clients, options.seconds / 2)
        figures.append(Figure("bare ASGI hello under uvicorn", hello, "us of CPU each"))
        if profiled:
            given = _Prepared(settings, postgres, tokens, people, public, directory.secret("demo-password"))
            return [*figures, *await _profile(given, options)]
        if options.only in ("all", "messages"):
            figures += await measure_messages(settings, postgres, people, options.seconds)
        if options.only in ("all", "feeds"):
            figures += await measure_feeds(settings, postgres.pid or 0, options.seconds, hello)
        if options.only in ("feeds", "messages"):
            return figures
        progress("bare page")
        page = await page_cpu_microseconds(settings, people, options.clients, options.seconds / 2)
        figures.append(Figure("the feed's statement under bare ASGI", page, "us of CPU each"))
        figures.append(Figure("the feed's statement under bare ASGI", page / hello, "times bare ASGI hello"))
        progress("API")
        with serving(settings, "api") as (process, port):
            await reachable(port, process)
            measure = _Measure(options, process.pid, port, postgres.pid or 0)
            feed = await measure.run(lambda n: get("/v1/feed", tokens[n % len(tokens)]))
            figures += feed.figures("GET /v1/feed", 4000, hello)
            one = await measure.run(lambda n: get(f"/v1/posts/{public[n % len(public)]}", None))
            figures += one.figures("GET /v1/posts/{id}, public", 9000, hello)
            signed_in = await measure.run(
                lambda n: get(f"/v1/posts/{public[n % len(public)]}", tokens[n % len(tokens)])
            )
            figures += signed_in.figures("GET /v1/posts/{id}, signed in", None, hello)
            written = await measure.run(lambda n: publish(n, tokens[n % len(tokens)]))
            figures += written.figures("POST /v1/posts", 2500, hello)
        progress("pgbench")
        beside = await asyncio.to_thread(
            run_pgbench, postgres, [_page_of(person) for person in people], options.clients, options.seconds
        )
        figures.append(Figure("the same statements in pgbench", beside, "us of PostgreSQL's CPU each"))
        progress("jobs")
        bare = await bare_queue_per_second(settings)
        await empty_queue(settings)
        jobs = await noop_jobs(settings)
        figures.append(Figure("no-op jobs, one worker", jobs.per_second, "jobs/s", 10_000))
        figures.append(Figure("no-op jobs, one worker", jobs.per_second / bare, "of a bare SKIP LOCKED loop"))
        figures.append(Figure("no-op jobs, one worker", jobs.per_cpu_second, "jobs per CPU-second of Python"))
    return figures


class _Prepared(msgspec.Struct, frozen=True):
    """What the benches of the profile work with."""

    settings: Settings
    postgres: EmbeddedPostgres
    tokens: list[str]
    people: list[UUID]
    public: list[UUID]
    password: str


async def _profile(given: _Prepared, options: Options) -> list[Figure]:
    settings, postgres, pid, seconds = given.settings, given.postgres, given.postgres.pid or 0, options.seconds
    match options.only:
        case "single":
            return await measure_single(settings, pid, given.people, given.tokens, given.public, given.password)
        case "workers":
            return await measure_workers(settings, pid, given.people, given.tokens, seconds)
        case "pushes":
            return await measure_pushes(settings, await prepare_pairs(settings, given.people))
        case "memory":
            return await measure_memory(settings, postgres, given.people, given.tokens, given.public, seconds)
        case "front":
            return await measure_front(settings, given.tokens, seconds)
        case _:
            return await measure_searches(settings, postgres, seconds)


class _Run(msgspec.Struct, frozen=True):
    outcome: Outcome
    api_seconds: float
    postgres_seconds: float

    def figures(self, name: str, wanted: float | None, hello: float) -> list[Figure]:
        count = self.outcome.requests
        statuses = ", ".join(f"{status}: {number:,}" for status, number in sorted(self.outcome.statuses.items()))
        return [
            Figure(name, count / self.api_seconds, "requests per CPU-second of the API", wanted, f"[{statuses}]"),
            Figure(name, self.api_seconds / count * 1e6 / hello, "times the CPU of bare ASGI hello"),
            Figure(name, self.postgres_seconds / count * 1e6, "us of PostgreSQL's CPU each"),
            Figure(name, self.outcome.percentile(0.95) * 1000, "ms at p95, clients as fast as they can"),
        ]


class _Measure(msgspec.Struct, frozen=True):
    options: Options
    api_pid: int
    port: int
    postgres_pid: int

    async def run(self, make: Callable[[int], bytes]) -> _Run:
        await load(self.port, self.options.clients, _WARM_UP_SECONDS, make)
        api, postgres = cpu_seconds(self.api_pid), family_cpu_seconds(self.postgres_pid)
        outcome = await load(self.port, self.options.clients, self.options.seconds, make)
        return _Run(outcome, cpu_seconds(self.api_pid) - api, family_cpu_seconds(self.postgres_pid) - postgres)


def _measure_rest(options: Options) -> Figure:
    """Builds the data if need be by `up --demo`, and looks at that process once it has nothing to do."""
    size = ["--people", str(options.people), "--posts", str(options.posts), "--connections", str(options.connections)]
    for arguments in (["--demo", *size], []):
        command = [sys.executable, "-m", "banyan", "up", "--data", str(options.data), "--port", "0", *arguments]
        with subprocess.Popen([*command, "--format", "json"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SystemExit("banyan up did not start: see above")
            if not arguments:
                progress(f"{_SETTLE_SECONDS:.0f} s of rest")
                signal.sigtimedwait([], _SETTLE_SECONDS)
            rest = resident_bytes(process.pid)
            process.send_signal(signal.SIGINT)
    return Figure("up at rest", rest / 2**20, "MiB resident", 110)


def _settings(directory: DataDirectory, url: str) -> Settings:
    secrets = {"signing_key": directory.secret("signing-key"), "secret": directory.secret("secret")}
    return load_settings(directory.path, {"database": {"url": url}, "auth": secrets, "limits": {"enabled": False}})


async def _clean_up(settings: Settings) -> None:
    """What earlier runs wrote and left to be vacuumed is done with, and no part of what is measured."""
    progress("vacuum")
    connection = await connect(settings.database, bounded=False)
    try:
        await connection.execute("VACUUM (ANALYZE)", timeout=_VACUUM_SECONDS)
    finally:
        await connection.close()


async def _prepare(settings: Settings) -> tuple[list[str], list[UUID], list[UUID]]:
    """Access tokens of some people with full homes, their ids, and the ids of some public posts."""
    async with open_platform(settings, Targets.read("api"), LogStream.to_stderr()) as platform:
        async with platform.pool.connection() as connection:
            people = await connection.fetch("SELECT id FROM people_people ORDER BY md5(id::text) LIMIT $1", _READERS)
            posts = await connection.fetch(
                "SELECT id FROM posts_posts WHERE audience = 'public' ORDER BY md5(id::text) LIMIT $1", _READERS
            )
        tokens = await sign_in(platform, [person["id"] for person in people])
    return tokens, [person["id"] for person in people], [post["id"] for post in posts]


def _page_of(person: UUID) -> str:
    """The statement of one feed page, with its parameters written out."""
    return homes.FEED.home.replace("$1", f"'{person}'::uuid").replace("$2", f"'{LAST_ID}'::uuid").replace("$3", "21")


if __name__ == "__main__":
    main()
