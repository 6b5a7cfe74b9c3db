"""The whole platform for a test: on a database of its own, asked in the process or over a real port."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from banyan.app.modules import running
from banyan.app.server import Server, listen, uvicorn_config
from banyan.app.settings import Settings, load_settings
from banyan.app.targets import Targets
from banyan.app.wiring import Platform, open_platform
from banyan.infra.auth.keys import make_signing_key
from banyan.infra.log import LogStream
from banyan.infra.push.keys import make_private_key

PASSWORD = "a long enough password"
MAILBOX_KEY = "mailbox-key-of-the-tests"
_SIGNING_KEY = make_signing_key()
_PUSH_KEY = make_private_key()


def settings_for(database_url: str, **parts: Mapping[str, Any]) -> Settings:
    """Settings of a test's platform: cheap password hashes and no limits, unless `parts` say otherwise."""
    defaults: dict[str, dict[str, Any]] = {
        # Waits that only a machine with much else to do makes long.
        "database": {
            "url": database_url,
            "pool_size": 4,
            "acquire_timeout_seconds": 60,
            "connect_timeout_seconds": 60,
            "statement_timeout_seconds": 60,
        },
        "auth": {"signing_key": _SIGNING_KEY, "secret": "s" * 43, "hash_memory_kib": 8192, "hash_passes": 1},
        "mail": {"mailbox_key": MAILBOX_KEY},
        # Nothing is sent before a test registers a device; nobody listens at this address.
        "push": {
            "vapid_key": _PUSH_KEY,
            "apns": {"key": _PUSH_KEY, "key_id": "K", "team_id": "T", "topic": "t", "url": "http://127.0.0.1:9"},
        },
        "limits": {"enabled": False},
        "http": {"public_url": "http://banyan.test"},
        "jobs": {"poll_seconds": 0.2},
        "realtime": {"hello_seconds": 300},
    }
    for part, values in parts.items():
        defaults[part] = {**defaults.get(part, {}), **values}
    return load_settings(None, defaults)


@asynccontextmanager
async def running_platform(settings: Settings, targets: str = "all") -> AsyncIterator[Platform]:
    """The platform with all that its targets run, without a port."""
    chosen = Targets.read(targets)
    log = LogStream(io.BytesIO())
    async with open_platform(settings, chosen, log) as platform, running(platform, chosen):
        yield platform


@asynccontextmanager
async def serving(platform: Platform, listener: socket.socket | None = None) -> AsyncIterator[str]:
    """The platform on a free port of this machine, or on `listener`, in the running loop; its base URL."""
    listener = listener or listen("127.0.0.1", 0)
    server = Server(uvicorn_config(platform.asgi, platform.settings.http, platform.sockets))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class Api:
    """Speaks to a platform in the process; one for anybody, and one for each account from `sign_up`."""

    def __init__(self, platform: Platform, http: httpx.AsyncClient, signed_in: Mapping[str, Any] | None = None) -> None:
        self.platform = platform
        self.http = http
        self.signed_in = signed_in or {}

    @property
    def id(self) -> str:
        return str(self.signed_in["account"]["id"])

    @property
    def handle(self) -> str:
        return str(self.signed_in["account"]["handle"])

    async def sign_up(self, handle: str) -> "Api":
        """A new account under that handle, at HANDLE@example.org."""
        body = {
            "email": f"{handle}@example.org",
            "password": PASSWORD,
            "handle": handle,
            "display_name": handle.title(),
        }
        answer = await self.post("/v1/accounts", body)
        assert answer.status_code == 201, answer.text
        return Api(self.platform, self.http, answer.json())

    async def sign_up_admin(self, handle: str = "chief") -> "Api":
        """A new account that is an admin, signed in as one."""
        member = await self.sign_up(handle)
        async with self.platform.pool.connection() as connection:
            await connection.execute("UPDATE accounts_accounts SET role = 'admin' WHERE id = $1", member.id)
        signed_in = await self.post("/v1/auth/token", {"email": f"{handle}@example.org", "password": PASSWORD})
        assert signed_in.status_code == 200, signed_in.text
        return Api(self.platform, self.http, signed_in.json())

    async def connect(self, other: "Api") -> str:
        """Connects the two; the connection's id."""
        asked = await self.post("/v1/connections", {"person_id": other.id})
        assert asked.status_code == 201, asked.text
        connection_id = str(asked.json()["id"])
        accepted = await other.post(f"/v1/connections/{connection_id}/accept")
        assert accepted.status_code == 200, accepted.text
        return connection_id

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.ask("POST", path, body, **headers)

    async def patch(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.ask("PATCH", path, body, **headers)

    async def put(self, path: str, **headers: str) -> httpx.Response:
        return await self.ask("PUT", path, **headers)

    async def delete(self, path: str, **headers: str) -> httpx.Response:
        return await self.ask("DELETE", path, **headers)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One request; `idempotency_key="x"` becomes the header Idempotency-Key."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.signed_in and "authorization" not in sent:
            sent["authorization"] = f"Bearer {self.signed_in['access_token']}"
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent.setdefault("content-type", "application/json")
        return await self.http.request(method, path, content=content, headers=sent)


@asynccontextmanager
async def api_of(platform: Platform) -> AsyncIterator[Api]:
    """An anonymous client inside the process."""
    transport = httpx.ASGITransport(app=platform.asgi)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://banyan.test") as http:
        yield Api(platform, http)
