"""The last step of every answer: headers, ETag and 304, compression, the access log line, metrics."""

import math
import time
from collections.abc import Mapping

from banyan.infra.http.answers import (
    Answer,
    Headers,
    accepts_gzip,
    is_compressible,
    is_unchanged,
    make_etag,
    zipped,
)
from banyan.infra.http.asgi import Message, Scope, Send
from banyan.infra.http.exchange import Exchange
from banyan.infra.http.files import FileSend
from banyan.infra.http.problems import PROBLEM_TYPE, encode_problem
from banyan.infra.http.settings import HttpSettings
from banyan.infra.log import AccessLog
from banyan.infra.metrics import HTTP_ANSWERED
from banyan.infra.ratelimit import QuotaSpent, Verdict
from banyan.kernel.errors import BanyanError

_SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_NO_CONTENT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PRIVATE = (b"cache-control", b"private, no-cache")
_PUBLIC = (b"cache-control", b"no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_EXPOSED = b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Idempotency-Replayed"
_ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ALLOWED_HEADERS = b"Authorization, Content-Type, Idempotency-Key, If-None-Match"
_BODYLESS = (204, 304)
_SAFE = ("GET", "HEAD")


def problem_answer(error: BanyanError, exchange: Exchange) -> Answer:
    """An error as an answer: a problem document, with `Retry-After` where a retry may help."""
    exchange.error = error
    if isinstance(error, QuotaSpent):
        exchange.verdict = error.verdict
    headers: Headers = [(b"content-type", PROBLEM_TYPE)]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after_seconds))).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="banyan"'))
    if error.status == 426:
        # RFC 9110, 15.5.22: what to upgrade to; RFC 6455, 4.4: which version of it.
        headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade"), (b"sec-websocket-version", b"13")]
    return Answer(error.status, headers, encode_problem(error, exchange.request_id))


class Finisher:
    """Sends answers. One per gateway."""

    def __init__(self, settings: HttpSettings, access_log: AccessLog | None) -> None:
        self._settings = settings
        self._log = access_log
        self._origins = {origin.encode() for origin in settings.cors_origins}
        self._any_origin = b"*" in self._origins

    def preflight(self, exchange: Exchange) -> Answer:
        """The answer to a cross-origin preflight; without the allowing header where the origin is not allowed."""
        return Answer(
            204,
            [
                (b"access-control-allow-methods", _ALLOWED_METHODS),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", b"600"),
            ],
            b"",
        )

    async def send(self, scope: Scope, exchange: Exchange, answer: Answer, started: float, send: Send) -> None:
        """Sends `answer` with everything that the house adds, then records it."""
        headers = list(answer.headers)
        given = dict(headers)
        status, body = self._represent(scope["method"], exchange, answer, headers, given)
        self._add_headers(headers, given, exchange, answer.status, scope["method"], scope["path"])
        if status not in _BODYLESS:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})
        self._record(scope, exchange, status, len(body), started)

    def begin_file(self, path: str, exchange: Exchange, start: Message) -> None:
        """Completes the headers of an answer that goes out in parts."""
        headers = list(start["headers"])
        self._add_headers(headers, dict(headers), exchange, int(start["status"]), "GET", path)
        start["headers"] = headers

    def record_file(self, scope: Scope, exchange: Exchange, sent: FileSend, started: float) -> None:
        """Records an answer that went out in parts."""
        self._record(scope, exchange, sent.status, sent.sent_bytes, started)

    def _represent(
        self, method: str, exchange: Exchange, answer: Answer, headers: Headers, given: Mapping[bytes, bytes]
    ) -> tuple[int, bytes]:
        """Status and body to send: the stored bytes, their gzip form, or 304 without a body."""
        body = answer.body
        shrinks = len(body) >= self._settings.compress_min_bytes and is_compressible(given)
        if shrinks:
            # Also with a 304: it says what the answer that it stands for depends on (RFC 9110, 15.4.5).
            headers.append((b"vary", b"Accept-Encoding"))
        if method in ("GET", "HEAD") and answer.status == 200:
            etag = answer.etag
            if etag is None:
                etag = answer.etag = given.get(b"etag") or make_etag(body)
            if b"etag" not in given:
                headers.append((b"etag", etag))
            condition = exchange.headers.get(b"if-none-match")
            if condition is not None and is_unchanged(etag, condition):
                return 304, b""
        if shrinks:
            accepted = exchange.headers.get(b"accept-encoding")
            if accepted is not None and accepts_gzip(accepted):
                headers.append((b"content-encoding", b"gzip"))
                return answer.status, zipped(answer)
        return answer.status, body

    def _add_headers(
        self,
        headers: Headers,
        given: Mapping[bytes, bytes],
        exchange: Exchange,
        status: int,
        method: str,
        path: str,
    ) -> None:
        headers.append((b"x-request-id", exchange.request_id.encode()))
        headers.extend(_SECURITY)
        if exchange.secure:
            headers.append(_STRICT_TRANSPORT)
        if b"content-security-policy" not in given:
            headers.append(_NO_CONTENT_POLICY)
        if b"cache-control" not in given:
            # What is answered to a write may hold tokens and keys (RFC 6749, 5.1).
            if method not in _SAFE or status >= 400 or path.startswith(("/v1/auth/", "/v1/realtime")):
                headers.append(_NO_STORE)
            else:
                headers.append(_PUBLIC if exchange.principal is None else _PRIVATE)
                headers.append((b"vary", b"Authorization"))
        if exchange.verdict is not None:
            headers.extend(_limit_headers(exchange.verdict))
        if self._origins:
            self._add_cross_origin(headers, exchange.headers.get(b"origin"))

    def _add_cross_origin(self, headers: Headers, origin: bytes | None) -> None:
        # Also without an origin: else a cache hands that answer on to a page that is let in.
        headers.append((b"vary", b"Origin"))
        if origin is not None and (self._any_origin or origin in self._origins):
            headers.append((b"access-control-allow-origin", b"*" if self._any_origin else origin))
            headers.append((b"access-control-expose-headers", _EXPOSED))

    def _record(self, scope: Scope, exchange: Exchange, status: int, size_bytes: int, started: float) -> None:
        seconds = time.perf_counter() - started
        route = scope.get("path_template") or "unmatched"
        HTTP_ANSWERED.add(scope["method"], route, status, seconds)
        if self._log is not None:
            self._log.write(exchange, scope["method"], scope["path"], status, size_bytes, seconds)


def _limit_headers(verdict: Verdict) -> Headers:
    """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10)."""
    policy = f'"{verdict.limit}";q={verdict.quota};w={verdict.window_seconds}'
    state = f'"{verdict.limit}";r={verdict.remaining};t={math.ceil(verdict.reset_seconds)}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]
