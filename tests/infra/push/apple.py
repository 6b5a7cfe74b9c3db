"""Apple's side of its push service: HTTP/2 and nothing else, a signed token, and reasons for what it does not take."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from msgspec import Struct

from banyan.infra.push.keys import make_private_key

KEY = make_private_key()
KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "DEF123GHIJ", "org.example.town"
_PUBLIC_KEY: Any = load_pem_private_key(KEY.encode(), None).public_key()
_PATH = re.compile(r"/3/device/([0-9a-f]+)")


class Pushed(Struct):
    """One notification as it came in."""

    token: str
    headers: dict[str, str]
    body: dict[str, Any]


class Apple:
    """`answers` by device token: a status, and what stands in the body; all others get 200."""

    def __init__(self) -> None:
        self.pushed: list[Pushed] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.connections = 0
        # By which names it was asked.
        self.authorities: set[str] = set()
        self.url = ""

    def settings(self) -> dict[str, str]:
        return {"key": KEY, "key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC, "url": self.url}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        try:
            while data := await reader.read(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        requests[event.stream_id] = (_text(event.headers), bytearray())
                    elif isinstance(event, DataReceived):
                        requests[event.stream_id][1].extend(event.data)
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        self._answer(connection, event.stream_id, *requests.pop(event.stream_id))
                writer.write(connection.data_to_send())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, connection: H2Connection, stream_id: int, headers: dict[str, str], body: bytearray) -> None:
        self.authorities.add(headers[":authority"])
        status, said = self._judge(headers, bytes(body))
        answer = [(":status", str(status)), ("apns-id", headers.get("apns-id", ""))]
        connection.send_headers(stream_id, answer, end_stream=said is None)
        if said is not None:
            connection.send_data(stream_id, msgspec.json.encode(said), end_stream=True)

    def _judge(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any] | None]:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, _PUBLIC_KEY, algorithms=["ES256"])
            kid = jwt.get_unverified_header(token)["kid"]
        except (jwt.PyJWTError, KeyError):
            return 403, {"reason": "InvalidProviderToken"}
        if (scheme, claims["iss"], kid) != ("bearer", TEAM_ID, KEY_ID) or time.time() - claims["iat"] > 3600:
            return 403, {"reason": "InvalidProviderToken"}
        if headers.get("apns-topic") != TOPIC:
            return 400, {"reason": "TopicDisallowed"}
        path = _PATH.fullmatch(headers[":path"])
        if headers[":method"] != "POST" or path is None:
            return 404, {"reason": "BadPath"}
        if len(headers.get("apns-collapse-id", "")) > 64 or len(body) > 4096:
            return 413, {"reason": "PayloadTooLarge"}
        if path[1] in self.answers:
            return self.answers[path[1]]
        self.pushed.append(Pushed(path[1], headers, msgspec.json.decode(body)))
        return 200, None


def _text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


@asynccontextmanager
async def apple(tls: ssl.SSLContext | None = None) -> AsyncIterator[Apple]:
    """With `tls` it speaks https."""
    found = Apple()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(found.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.wait([task])

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    found.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
