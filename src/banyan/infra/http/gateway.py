"""The gateway: one ASGI layer around every route, for all that holds for all of them.

Order: request id and address, load shedding, cross-origin preflight, who asks, rate limit, hot answers, body,
idempotency, the route, commit or rollback, ETag and compression, headers, access log, metrics. One layer instead
of a stack of middleware: each layer costs a call and a closure per request.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import getrandbits

import structlog

from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work
from banyan.infra.http.addresses import Addresses, forwarded_for, limit_key, plain
from banyan.infra.http.answers import Answer, HotAnswers
from banyan.infra.http.asgi import Message, Receive, Scope, Send
from banyan.infra.http.body import read_body
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.files import FileSend
from banyan.infra.http.finish import Finisher, problem_answer
from banyan.infra.http.idempotency import Claim, Idempotency, IdempotencyRaced, raced, read_key
from banyan.infra.http.problems import Internal, MethodNotAllowed, UriTooLong
from banyan.infra.http.routing import FileAnswer
from banyan.infra.http.settings import HttpSettings
from banyan.infra.log import AccessLog
from banyan.infra.metrics import HTTP_IN_FLIGHT, HTTP_SHED
from banyan.infra.ratelimit import QuotaSpent, RateLimiter
from banyan.kernel.errors import BanyanError, Malformed, NotFound, Unauthorized, Unavailable

_MAX_TARGET_BYTES = 8192
_SINGLES = (b"host", b"authorization", b"idempotency-key", b"content-type")

# What answers a request whose body has been read. It may raise BanyanError.
Responder = Callable[[Scope, bytes, Exchange], Awaitable[Answer | FileAnswer]]

log = structlog.get_logger("banyan.http")


@dataclass(frozen=True, slots=True)
class RouteFlags:
    """What the gateway must know of a POST before its route runs."""

    secret_answer: bool = False
    own_idempotency: bool = False
    ignores_token: bool = False
    # Without an account a key counts only here: elsewhere the answer is 401, whoever used the key before.
    open_to_anyone: bool = False


_NO_FLAGS = RouteFlags()


@dataclass(frozen=True, slots=True)
class FlagTable:
    """The flags of routes by their path; `patterns` are those with parameters in it, which only POSTs are held to."""

    paths: dict[str, RouteFlags] = field(default_factory=dict)
    patterns: Sequence[tuple[re.Pattern[str], RouteFlags]] = ()

    def of_path(self, path: str) -> RouteFlags:
        """The flags of a route without parameters."""
        return self.paths.get(path.rstrip("/"), _NO_FLAGS)

    def of_post(self, path: str) -> RouteFlags:
        """The flags of any POST's route."""
        path = path.rstrip("/")
        found = self.paths.get(path)
        if found is None:
            found = next((flags for pattern, flags in self.patterns if pattern.fullmatch(path)), None)
        return found or _NO_FLAGS


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gateway works with."""

    settings: HttpSettings
    new_work: Callable[[], Work]
    verify_token: Callable[[Work, str], Awaitable[Principal]]
    find_principal: Callable[[str], Principal | None]
    limiter: RateLimiter
    access_log: AccessLog | None
    idempotency: Idempotency
    hot: HotAnswers
    # Paths that answer whatever the load and without limits: health, metrics, pages.
    open_paths: Callable[[str], bool]
    # The methods that an address takes, none where nothing is: for OPTIONS and for the header of a 405.
    allowed_methods: Callable[[str], Sequence[str]]
    flags: FlagTable = field(default_factory=FlagTable)


class Gateway:
    """The ASGI application: what holds for every request, around `respond`."""

    def __init__(self, respond: Responder, parts: Parts) -> None:
        self._respond = respond
        self._parts = parts
        self._settings = parts.settings
        self._addresses = Addresses(parts.settings.proxy_networks())
        self._finisher = Finisher(parts.settings, parts.access_log)
        self._in_flight = 0
        HTTP_IN_FLIGHT.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        exchange = self._open_exchange(scope)
        method = scope["method"]
        if method == "HEAD":
            # Routes know only GET; the body is dropped when the answer is sent.
            scope["method"] = "GET"
            exchange.is_head = True
        self._in_flight += 1
        try:
            answer = self._find_early_answer(scope, exchange)
            if answer is None:
                await self._admit(scope, exchange)
                found = await self._answer(scope, receive, exchange)
                if isinstance(found, FileAnswer):
                    await self._send_file(scope, exchange, found, started, send)
                    return
                answer = found
        except BanyanError as error:
            answer = problem_answer(error, exchange)
        except Exception as error:
            log.exception("request_failed", request_id=exchange.request_id, error=repr(error))
            answer = problem_answer(Internal("Something broke on our side; the log has it."), exchange)
        finally:
            self._in_flight -= 1
            if exchange.work.in_transaction:
                await exchange.work.rollback()
        if answer.status == MethodNotAllowed.status:
            answer.headers.append((b"allow", ", ".join(self._parts.allowed_methods(scope["path"])).encode()))
        scope["method"] = method
        await self._finisher.send(scope, exchange, answer, started, send)

    def _open_exchange(self, scope: Scope) -> Exchange:
        headers = dict(scope["headers"])
        client = scope.get("client")
        peer = plain(client[0]) if client else "unknown"
        secure = scope.get("scheme") == "https"
        request_id = None
        if self._settings.trusted_proxies and self._addresses.is_trusted(peer):
            request_id = _read_request_id(headers.get(b"x-request-id"))
            secure = secure or headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https"
            peer = self._addresses.client(peer, forwarded_for(scope["headers"]))
        # Told apart, not secret: the kernel's own random numbers cost a call into it.
        request_id = request_id or f"{getrandbits(64):016x}"
        exchange = Exchange(request_id, peer, secure, headers, self._parts.new_work())
        scope[SCOPE_KEY] = exchange
        return exchange

    def _find_early_answer(self, scope: Scope, exchange: Exchange) -> Answer | None:
        """An answer that needs no route: a preflight, a refusal for load, size or form."""
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_TARGET_BYTES:
            raise UriTooLong(f"At most {_MAX_TARGET_BYTES} bytes of path and query.")
        if b"host" not in exchange.headers and scope["http_version"] != "1.0":
            raise Malformed("HTTP/1.1 wants a Host header.")
        if len(scope["headers"]) != len(exchange.headers):
            _check_singles(scope["headers"])
        # The router would take `//v1//posts` for `/v1/posts`; nobody else who looks at the path would.
        # Nor is `/v1/auth/sessions/` what `/v1/auth/sessions` is: it is an address whose id was lost on the way.
        if "//" in scope["path"] or (scope["path"].startswith("/v1/") and scope["path"].endswith("/")):
            raise NotFound("There is nothing at this address.")
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in exchange.headers:
            return self._finisher.preflight(exchange)
        if self._in_flight > self._settings.max_in_flight and not self._parts.open_paths(scope["path"]):
            HTTP_SHED.inc()
            raise Unavailable("More requests are at work than this server carries.", retry_after_seconds=1)
        return None

    async def _admit(self, scope: Scope, exchange: Exchange) -> None:
        """Finds out who asks and whether they may ask again now.

        Raises Unauthorized for a token that does not hold, also where none is needed; QuotaSpent.
        """
        if self._parts.open_paths(scope["path"]):
            return
        authorization = exchange.headers.get(b"authorization")
        by_credentials = self._parts.flags.of_path(scope["path"]).ignores_token
        if authorization is not None and not by_credentials:
            await self._identify(exchange, authorization)
        limiter = self._parts.limiter
        if not limiter.enabled:
            return
        address = limit_key(exchange.client_ip)
        if exchange.principal is None:
            # A whole campus signs in and renews its tokens behind one address; guesses count by whom they are about.
            verdict = limiter.take("address" if by_credentials else "anonymous", address)
        else:
            verdict = limiter.take("address", address)
            if verdict.allowed:
                verdict = limiter.take("account", str(exchange.principal.account_id))
        exchange.verdict = verdict
        if not verdict.allowed:
            raise QuotaSpent(verdict)

    async def _identify(self, exchange: Exchange, authorization: bytes) -> None:
        scheme, _, token = authorization.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        token = token.strip()
        principal = self._parts.find_principal(token)
        if principal is None:
            try:
                principal = await self._parts.verify_token(exchange.work, token)
            except Unauthorized:
                # Guessing tokens is anonymous traffic and counts as such.
                if self._parts.limiter.enabled:
                    self._parts.limiter.check("anonymous", limit_key(exchange.client_ip))
                raise
        exchange.principal = principal

    async def _answer(self, scope: Scope, receive: Receive, exchange: Exchange) -> Answer | FileAnswer:
        method = scope["method"]
        if method == "GET":
            return await self._answer_read(scope, exchange)
        if method == "OPTIONS":
            return self._tell_methods(scope["path"])
        body = await self._read_body(exchange, receive)
        _check_text(scope["query_string"])
        if method != "POST":
            return await self._run(scope, body, exchange)
        key = exchange.idempotency_key = read_key(exchange.headers.get(b"idempotency-key"))
        if key is None:
            return await self._run(scope, body, exchange)
        flags = self._parts.flags.of_post(scope["path"])
        may_call = exchange.principal is not None or flags.open_to_anyone
        if flags.own_idempotency or not may_call:
            return await self._run(scope, body, exchange)
        return await self._answer_once(scope, body, exchange, flags, key)

    async def _read_body(self, exchange: Exchange, receive: Receive) -> bytes:
        """Whoever sends slowly holds a connection, but no place among the requests at work."""
        self._in_flight -= 1
        try:
            return await read_body(exchange.headers, receive, self._settings)
        finally:
            self._in_flight += 1

    def _tell_methods(self, path: str) -> Answer:
        methods = self._parts.allowed_methods(path)
        if not methods:
            raise NotFound("There is nothing at this address.")
        return Answer(204, [(b"allow", ", ".join(methods).encode())], b"")

    async def _answer_read(self, scope: Scope, exchange: Exchange) -> Answer | FileAnswer:
        key: bytes | None = None
        hot = self._parts.hot
        drops = hot.drops
        if exchange.principal is None:
            key = scope["raw_path"] + b"?" + scope["query_string"]
            kept = hot.find(key)
            if kept is not None:
                scope["path_template"] = kept.route
                return kept
        _check_text(scope["query_string"])
        answer = await self._run(scope, b"", exchange)
        if key is not None and exchange.shared_tags and isinstance(answer, Answer) and answer.status == 200:
            answer.route = scope.get("path_template", "")
            hot.keep(key, exchange.shared_tags, answer, drops)
        return answer

    async def _answer_once(
        self, scope: Scope, body: bytes, exchange: Exchange, flags: RouteFlags, key: str
    ) -> Answer | FileAnswer:
        """Answers a POST that carries an Idempotency-Key."""
        idempotency = self._parts.idempotency
        fingerprint = idempotency.fingerprint("POST", scope["path"], body)
        claim = Claim(key, fingerprint, flags.secret_answer)
        for last_look in (False, True):
            stored = await idempotency.find(exchange, key, fingerprint)
            if stored is None:
                exchange.work.first(idempotency.at_first_write(exchange, claim))
            elif stored.body is not None:
                return stored.answer()
            else:
                exchange.replayed_subject = stored.subject
            try:
                answer = await self._run(scope, body, exchange, None if stored else claim)
            except IdempotencyRaced:
                # Whoever was quicker has committed by now: the second look finds that answer.
                await exchange.work.rollback()
            else:
                if (
                    stored
                    or last_look
                    or isinstance(answer, FileAnswer)
                    or not await self._refused_by_itself(exchange, key, fingerprint, answer)
                ):
                    return answer
            exchange.error = None
            exchange.work = self._parts.new_work()
        raise raced()

    async def _refused_by_itself(self, exchange: Exchange, key: str, fingerprint: bytes, answer: Answer) -> bool:
        """Whether a refusal may come from the very same request, committed after the first look for its answer:
        the e-mail is taken, the link is used.
        """
        if not 400 <= answer.status < 500 or (exchange.error is not None and exchange.error.keeps_work):
            return False
        return await self._parts.idempotency.find(exchange, key, fingerprint) is not None

    async def _run(
        self, scope: Scope, body: bytes, exchange: Exchange, claim: Claim | None = None
    ) -> Answer | FileAnswer:
        """Runs the route, then commits what it did, or rolls back when it answers an error. A file is not begun."""
        answer = await self._respond(scope, body, exchange)
        if isinstance(answer, FileAnswer):
            return answer
        work = exchange.work
        error = exchange.error
        if answer.status < 400 or (error is not None and error.keeps_work):
            if claim is None:
                await work.commit()
            else:
                await self._parts.idempotency.commit(exchange, claim, answer)
        elif isinstance(error, IdempotencyRaced):
            raise error
        elif work.in_transaction:
            await work.rollback()
        return answer

    async def _send_file(self, scope: Scope, exchange: Exchange, file: FileAnswer, started: float, send: Send) -> None:
        """Raises what goes wrong before its first piece: then the answer can still be a refusal."""
        file_send = FileSend(send, partial(self._begin_file, scope, exchange))
        try:
            await file.send(scope, file_send)
        except Exception as error:
            if not file_send.begun:
                raise
            # No other answer can follow it: the connection is closed.
            log.exception("request_failed", request_id=exchange.request_id, error=repr(error))
        self._finisher.record_file(scope, exchange, file_send, started)

    async def _begin_file(self, scope: Scope, exchange: Exchange, start: Message) -> None:
        await exchange.work.commit()
        self._finisher.begin_file(scope["path"], exchange, start)
        # The server must know that nobody waits for the body.
        scope["method"] = "HEAD" if exchange.is_head else scope["method"]


def _read_request_id(header: bytes | None) -> str | None:
    if header is None or not 1 <= len(header) <= 64:
        return None
    text = header.decode("latin-1")
    return text if text.replace("-", "").replace("_", "").isalnum() and text.isascii() else None


def _check_singles(headers: Sequence[tuple[bytes, bytes]]) -> None:
    # Whoever stands before us may have believed the other one (RFC 9112, 3.2).
    names = [name for name, _ in headers]
    for single in _SINGLES:
        if names.count(single) > 1:
            raise Malformed(f"More than one {single.decode().title()} header.")


def _check_text(query: bytes) -> None:
    # PostgreSQL refuses NUL in text; nobody sends it by mistake.
    if b"%00" in query or b"\0" in query:
        raise Malformed("The query holds a NUL character.")
