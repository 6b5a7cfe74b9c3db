"""The ASGI application: pages from memory, health and metrics, and behind them the API, all inside the gateway."""

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any

import msgspec

from banyan.infra import metrics
from banyan.infra.health import Health
from banyan.infra.http.addresses import is_loopback
from banyan.infra.http.asgi import App, Receive, Scope, Send
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.problems import MethodNotAllowed
from banyan.kernel.errors import Forbidden
from banyan.web.pages import NOT_FOUND, Page

_JSON = b"application/json"
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
# A page asked for outside these is an address that a person typed or followed.
_API_PREFIXES = ("/v1/", "/.well-known/")


class Site:
    """Answers what is no API route. `api` calls the routes, `openapi` makes its document once."""

    def __init__(
        self,
        api: App,
        pages: Mapping[str, Page],
        openapi: Callable[[], dict[str, Any]],
        health: Health,
        metrics_token: str | None,
    ) -> None:
        self._api = api
        self._pages = pages
        self._openapi = openapi
        self._document: bytes | None = None
        self._health = health
        self._metrics_token = metrics_token
        self._routes: dict[str, Callable[[Scope], Awaitable[tuple[int, bytes, bytes]]]] = {
            "/healthz": self._answer_healthz,
            "/readyz": self._answer_readyz,
            "/metrics": self._answer_metrics,
            "/openapi.json": self._answer_openapi,
        }

    def is_open(self, path: str) -> bool:
        """Whether `path` is answered without a token and outside the limits."""
        return path in self._routes or path in self._pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        answer = self._routes.get(path)
        page = self._pages.get(path)
        if answer is None and page is None:
            if scope["type"] == "http" and _wants_page(scope, path):
                await _send_page(self._pages[NOT_FOUND], 404, send)
            else:
                await self._api(scope, receive, send)
            return
        scope["path_template"] = path if answer or not path.startswith("/assets/") else "/assets"
        if scope["method"] != "GET":
            raise MethodNotAllowed("Only GET and HEAD here.")
        if page is not None:
            await _send_page(page, 200, send)
        elif answer is not None:
            status, content_type, body = await answer(scope)
            await _send(send, status, [(b"content-type", content_type), (b"cache-control", b"no-cache")], body)

    async def _answer_healthz(self, scope: Scope) -> tuple[int, bytes, bytes]:
        return 200, _JSON, b'{"status":"ok"}'

    async def _answer_readyz(self, scope: Scope) -> tuple[int, bytes, bytes]:
        readiness = await self._health.readiness()
        return (200 if readiness.status == "ready" else 503), _JSON, msgspec.json.encode(readiness)

    async def _answer_metrics(self, scope: Scope) -> tuple[int, bytes, bytes]:
        exchange: Exchange = scope[SCOPE_KEY]
        if not self._may_read_metrics(exchange):
            raise Forbidden("Ask from this machine, or send `Authorization: Bearer <http.metrics_token>`.")
        return 200, metrics.CONTENT_TYPE.encode(), metrics.render()

    async def _answer_openapi(self, scope: Scope) -> tuple[int, bytes, bytes]:
        if self._document is None:
            self._document = msgspec.json.encode(self._openapi())
        return 200, _JSON, self._document

    def _may_read_metrics(self, exchange: Exchange) -> bool:
        token = self._metrics_token
        if token and compare_digest(exchange.headers.get(b"authorization", b""), f"Bearer {token}".encode()):
            return True
        # A proxy on this machine that is not known as one would make everybody look like loopback.
        forwarded = any(name in exchange.headers for name in _FORWARDED)
        return is_loopback(exchange.client_ip) and not forwarded


def _wants_page(scope: Scope, path: str) -> bool:
    if scope["method"] != "GET" or path.startswith(_API_PREFIXES) or path == "/dev/mailbox/messages":
        return False
    exchange: Exchange = scope[SCOPE_KEY]
    return b"text/html" in exchange.headers.get(b"accept", b"")


async def _send_page(page: Page, status: int, send: Send) -> None:
    headers = [
        (b"content-type", page.content_type.encode()),
        (b"etag", page.etag.encode()),
        (b"cache-control", page.cache_control.encode()),
        (b"content-security-policy", page.content_security_policy.encode()),
    ]
    await _send(send, status, headers, page.body)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
