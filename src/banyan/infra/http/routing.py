"""How features declare routes: Litestar's controllers, with who may call and what can go wrong beside each."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from inspect import cleandoc
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from litestar import Controller
from litestar import Request as LitestarRequest
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import Receive, Scope, Send
from msgspec import Struct

from banyan.infra.audit.models import Actor
from banyan.infra.auth.errors import InsufficientScope
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.scopes import allows, needed_scope
from banyan.infra.database.work import Work
from banyan.infra.http.answers import Answer
from banyan.infra.http.body import Body
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.problems import UnsupportedMediaType
from banyan.kernel.errors import BanyanError, Forbidden, Invalid, Malformed, Unauthorized
from banyan.kernel.pages import MAX_LIMIT

__all__ = [
    "MOVED",
    "NO_FIELDS",
    "Access",
    "Controller",
    "Cursor",
    "FileAnswer",
    "FromPath",
    "FromQuery",
    "JSONBody",
    "Limit",
    "Moved",
    "QueryParameter",
    "Request",
    "Route",
    "delete",
    "get",
    "needs_body",
    "patch",
    "post",
    "put",
    "scope_of",
]

# msgspec's messages end in where it went wrong: "Expected `str`, got `int` - at `$.audience.kind`".
_PLACE = re.compile(r" - at `\$\.?(?P<place>.*)`$")
# What a request without a body says: enough where no field is required.
NO_FIELDS = b"{}"
_JSON = (b"content-type", b"application/json")
_NO_KEY = "This takes a session, no API key."
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# `credentials`: what the body holds proves who asks, and an access token beside it is not looked at.
Access = Literal["anyone", "credentials", "account", "admin"]

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before; none for the first page.")]


class Moved(Struct, frozen=True):
    """What was asked for stands at another address: answered with 308, the address also in the header `Location`."""

    location: str


# For `also` of a route that answers so.
MOVED: Mapping[type[Struct], int] = MappingProxyType({Moved: 308})


class Request(LitestarRequest[Any, Any, State]):
    """A request with Banyan's own facts: who asks, from where, and the unit of work that its answer commits."""

    @property
    def exchange(self) -> Exchange:
        exchange: Exchange = self.scope[SCOPE_KEY]  # type: ignore[literal-required]
        return exchange

    @property
    def work(self) -> Work:
        return self.exchange.work

    @property
    def principal(self) -> Principal | None:
        return self.exchange.principal

    @property
    def viewer_id(self) -> UUID | None:
        """The account that reads, or None for anybody."""
        principal = self.exchange.principal
        return principal.account_id if principal else None

    @property
    def account_id(self) -> UUID:
        """The signed-in account. Raises Unauthorized without one."""
        principal = self.exchange.principal
        if principal is None:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        return principal.account_id

    @property
    def session_id(self) -> UUID:
        """The session of the access token. Raises Unauthorized without one, InsufficientScope for an API key."""
        principal = self.exchange.principal
        if principal is None:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        if principal.session_id is None:
            raise InsufficientScope(_NO_KEY)
        return principal.session_id

    @property
    def client_ip(self) -> str:
        return self.exchange.client_ip

    @property
    def request_id(self) -> str:
        return self.exchange.request_id

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit log. Raises Unauthorized without an account."""
        principal = self.exchange.principal
        key_id = principal.api_key_id if principal else None
        return Actor(
            via="api_key" if key_id else "session",
            via_id=str(key_id or self.session_id),
            account_id=self.account_id,
            ip=self.client_ip,
            request_id=self.request_id,
        )

    async def body(self) -> bytes:
        """What the gateway has read, within its limits. Litestar would look for its own in headers that it parses."""
        receive = self.receive
        return receive.content if isinstance(receive, Body) else await super().body()

    @property
    def has_json(self) -> bool:
        """Whether the body says of itself that it is JSON."""
        content_type = self.exchange.headers.get(b"content-type", b"")
        return content_type.partition(b";")[0].strip().lower() == b"application/json"

    async def json(self) -> Any:
        """The body's JSON value, of which a route's `data` is made. Raises UnsupportedMediaType, Malformed."""
        if not self.has_json:
            raise UnsupportedMediaType("Send `Content-Type: application/json`.")
        try:
            value = _decode(await self.body())
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Malformed("The body must be one JSON value in UTF-8.") from None
        except RecursionError:
            raise Malformed("The body is nested too deeply.") from None
        self._check_kinds(value)
        return value

    def _check_kinds(self, value: object) -> None:
        """Litestar takes a body as it takes a query, where "6" is a number and "null" is nothing. In JSON they are
        text. Raises Invalid; for all else that may be wrong Litestar finds the words.
        """
        wanted = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        try:
            msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            with suppress(msgspec.ValidationError):
                msgspec.convert(value, wanted, strict=False)
                place = _PLACE.search(str(error))
                raise Invalid.field(place["place"] if place else "body", "invalid", str(error)) from None

    @property
    def user_agent(self) -> str:
        return self.exchange.headers.get(b"user-agent", b"").decode("latin-1")[:256]

    @property
    def idempotency_key(self) -> str | None:
        return self.exchange.idempotency_key

    @property
    def replayed_subject(self) -> UUID | None:
        """On a retry of a request whose answer held tokens: the account they were for."""
        return self.exchange.replayed_subject

    def moved_to(self, path: str) -> Moved:
        """The same question at another path."""
        query = self.scope["query_string"].decode("latin-1")
        return Moved(f"{path}?{query}" if query else path)

    def remember_subject(self, account_id: UUID) -> None:
        """Say whose tokens this answer holds, so that a retry can get fresh ones instead of a second effect."""
        self.exchange.remembered_subject = account_id

    def share(self, *tags: str) -> None:
        """This anonymous answer is the same for everybody until one of `tags` is announced on `http.answers`."""
        if self.exchange.principal is None:
            self.exchange.shared_tags = tags


class FileAnswer:
    """A file as an answer, sent piece by piece; `size_bytes` is all of `pieces` together."""

    def __init__(self, name: str, media_type: str, size_bytes: int, pieces: AsyncIterator[bytes]) -> None:
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(size_bytes).encode()),
            (b"content-disposition", f'attachment; filename="{name}"'.encode()),
            (b"cache-control", b"private, no-store"),
        ]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Route(HTTPRouteHandler):
    """One route. It answers with msgspec's bytes and checks access itself: Litestar's own response and guards
    cost as much again as the rest of a request (75 of 150 us).
    """

    def authorize(self, exchange: Exchange) -> None:
        """Raises Unauthorized, Forbidden where an admin is needed, InsufficientScope for an API key."""
        access: Access = self.opt["access"]
        if exchange.principal is not None and exchange.principal.scopes is not None:
            self._check_scopes(exchange.principal.scopes)
        if access in ("anyone", "credentials"):
            return
        if exchange.principal is None:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        if access == "admin" and exchange.principal.role != "admin":
            raise Forbidden("Only an admin may do this.")

    def _check_scopes(self, scopes: frozenset[str]) -> None:
        needed = scope_of(self)
        if not allows(scopes, needed):
            raise InsufficientScope(f"It needs the scope `{needed}`." if needed else _NO_KEY)

    def finished(self, data: object) -> Answer:
        """What the route returned, encoded once."""
        status = self.opt["also"].get(type(data), self.status_code)
        answer = Answer(status, [], b"") if data is None else Answer(status, [_JSON], _encode(data))
        if isinstance(data, Moved):
            answer.headers.append((b"location", data.location.encode()))
        return answer


def needs_body(handler: HTTPRouteHandler) -> bool:
    """Whether something in a route's body is required; where nothing is, it may be left out."""
    try:
        msgspec.json.decode(NO_FIELDS, type=handler.parsed_fn_signature.parameters["data"].annotation)
    except msgspec.ValidationError:
        return True
    return False


