"""Feeds at scale: publishing to very many, very large accounts, and changes since a place."""

import asyncio
import time
from statistics import median

import asyncpg
import msgspec

from banyan.app.settings import Settings
from banyan.app.targets import Targets
from banyan.app.wiring import open_platform
from banyan.infra.database.connect import connect
from banyan.infra.log import LogStream
from dev.benchmarks.crowd import FEW, LARGE, MANY, SYNCED, Crowd, gather_crowd
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import Outcome, load
from dev.benchmarks.processes import cpu_seconds, family_cpu_seconds
from dev.benchmarks.serving import get, progress, publish, reachable, serving, sign_in

_CLIENTS = 8
_ROUNDS = 30
_FEEDS_PER_SECOND = 500
_POSTS_PER_SECOND = 10
_STREAMS = 300
# The bare hello on the machine that the rates were set for.
_USUAL_HELLO_MICROSECONDS = 15


class _Place(msgspec.Struct, frozen=True):
    """What is measured: the server's process, PostgreSQL's, and a connection to look into the database."""

    port: int
    pid: int
    postgres_pid: int
    connection: asyncpg.Connection
    seconds: float

    def spent(self) -> tuple[float, float]:
        """CPU seconds of the server and of PostgreSQL until now."""
        return cpu_seconds(self.pid), family_cpu_seconds(self.postgres_pid)

    async def once(self, request: bytes) -> float:
        """Seconds until the answer. Raises SystemExit when it is an error."""
        seconds, answer = await self.ask(request)
        if answer.split(b" ", 2)[1] not in (b"200", b"201"):
            raise SystemExit(f"the server answered {answer[:200]!r}")
        return seconds

    async def ask(self, request: bytes) -> tuple[float, bytes]:
        """Seconds until the answer, and the answer, over a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head, _, body = request.partition(b"\r\n\r\n")
        started = time.perf_counter()
        writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
        first = await reader.read(1 << 16)
        seconds = time.perf_counter() - started
        rest = await reader.read()
        writer.close()
        return seconds, first + rest

    async def run(self, tokens: list[str], path: str = "/v1/feed", clients: int = _CLIENTS) -> tuple[float, float]:
        """CPU microseconds of server and PostgreSQL for each answer."""
        await self._load(tokens, path, clients, 1)
        before = self.spent()
        outcome = await self._load(tokens, path, clients, self.seconds)
        after = self.spent()
        return tuple((after[part] - before[part]) / outcome.requests * 1e6 for part in (0, 1))  # type: ignore[return-value]

    async def drained(self) -> None:
        """Until no job is left."""
        while await self.connection.fetchval("SELECT EXISTS (SELECT FROM jobs WHERE state <> 'dead')"):
            await asyncio.sleep(0.002)

    async def _load(self, tokens: list[str], path: str, clients: int, seconds: float) -> Outcome:
        return await load(self.port, clients, seconds, lambda n: get(path, tokens[n % len(tokens)]))


async def measure_feeds(settings: Settings, postgres_pid: int, seconds: float, hello: float) -> list[Figure]:
    """`hello`: CPU microseconds of the bare answer in the same run."""
    progress("crowd")
    async with open_platform(settings, Targets.read("api"), LogStream.to_stderr()) as platform:
        crowd = await gather_crowd(platform)
        few, synced = await sign_in(platform, [crowd.few, crowd.synced])
        many, plain, followers = [await sign_in(platform, ids) for ids in (crowd.many, crowd.plain, crowd.followers)]
    connection = await connect(settings.database)
    try:
        with serving(settings, "all") as (process, port):
            await reachable(port, process)
            place = _Place(port, process.pid, postgres_pid, connection, seconds)
            progress("very large accounts")
            figures = await _large_accounts(place, plain, followers, hello)
            progress("publishing")
            figures += await _publishing(place, crowd, few, many)
            progress("feeds beside publishing")
            figures += await _beside(place, plain, many, 1.0)
            # A slower machine is full long before: here is what the same share of it does.
            figures += await _beside(place, plain, many, min(1.0, _USUAL_HELLO_MICROSECONDS / hello))
            progress("changes")
            figures += await _changes(place, synced, crowd, hello)
            figures += await _fan_out_with_streams(place, many[0], [*plain, *followers])
    finally:
        await connection.close()
    return figures


async def _large_accounts(place: _Place, plain: list[str], followers: list[str], hello: float) -> list[Figure]:
    """Alternating, so that what else the machine does falls on both."""
    runs = [(await place.run(plain), await place.run(followers)) for _ in range(3)]
    server = [median(run[which][0] for run in runs) for which in (0, 1)]
    postgres = [median(run[which][1] for run in runs) for which in (0, 1)]
    name = f"feed with {LARGE} very large accounts"
    return [
        Figure("plain feed", server[0] / hello, "times the CPU of bare ASGI hello", 16.7),
        Figure(name, (server[1] + postgres[1]) / (server[0] + postgres[0]), "times the CPU of a plain feed", 2),
        Figure(name, server[1] / server[0], "times, the server alone"),
        Figure(name, postgres[1] / postgres[0], "times, PostgreSQL alone"),
    ]


async def _publishing(place: _Place, crowd: Crowd, few: str, many: list[str]) -> list[Figure]:
    answers: dict[str, list[float]] = {few: [], many[0]: []}
    written: list[float] = []
    spent = 0.0
    for number in range(_ROUNDS):
        for token, taken in answers.items():
            before, started = sum(place.spent()), time.perf_counter()
            taken.append(await place.once(publish(number, token)))
            await place.drained()
            if token == many[0]:
                written.append(time.perf_counter() - started)
                spent += sum(place.spent()) - before
    await _check_written(place, crowd)
    slow, quick = median(answers[many[0]]), median(answers[few])
    name = f"publishing to {MANY:,}"
    return [
        Figure(name, slow / quick, f"times the answer time of publishing to {FEW}", 1.2, f"{slow * 1e3:.1f} ms"),
        Figure(name, median(written), "s until all homes are written, median", 0.5),
        Figure(name, sorted(written)[-2], "s until all homes are written, second slowest"),
        Figure(name, spent / _ROUNDS * 1e3, "ms of CPU each, server and PostgreSQL"),
    ]


async def _check_written(place: _Place, crowd: Crowd) -> None:
    """The last post is in as many homes as its author has connections, and in the author's own."""
    homes = await place.connection.fetchval(
        """SELECT count(*) FROM people_connections c
           JOIN posts_home h ON h.person_id = c.other_id
            AND h.post_id = (SELECT id FROM posts_posts WHERE author_id = $1 ORDER BY id DESC LIMIT 1)
           WHERE c.person_id = $1 AND c.state = 'connected'""",
        crowd.many[0],
    )
    if homes < MANY:
        raise SystemExit(f"a post reached {homes} of {MANY} homes")


