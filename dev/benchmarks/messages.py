"""Messages: what one costs the API, and how long one takes to its answer and to the recipient's socket, against
PostgreSQL's own load generator on the same transaction at the same rate.
"""

import asyncio
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from banyan.app.settings import Settings
from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.features.messaging.models import NewConversation
from banyan.features.messaging.queries.messages import _WRITE, _WRITTEN
from banyan.infra.database.pending import Part, one_statement
from banyan.infra.log import LogStream
from banyan.infra.streams.events import appended
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.figures import Figure
from dev.benchmarks.load import Outcome, load
from dev.benchmarks.processes import cpu_seconds, family_cpu_seconds
from dev.benchmarks.serving import progress, reachable, serving, sign_in

_PAIRS = 50
_PER_SECOND = 300
_CLIENTS = 16
_WARM_UP_SECONDS = 2.0
# The last events may still be on their way when the last answer is there.
_TAIL_SECONDS = 1.0
# p95 at the socket may be later than p95 of the answer by so much; and so many times the bare transaction.
_SOCKET_MS = 10.0
_TIMES_PGBENCH = 3.0
_PER_CPU_SECOND = 1500.0


class Pair(msgspec.Struct, frozen=True):
    """Two people and their conversation, with a token of each."""

    conversation_id: UUID
    author_id: UUID
    reader_id: UUID
    author_token: str
    reader_token: str