def scope_of(handler: HTTPRouteHandler) -> str | None:
    """The scope that a route asks of an API key; None where it takes none."""
    if handler.opt.get("by_session"):
        return None
    access: Access = handler.opt["access"]
    (method,) = handler.http_methods
    return needed_scope(handler.resolve_tags()[0], method, admin=access == "admin")


Handler = TypeVar("Handler", bound=Callable[..., Any])
Decorator = Callable[[Handler], Route]


def _route(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    status: int,
    access: Access,
    raises: Sequence[type[BanyanError]],
    also: Mapping[type[Struct], int] = MappingProxyType({}),
    **opt: Any,
) -> Decorator[Any]:
    def decorate(function: Callable[..., Any]) -> Route:
        lines = cleandoc(function.__doc__ or function.__name__).split("\n", 1)
        handler = Route(
            path,
            http_method=method,
            status_code=status,
            summary=lines[0].rstrip("."),
            description=lines[1].strip() if len(lines) > 1 else None,
            opt={"access": access, "raises": tuple(raises), "also": dict(also), **opt},
        )
        handler(function)
        return handler

    return decorate


def get(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 200,
    also: Mapping[type[Struct], int] = MappingProxyType({}),
    file: str | None = None,
) -> Decorator[Any]:
    """A route that reads. `raises` documents errors beyond those that every route has.

    `also`: other types that it may return beside its main one, and the status that each is answered with.
    `file`: the media type, where it answers a FileAnswer.
    """
    return _route("GET", path, status, access, raises, also, file=file)


def post(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 201,
    also: Mapping[type[Struct], int] = MappingProxyType({}),
    secret_answer: bool = False,
    own_idempotency: bool = False,
) -> Decorator[Any]:
    """A route that creates or moves something; the gateway honours Idempotency-Key on it.

    `also`: other types that it may return beside its main one, and the status that each is answered with.
    `secret_answer`: the answer holds tokens and is never stored; a retry calls the route with `replayed_subject`.
    `own_idempotency`: the feature handles the key itself.
    """
    return _route(
        "POST", path, status, access, raises, also, secret_answer=secret_answer, own_idempotency=own_idempotency
    )


def put(
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 200
) -> Decorator[Any]:
    """A route that sets something; the same call again changes nothing."""
    return _route("PUT", path, status, access, raises)


def patch(
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 200
) -> Decorator[Any]:
    """A route that changes the fields it is given."""
    return _route("PATCH", path, status, access, raises)


def delete(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 204,
    by_session: bool = False,
) -> Decorator[Any]:
    """A route that removes something. `by_session`: it takes no API key, whatever its feature does."""
    return _route("DELETE", path, status, access, raises, by_session=by_session)
