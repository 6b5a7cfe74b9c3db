"""How features declare routes: controllers, with who may call and what can go wrong beside each route."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc, iscoroutinefunction
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.infra.audit.models import Actor
from banyan.infra.auth.errors import InsufficientScope
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.scopes import allows, needed_scope
from banyan.infra.database.work import Work
from banyan.infra.http.answers import Answer
from banyan.infra.http.asgi import Scope, Send
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.parameters import FromPath, FromQuery, JSONBody, Query, QueryParameter, parse_query
from banyan.kernel.errors import BanyanError, Forbidden, Unauthorized
from banyan.kernel.pages import MAX_LIMIT

__all__ = [
    "MOVED",
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
    "patch",
    "post",
    "put",
]

# One part; of several in one answer nobody has need.
_RANGE = re.compile(rb"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
_JSON = (b"content-type", b"application/json")
_NO_KEY = "This takes a session, no API key."
_encode = msgspec.json.Encoder().encode

# `credentials`: what the body holds proves who asks, and an access token beside it is not looked at.
Access = Literal["anyone", "credentials", "account", "admin"]

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before; none for the first page.")]


class Moved(Struct, frozen=True):
    """What was asked for stands at another address: answered with 308, the address also in the header `Location`."""

    location: str


# For `also` of a route that answers so.
MOVED: Mapping[type[Struct], int] = MappingProxyType({Moved: 308})


class Request:
    """A request as routes see it: who asks, from where, and the unit of work that its answer commits."""

    __slots__ = ("exchange", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.exchange: Exchange = scope[SCOPE_KEY]

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

    def header(self, name: str) -> str:
        """A header by its name in lower case, empty where it was not sent."""
        return self.exchange.headers.get(name.encode(), b"").decode("latin-1")

    @property
    def query(self) -> Query:
        """The whole query, in its order."""
        return parse_query(self.scope["query_string"])

    @property
    def has_json(self) -> bool:
        """Whether the body says of itself that it is JSON."""
        content_type = self.exchange.headers.get(b"content-type", b"")
        return content_type.partition(b";")[0].strip().lower() == b"application/json"

    @property
    def user_agent(self) -> str:
        return self.header("user-agent")[:256]

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
    """A file as an answer, sent piece by piece; `size_bytes` is all of `pieces` together.

    Who asks for a part of it (RFC 9110, 14.2), as after a lost line, gets that with 206; a range that makes no sense is
    not looked at, as the RFC allows.
    """

    def __init__(self, name: str, media_type: str, size_bytes: int, pieces: AsyncIterator[bytes]) -> None:
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"content-disposition", f'attachment; filename="{name}"'.encode()),
            (b"cache-control", b"private, no-store"),
            (b"accept-ranges", b"bytes"),
        ]
        self._size_bytes = size_bytes
        self._pieces = pieces

    async def send(self, scope: Scope, send: Send) -> None:
        """As ASGI messages. Raises what `pieces` do."""
        size = self._size_bytes
        part = _find_part(scope, size)
        wanted = range(size) if part is None else part
        headers = [*self._headers, (b"content-length", str(len(wanted)).encode())]
        if part is not None:
            headers.append((b"content-range", f"bytes {part.start}-{part.stop - 1}/{size}".encode()))
        await send({"type": "http.response.start", "status": 200 if part is None else 206, "headers": headers})
        place = 0
        async for piece in self._pieces:
            body = piece[max(0, wanted.start - place) : max(0, wanted.stop - place)]
            place += len(piece)
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            if place >= wanted.stop:
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _find_part(scope: Scope, size_bytes: int) -> range | None:
    """The bytes that a GET asks for; None for all of them."""
    exchange: Exchange = scope[SCOPE_KEY]
    found = _RANGE.fullmatch(exchange.headers.get(b"range", b""))
    # Files have no validator that an If-Range could name.
    if found is None or exchange.is_head or b"if-range" in exchange.headers:
        return None
    first, last = found["first"], found["last"]
    if first:
        part = range(int(first), min(int(last) + 1, size_bytes) if last else size_bytes)
    else:
        part = range(max(0, size_bytes - int(last or 0)), size_bytes)
    return part or None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Route:
    """One route, as its class declares it: the same for every application in a process."""

    function: Callable[..., Awaitable[Any]]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    status: int
    access: Access
    raises: tuple[type[BanyanError], ...]
    also: Mapping[type, int] = field(default_factory=dict)
    answers: type[Struct] | None = None
    file: str | None = None
    secret_answer: bool = False
    own_idempotency: bool = False
    by_session: bool = False

    @property
    def summary(self) -> str:
        return self._words[0].rstrip(".")

    @property
    def description(self) -> str | None:
        """What the function's docstring says below its first line."""
        return self._words[1].strip() if len(self._words) > 1 else None

    @property
    def _words(self) -> list[str]:
        return cleandoc(self.function.__doc__ or self.function.__name__).split("\n", 1)

    def authorize(self, exchange: Exchange, tags: Sequence[str]) -> None:
        """Raises Unauthorized, Forbidden where an admin is needed, InsufficientScope for an API key."""
        principal = exchange.principal
        if principal is not None and principal.scopes is not None:
            self._check_scopes(principal.scopes, tags)
        if self.access in ("anyone", "credentials"):
            return
        if principal is None:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        if self.access == "admin" and principal.role != "admin":
            raise Forbidden("Only an admin may do this.")

    def scope(self, tags: Sequence[str]) -> str | None:
        """The scope that it asks of an API key, by its controller's tags; None where it takes none."""
        return None if self.by_session else needed_scope(tags[0], self.method, admin=self.access == "admin")

    def _check_scopes(self, scopes: frozenset[str], tags: Sequence[str]) -> None:
        needed = self.scope(tags)
        if not allows(scopes, needed):
            raise InsufficientScope(f"It needs the scope `{needed}`." if needed else _NO_KEY)

    def finished(self, data: object) -> Answer:
        """What the route returned, encoded once."""
        status = self.also.get(type(data), self.status)
        answer = Answer(status, [], b"") if data is None else Answer(status, [_JSON], _encode(data))
        if isinstance(data, Moved):
            answer.headers.append((b"location", data.location.encode()))
        return answer


