"""`dev/bench`: the figures of docs/performance.md, made anew on this machine."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop

from banyan.app.server import listen
from banyan.app.settings import Settings, load_settings
from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.features.accounts.models import Account, Client, Role
from banyan.features.posts.queries import homes
from banyan.features.posts.queries.posts import LAST_ID
from banyan.infra.log import LogStream
from banyan.ops.datadir import DataDirectory
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.bare import bare_queue_per_second, hello_cpu_microseconds
from dev.benchmarks.jobs import empty_queue, noop_jobs
from dev.benchmarks.load import Outcome, load
from dev.benchmarks.pgbench import run_pgbench
from dev.benchmarks.processes import cpu_seconds, family_cpu_seconds, resident_bytes

_READERS = 100
_WARM_UP_SECONDS = 2.0
_SETTLE_SECONDS = 10.0


class Figure(msgspec.Struct, frozen=True):
    """One line of the result. `wanted` is the least (or, for bytes, the most) that the project promises."""

    name: str
    value: float
    unit: str
    wanted: float | None = None
    note: str = ""


class Options(msgspec.Struct, frozen=True):
    """What the command line says."""

    data: Path
    people: int
    posts: int
    connections: int
    clients: int
    seconds: float
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
        wanted = f"  (promised {figure.wanted:,.0f})" if figure.wanted else ""
        print(f"{figure.name:<46} {figure.value:>10,.2f} {figure.unit}{wanted}  {figure.note}")


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "banyan-bench")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    return Options(**vars(parser.parse_args()))


async def _measure(options: Options) -> list[Figure]:
    figures = [await asyncio.to_thread(_measure_rest, options)]
    directory = DataDirectory.open(options.data)
    async with await EmbeddedPostgres.open(directory) as postgres:
        settings = _settings(directory, postgres.dsn)
        tokens, people, public = await _prepare(settings)
        _progress("bare ASGI")
        hello = await hello_cpu_microseconds(options.clients, options.seconds / 2)
        figures.append(Figure("bare ASGI hello under uvicorn", hello, "us of CPU each"))
        _progress("API")
        with _api(settings) as (process, port):
            await _reachable(port, process)
            measure = _Measure(options, process.pid, port, postgres.pid or 0)
            feed = await measure.run(lambda n: _get("/v1/feed", tokens[n % len(tokens)]))
            figures += feed.figures("GET /v1/feed", 4000, hello)
            one = await measure.run(lambda n: _get(f"/v1/posts/{public[n % len(public)]}", None))
            figures += one.figures("GET /v1/posts/{id}, public", 9000, hello)
            publish = await measure.run(lambda n: _publish(n, tokens[n % len(tokens)]))
            figures += publish.figures("POST /v1/posts", 2500, hello)
        _progress("pgbench")
        beside = await asyncio.to_thread(
            run_pgbench, postgres, [_page_of(person) for person in people], options.clients, options.seconds
        )
        figures.append(Figure("the same statements in pgbench", beside, "us of PostgreSQL's CPU each"))
        _progress("jobs")
        bare = await bare_queue_per_second(settings)
        await empty_queue(settings)
        jobs = await noop_jobs(settings)
        figures.append(Figure("no-op jobs, one worker", jobs.per_second, "jobs/s", 10_000))
        figures.append(Figure("no-op jobs, one worker", jobs.per_second / bare, "of a bare SKIP LOCKED loop"))
        figures.append(Figure("no-op jobs, one worker", jobs.per_cpu_second, "jobs per CPU-second of Python"))
    return figures


class _Run(msgspec.Struct, frozen=True):
    outcome: Outcome
    api_seconds: float
    postgres_seconds: float

    def figures(self, name: str, wanted: float, hello: float) -> list[Figure]:
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
                _progress(f"{_SETTLE_SECONDS:.0f} s of rest")
                signal.sigtimedwait([], _SETTLE_SECONDS)
            rest = resident_bytes(process.pid)
            process.send_signal(signal.SIGINT)
    return Figure("up at rest", rest / 2**20, "MiB resident", 110)


def _settings(directory: DataDirectory, url: str) -> Settings:
    secrets = {"signing_key": directory.secret("signing-key"), "secret": directory.secret("secret")}
    return load_settings(directory.path, {"database": {"url": url}, "auth": secrets, "limits": {"enabled": False}})


async def _prepare(settings: Settings) -> tuple[list[str], list[UUID], list[UUID]]:
    """Access tokens of some people with full homes, their ids, and the ids of some public posts."""
    async with open_platform(settings, Targets.read("api"), LogStream.to_stderr()) as platform:
        async with platform.pool.connection() as connection:
            people = await connection.fetch(
                "SELECT id, handle FROM people_people ORDER BY md5(id::text) LIMIT $1", _READERS
            )
            posts = await connection.fetch(
                "SELECT id FROM posts_posts WHERE audience = 'public' ORDER BY md5(id::text) LIMIT $1", _READERS
            )
        tokens = []
        for person in people:
            account = Account(
                id=person["id"],
                email="",
                handle=person["handle"],
                display_name="",
                email_verified=True,
                role=Role.MEMBER,
            )
            async with platform.pool.work() as work:
                opened = await platform.features.sessions.open_session(work, account, Client("127.0.0.1", "", "bench"))
            tokens.append(opened.access_token)
    return tokens, [person["id"] for person in people], [post["id"] for post in posts]


@contextmanager
def _api(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A `serve --target api` process on the first core; this process takes the others."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    cores = sorted(os.sched_getaffinity(0))
    auth = settings.auth
    environment = os.environ | {
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "BANYAN_AUTH__SIGNING_KEY": auth.signing_key.get_secret_value() if auth.signing_key else "",
        "BANYAN_AUTH__SECRET": auth.secret.get_secret_value() if auth.secret else "",
        "BANYAN_LIMITS__ENABLED": "false",
    }
    command = [sys.executable, "-m", "banyan", "serve", "--target", "api", "--port", str(port)]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            os.sched_setaffinity(process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:] or cores)
            yield process, port
        finally:
            os.sched_setaffinity(0, cores)
            process.send_signal(signal.SIGINT)


async def _reachable(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("banyan serve ended at its start")


def _page_of(person: UUID) -> str:
    """The statement of one feed page, with its parameters written out."""
    return homes.PAGE.replace("$1", f"'{person}'::uuid").replace("$2", f"'{LAST_ID}'::uuid").replace("$3", "21")


def _get(path: str, token: str | None) -> bytes:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{authorization}\r\n".encode()


def _publish(number: int, token: str) -> bytes:
    body = msgspec.json.encode({"body": f"Bench post {number}: who has a ladder to lend?", "audience": "public"})
    head = (
        f"POST /v1/posts HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _progress(words: str) -> None:
    print(f"{words} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