async def _beside(place: _Place, plain: list[str], many: list[str], scale: float) -> list[Figure]:
    """p95 of feeds at a fixed rate, alternating without and with publishing to very many; `scale` of both rates."""
    feeds, posts = _FEEDS_PER_SECOND * scale, _POSTS_PER_SECOND * scale
    alone, beside = [], []
    for _ in range(3):
        alone.append(await _paced(place, plain, feeds))
        posting = asyncio.create_task(
            load(place.port, 4, place.seconds, lambda n: publish(n, many[n % len(many)]), posts)
        )
        beside.append(await _paced(place, plain, feeds))
        await posting
        await place.drained()
    name = f"feed p95, {feeds:.0f}/s with {posts:.1f} posts/s to {MANY:,}"
    without, with_posts = median(alone), median(beside)
    return [
        Figure(name, with_posts / without, "times that without posts", 1.5),
        Figure(name, with_posts * 1e3, "ms", None, f"{without * 1e3:.1f} ms without"),
    ]


async def _paced(place: _Place, tokens: list[str], per_second: float) -> float:
    outcome = await load(place.port, 64, place.seconds, lambda n: get("/v1/feed", tokens[n % len(tokens)]), per_second)
    return outcome.percentile(0.95)


async def _changes(place: _Place, synced: str, crowd: Crowd, hello: float) -> list[Figure]:
    request = get("/v1/sync?limit=1000", synced)
    await place.once(request)
    entries = await place.connection.fetchval("SELECT count(*) FROM streams_entries WHERE stream_id = $1", crowd.synced)
    at_rest = await _at_rest(place)
    before, started = place.spent(), time.perf_counter()
    for _ in range(_ROUNDS):
        await place.connection.execute("TRUNCATE streams_streams, streams_entries")
        await place.once(request)
    logged, taken = place.spent(), time.perf_counter() - started
    again = await place.run([synced], "/v1/sync?limit=1000", 1)
    next_place = await _next_place(place, synced)
    nothing = await place.run([synced], f"/v1/sync?limit=1000&since={next_place}", 1)
    # The rounds wait for PostgreSQL most of the time, in which the worker looks for jobs as it always does.
    server = (logged[0] - before[0] - at_rest * taken) / _ROUNDS * 1e6
    postgres = (logged[1] - before[1]) / _ROUNDS * 1e6
    note = f"[{min(entries, 1000):,} of {entries:,} entries; {SYNCED} connections]"
    return [
        Figure("sync of 1,000 changes, logging them", server / hello, "times bare ASGI hello", 667, note),
        Figure("sync of 1,000 changes, logging them", server / 1e3, "ms of the server's CPU", 10),
        Figure("sync of 1,000 changes, logging them", postgres / 1e3, "ms of PostgreSQL's CPU"),
        Figure("sync of 1,000 changes, logged before", again[0] / 1e3, "ms of the server's CPU", 10),
        Figure("sync of 1,000 changes, logged before", again[1] / 1e3, "ms of PostgreSQL's CPU"),
        Figure("sync when nothing changed", nothing[0] / hello, "times bare ASGI hello"),
        Figure("sync when nothing changed", nothing[1] / 1e3, "ms of PostgreSQL's CPU"),
    ]


async def _at_rest(place: _Place) -> float:
    """CPU-seconds of the server in a second in which nobody asks for anything."""
    before = place.spent()[0]
    await asyncio.sleep(place.seconds)
    return (place.spent()[0] - before) / place.seconds


async def _next_place(place: _Place, token: str) -> str:
    """Where a client that has caught up stands."""
    since = ""
    while True:
        _, answer = await place.ask(get(f"/v1/sync?limit=1000{since}", token))
        page = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
        since = f"&since={page['next']}"
        if not page["items"]:
            return str(page["next"])


async def _fan_out_with_streams(place: _Place, author: str, readers: list[str]) -> list[Figure]:
    """The same posts to the same people, before and while many of them keep copies."""

    async def fan_out() -> float:
        before = sum(place.spent())
        for number in range(_ROUNDS):
            await place.once(publish(number, author))
            await place.drained()
        return sum(place.spent()) - before

    await place.connection.execute("TRUNCATE streams_streams, streams_entries")
    without = [await fan_out()]
    for token in readers[:_STREAMS]:
        await place.once(get("/v1/sync?limit=1000", token))
    with_streams = [await fan_out(), await fan_out()]
    await place.connection.execute("TRUNCATE streams_streams, streams_entries")
    without.append(await fan_out())
    return [
        Figure("fan-out to people with streams", sum(with_streams) / sum(without), "times the CPU of one without any")
    ]