class Messages:
    """The bytes of the n-th message, and when it was sent and heard."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self.sent: dict[str, float] = {}
        self.heard: list[float] = []

    def make(self, number: int) -> bytes:
        pair = self._pairs[number % len(self._pairs)]
        client_id = f"{time.monotonic_ns()}"
        self.sent[client_id] = time.perf_counter()
        body = msgspec.json.encode({"body": f"Bench message {number}: shall we meet at noon?", "client_id": client_id})
        head = (
            f"POST /v1/conversations/{pair.conversation_id}/messages HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {pair.author_token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def hear(self, frame: bytes) -> None:
        """A frame at the recipient."""
        now = time.perf_counter()
        place = frame.find(b'"client_id":"')
        if place >= 0:
            sent = self.sent.get(frame[place + 13 : frame.index(b'"', place + 13)].decode())
            if sent is not None:
                self.heard.append(now - sent)


class _Recipient(WSListener):
    def __init__(self, pair: Pair, messages: Messages) -> None:
        self._pair = pair
        self._messages = messages
        self.joined = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        hello = {"type": "hello", "version": 1, "token": self._pair.reader_token}
        transport.send(WSMsgType.TEXT, msgspec.json.encode(hello))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            return
        text = frame.get_payload_as_bytes()
        if b'"type":"hello"' in text:
            topic = f"conversation:{self._pair.conversation_id}"
            transport.send(WSMsgType.TEXT, msgspec.json.encode({"type": "subscribe", "topic": topic}))
        elif b'"type":"subscribed"' in text:
            self.joined.set()
        else:
            self._messages.hear(text)


async def measure_messages(
    settings: Settings, postgres: EmbeddedPostgres, people: Sequence[UUID], seconds: float
) -> list[Figure]:
    """Between pairs of these people: what the API process spends, then everything in one process."""
    progress("messages")
    pairs = await prepare_pairs(settings, people)
    messages = Messages(pairs)
    with serving(settings, "api") as (process, port):
        await reachable(port, process)
        await load(port, _CLIENTS, _WARM_UP_SECONDS, messages.make)
        spent, database = cpu_seconds(process.pid), family_cpu_seconds(postgres.pid or 0)
        full = await load(port, _CLIENTS, seconds, messages.make)
        spent = cpu_seconds(process.pid) - spent
        database = family_cpu_seconds(postgres.pid or 0) - database
    with serving(settings, "all") as (process, port):
        await reachable(port, process)
        await load(port, _CLIENTS, _WARM_UP_SECONDS, messages.make)
        sockets = [await _listen(port, pair, messages) for pair in pairs]
        messages.heard.clear()
        paced = await load(port, _CLIENTS, seconds, messages.make, _PER_SECOND)
        await asyncio.sleep(_TAIL_SECONDS)
        for transport in sockets:
            transport.disconnect()
    progress("the same transaction in pgbench")
    bare = await asyncio.to_thread(_pgbench_p95_ms, postgres, pairs, seconds)
    stored = Figure("POST a message", database / full.requests * 1e6, "us of PostgreSQL's CPU each")
    return [stored, *_figures(full, spent, paced, sorted(messages.heard), bare)]


def _figures(full: Outcome, spent: float, paced: Outcome, heard: list[float], bare_ms: float) -> list[Figure]:
    answered_ms = paced.percentile(0.95) * 1000
    heard_ms = heard[int(0.95 * len(heard))] * 1000 if heard else float("inf")
    name = f"messages at {_PER_SECOND}/s"
    return [
        Figure("POST a message", full.requests / spent, "messages per CPU-second of the API", _PER_CPU_SECOND),
        Figure(name, answered_ms, "ms at p95 to the answer", note=f"[{paced.statuses}, {len(heard):,} heard]"),
        Figure(name, heard_ms - answered_ms, "ms later at the recipient's socket, at p95", _SOCKET_MS),
        Figure(name, answered_ms / bare_ms, "times p95 of the same transaction in pgbench", _TIMES_PGBENCH),
    ]


async def prepare_pairs(settings: Settings, people: Sequence[UUID]) -> list[Pair]:
    """Conversations between these people, two by two, and tokens of both."""
    async with open_platform(settings, Targets.read("api"), LogStream.to_stderr()) as platform:
        tokens = dict(zip(people, await sign_in(platform, people), strict=True))
        pairs = list(zip(people[::2], people[1::2], strict=False))[:_PAIRS]
        return [Pair(await _converse(platform, *pair), *pair, tokens[pair[0]], tokens[pair[1]]) for pair in pairs]


async def _converse(platform: Platform, author_id: UUID, reader_id: UUID) -> UUID:
    async with platform.pool.work() as work:
        new = NewConversation(member_ids=[reader_id])
        return (await platform.features.messaging.conversations.create_conversation(work, author_id, new)).id


async def _listen(port: int, pair: Pair, messages: Messages) -> WSTransport:
    transport, listener = await ws_connect(
        lambda: _Recipient(pair, messages), f"ws://127.0.0.1:{port}/v1/socket", enable_auto_pong=False
    )
    assert isinstance(listener, _Recipient)
    await listener.joined.wait()
    return transport


def _pgbench_p95_ms(postgres: EmbeddedPostgres, pairs: Sequence[Pair], seconds: float) -> float:
    """At the same rate, from when each was due."""
    with tempfile.TemporaryDirectory() as folder:
        scripts: list[str] = []
        for number, pair in enumerate(pairs):
            path = Path(folder) / f"{number}.sql"
            path.write_text(_transaction(pair))
            scripts += ["-f", str(path)]
        command = [
            str(postgres.binaries.program("pgbench")),
            *("-n", "-M", "prepared", "-c", "8", "-R", str(_PER_SECOND), "-T", str(round(seconds)), "-l", *scripts),
            postgres.dsn,
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        lines = [line for path in Path(folder).glob("pgbench_log.*") for line in path.read_text().splitlines()]
    latencies = sorted(int(line.split()[2]) for line in lines)
    return latencies[int(0.95 * len(latencies))] / 1000


def _transaction(pair: Pair) -> str:
    """What a message does in the database, with its parameters written out; ids and names are made there."""
    body = "'Bench message: shall we meet at noon?'"
    event = f"repeat({body}, 10)"
    values = (
        # Of about the time of the conversation's own id, as ids of messages tell theirs.
        f"(left('{pair.conversation_id}', 18) || substr(gen_random_uuid()::text, 19))::uuid",
        f"'{pair.conversation_id}'::uuid",
        f"'{pair.author_id}'::uuid",
        "md5(random()::text)",
        "'\\x00'::bytea",
        body,
        "NULL",
        "now()",
        "'{}'",
        event,
        event,
    )
    log, pointers = appended("conversation", pair.conversation_id)
    pointers = pointers._replace(args=("'conversation'", f"'{pair.conversation_id}'::uuid"))
    parts = (Part(_WRITE, values), log, pointers, Part(f"written AS ({_WRITTEN})", ()))
    sql, filled = one_statement(parts, concluding=True)
    return f"{_filled(sql, *map(str, filled))};\n"


def _filled(sql: str, *values: str) -> str:
    return re.sub(r"\$(\d+)", lambda found: values[int(found[1]) - 1], sql).replace("\n", " ")
