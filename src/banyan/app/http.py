"""The ASGI application: pages from memory, health and metrics, and behind them the API, all inside the gateway."""

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any

import msgspec

from banyan.infra import metrics
from banyan.infra.health import Health
from banyan.infra.http.addresses import is_loopback
from banyan.infra.http.answers import Answer
from banyan.infra.http.asgi import Scope
from banyan.infra.http.exchange import Exchange
from banyan.infra.http.gateway import Responder
from banyan.infra.http.problems import MethodNotAllowed
from banyan.infra.http.routing import FileAnswer
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
        api: Responder,
        pages: Mapping[str, Page],
        openapi: Callable[[], dict[str, Any]],
        health: Health,
        metrics_token: str | None,
    ) -> None:
        self._api = api
        self._openapi = openapi
        self._document: bytes | None = None
        self._health = health
        self._metrics_token = metrics_token
        # Pages are kept as answers, so that each is compressed once.
        self._own: dict[str, Answer | Callable[[Exchange], Awaitable[Answer]]] = {
            path: _page_answer(page, 200) for path, page in pages.items()
        }
        self._not_found = _page_answer(pages[NOT_FOUND], 404)
        self._own |= {
            "/healthz": self._answer_healthz,
            "/readyz": self._answer_readyz,
            "/metrics": self._answer_metrics,
            "/openapi.json": self._answer_openapi,
        }

    def is_open(self, path: str) -> bool:
        """Whether `path` is answered without a token and outside the limits."""
        return path in self._own

    async def __call__(self, scope: Scope, body: bytes, exchange: Exchange) -> Answer | FileAnswer:
        """Raises MethodNotAllowed, Forbidden; the API's answer may be a refusal as well."""
        path = scope["path"]
        found = self._own.get(path)
        if found is None:
            if not _wants_page(scope, path, exchange):
                return await self._api(scope, body, exchange)
            return self._not_found
        scope["path_template"] = "/assets" if path.startswith("/assets/") else path
        if scope["method"] != "GET":
            raise MethodNotAllowed("Only GET and HEAD here.")
        return found if isinstance(found, Answer) else await found(exchange)

    async def _answer_healthz(self, exchange: Exchange) -> Answer:
        return _fresh(200, _JSON, b'{"status":"ok"}')

    async def _answer_readyz(self, exchange: Exchange) -> Answer:
        readiness = await self._health.readiness()
        return _fresh(200 if readiness.status == "ready" else 503, _JSON, msgspec.json.encode(readiness))

    async def _answer_metrics(self, exchange: Exchange) -> Answer:
        if not self._may_read_metrics(exchange):
            raise Forbidden("Ask from this machine, or send `Authorization: Bearer <http.metrics_token>`.")
        return _fresh(200, metrics.CONTENT_TYPE.encode(), metrics.render())

    async def _answer_openapi(self, exchange: Exchange) -> Answer:
        if self._document is None:
            self._document = msgspec.json.encode(self._openapi())
        return _fresh(200, _JSON, self._document)

    def _may_read_metrics(self, exchange: Exchange) -> bool:
        token = self._metrics_token
        if token and compare_digest(exchange.headers.get(b"authorization", b""), f"Bearer {token}".encode()):
            return True
        # A proxy on this machine that is not known as one would make everybody look like loopback.
        forwarded = any(name in exchange.headers for name in _FORWARDED)
        return is_loopback(exchange.client_ip) and not forwarded


def _wants_page(scope: Scope, path: str, exchange: Exchange) -> bool:
    if scope["method"] != "GET" or path.startswith(_API_PREFIXES) or path == "/dev/mailbox/messages":
        return False
    return b"text/html" in exchange.headers.get(b"accept", b"")


def _page_answer(page: Page, status: int) -> Answer:
    headers = [
        (b"content-type", page.content_type.encode()),
        (b"etag", page.etag.encode()),
        (b"cache-control", page.cache_control.encode()),
        (b"content-security-policy", page.content_security_policy.encode()),
    ]
    return Answer(status, headers, page.body)


def _fresh(status: int, content_type: bytes, body: bytes) -> Answer:
    return Answer(status, [(b"content-type", content_type), (b"cache-control", b"no-cache")], body)
