"""Requests one at a time, nothing else beside them: what each alone takes in the API and in PostgreSQL, and how much
that differs from request to request (the squared coefficient of variation that queues depend on).
"""

import asyncio
from collections.abc import Callable, Sequence
from statistics import fmean, pvariance
from uuid import UUID

import msgspec

from banyan.app.settings import Settings
from banyan.infra.database.connect import connect
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import read_answer
from dev.benchmarks.messages import Messages, prepare_pairs
from dev.benchmarks.processes import backends, run_seconds
from dev.benchmarks.serving import get, post, progress, publish, reachable, serving

_WARM_UP = 100
_ROUNDS = 500
_SIGN_INS = 30
_REST_SECONDS = 0.003  # what a process still does after its answer belongs to it
_SYNCED = 20
# What people without a file of their own are planned with, as in banyan.planner.demand.
_USUAL_MIX = {"feed": 0.4, "read": 0.5, "write": 0.1}


class Taken(msgspec.Struct, frozen=True):
    """CPU seconds of each request of one kind."""

    api: list[float]
    database: list[float]


async def measure_single(
    settings: Settings,
    postgres_pid: int,
    people: Sequence[UUID],
    tokens: list[str],
    public: list[UUID],
    password: str,
) -> list[Figure]:
    """`tokens` belong to `people`; `password` is that of the demo's accounts."""
    progress("requests one at a time")
    messages = Messages(await prepare_pairs(settings, people))
    signing = [post("/v1/auth/token", each) for each in await _credentials(settings, password)]
    synced: list[bytes] = []
    kinds: dict[str, Callable[[int], bytes]] = {
        "feed": lambda n: get("/v1/feed", tokens[n % len(tokens)]),
        "read": lambda n: get(f"/v1/posts/{public[n % len(public)]}", tokens[n % len(tokens)]),
        "public": lambda n: get(f"/v1/posts/{public[n % len(public)]}", None),
        "write": lambda n: publish(n, tokens[n % len(tokens)]),
        "message": messages.make,
        "sync": lambda n: synced[n % len(synced)],
        "sign_in": lambda n: signing[n % len(signing)],
    }
    with serving(settings, "api") as (process, port):
        await reachable(port, process)
        synced += [await _caught_up(port, token) for token in tokens[:_SYNCED]]
        one = _OneByOne(port, process.pid, postgres_pid)
        taken = {name: await one.run(make, _SIGN_INS if name == "sign_in" else _ROUNDS) for name, make in kinds.items()}
    figures: list[Figure] = []
    for name, found in taken.items():
        figures += _figures(f"{name}, alone", found)
    return figures + _mixed(taken)


class _OneByOne:
    """A connection of its own, and the processes that work for it."""

    def __init__(self, port: int, api_pid: int, postgres_pid: int) -> None:
        self._port = port
        self._api_pid = api_pid
        self._postgres_pid = postgres_pid

    async def run(self, make: Callable[[int], bytes], rounds: int) -> Taken:
        """Raises SystemExit when an answer is an error."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        taken = Taken([], [])
        for number in range(-min(_WARM_UP, rounds), rounds):
            before = self._spent()
            writer.write(make(number + _WARM_UP))
            await read_answer(reader)
            await asyncio.sleep(_REST_SECONDS)
            after = self._spent()
            if number >= 0:
                taken.api.append(after[0] - before[0])
                taken.database.append(after[1] - before[1])
        writer.close()
        return taken

    def _spent(self) -> tuple[float, float]:
        return run_seconds(self._api_pid), sum(map(run_seconds, backends(self._postgres_pid)))


def _figures(name: str, taken: Taken) -> list[Figure]:
    return [
        Figure(name, fmean(taken.api) * 1e3, "ms of the API's CPU", note=_between(taken.api)),
        Figure(name, fmean(taken.database) * 1e3, "ms of PostgreSQL's CPU", note=_between(taken.database)),
        Figure(name, variation_squared(taken.api), "squared coefficient of variation in the API"),
        Figure(name, variation_squared(taken.database), "squared coefficient of variation in PostgreSQL"),
    ]


def variation_squared(values: Sequence[float]) -> float:
    """The variance over the square of the mean."""
    return pvariance(values) / fmean(values) ** 2


def _mixed(taken: dict[str, Taken]) -> list[Figure]:
    """Of a queue in which all kinds wait behind each other."""
    found = []
    for part, name in (("api", "the API"), ("database", "PostgreSQL")):
        mean = sum(share * fmean(getattr(taken[kind], part)) for kind, share in _USUAL_MIX.items())
        squares = [share * _square(getattr(taken[kind], part)) for kind, share in _USUAL_MIX.items()]
        value = sum(squares) / mean**2 - 1
        found.append(Figure("the usual mix, alone", value, f"squared coefficient of variation in {name}"))
    return found


def _square(values: Sequence[float]) -> float:
    return fmean(value * value for value in values)


async def _caught_up(port: int, token: str) -> bytes:
    """The request of a client that has synchronized everything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = "/v1/sync?limit=1000"
    while True:
        writer.write(get(path, token))
        page = msgspec.json.decode(await read_answer(reader))
        path = f"/v1/sync?limit=1000&since={page['next']}"
        if not page["items"]:
            writer.close()
            return get(path, token)


async def _credentials(settings: Settings, password: str) -> list[dict[str, str]]:
    connection = await connect(settings.database)
    try:
        emails = await connection.fetch(
            "SELECT email FROM accounts_accounts WHERE password_hash IS NOT NULL ORDER BY id LIMIT $1", _SIGN_INS
        )
    finally:
        await connection.close()
    return [{"email": row["email"], "password": password} for row in emails]


def _between(values: list[float]) -> str:
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 20], ordered[len(ordered) * 19 // 20]
    return f"[{low * 1e3:.2f} to {high * 1e3:.2f}, {len(values)} times]"