class Controller:
    """Routes that belong together, below one path; what they work with are annotations, filled in by `bind`.

    `tags`: the feature first, by which scopes of API keys and the documentation go.
    """

    path: ClassVar[str] = "/"
    tags: ClassVar[Sequence[str]] = ()

    @classmethod
    def routes(cls) -> list[Route]:
        """Its routes in their order, those of its bases first."""
        members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
        return [member for member in members.values() if isinstance(member, Route)]


Decorator = Callable[[Callable[..., Awaitable[Any]]], Route]


def _route(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    status: int,
    access: Access,
    raises: Sequence[type[BanyanError]],
    **more: Any,
) -> Decorator:
    def decorate(function: Callable[..., Awaitable[Any]]) -> Route:
        if not iscoroutinefunction(function):
            raise TypeError(f"{function.__module__}.{function.__qualname__}: a route is asynchronous")
        return Route(
            function=function, method=method, path=path, status=status, access=access, raises=tuple(raises), **more
        )

    return decorate


def get(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 200,
    also: Mapping[type[Struct], int] = MappingProxyType({}),
    answers: type[Struct] | None = None,
    file: str | None = None,
) -> Decorator:
    """A route that reads. `raises` documents errors beyond those that every route has.

    `also`: other types that it may return beside its main one, and the status that each is answered with.
    `answers`: what is documented, where it returns something that has the same JSON.
    `file`: the media type, where it answers a FileAnswer.
    """
    return _route("GET", path, status, access, raises, also=also, answers=answers, file=file)


def post(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 201,
    also: Mapping[type[Struct], int] = MappingProxyType({}),
    secret_answer: bool = False,
    own_idempotency: bool = False,
) -> Decorator:
    """A route that creates or moves something; the gateway honours Idempotency-Key on it.

    `also`: other types that it may return beside its main one, and the status that each is answered with.
    `secret_answer`: the answer holds tokens and is never stored; a retry calls the route with `replayed_subject`.
    `own_idempotency`: the feature handles the key itself.
    """
    return _route(
        "POST",
        path,
        status,
        access,
        raises,
        also=also,
        secret_answer=secret_answer,
        own_idempotency=own_idempotency,
    )


def put(
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 200
) -> Decorator:
    """A route that sets something; the same call again changes nothing."""
    return _route("PUT", path, status, access, raises)


def patch(
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 200
) -> Decorator:
    """A route that changes the fields it is given."""
    return _route("PATCH", path, status, access, raises)


def delete(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 204,
    by_session: bool = False,
) -> Decorator:
    """A route that removes something. `by_session`: it takes no API key, whatever its feature does."""
    return _route("DELETE", path, status, access, raises, by_session=by_session)
