"""How features declare routes: Litestar's controllers, with who may call and what can go wrong beside each."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from litestar import Controller
from litestar import Request as LitestarRequest
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from msgspec import Meta

from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.kernel.errors import BanyanError, Forbidden, Unauthorized
from banyan.kernel.pages import MAX_LIMIT

__all__ = [
    "Access",
    "Controller",
    "Cursor",
    "Limit",
    "Request",
    "check_access",
    "delete",
    "get",
    "patch",
    "post",
    "put",
]

Access = Literal["anyone", "account", "admin"]

Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[str | None, Meta(description="`next_cursor` of the page before; none for the first page.")]


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
        """The session of the access token. Raises Unauthorized without one."""
        principal = self.exchange.principal
        if principal is None:
            raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
        return principal.session_id

    @property
    def client_ip(self) -> str:
        return self.exchange.client_ip

    @property
    def request_id(self) -> str:
        return self.exchange.request_id

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

    def remember_subject(self, account_id: UUID) -> None:
        """Say whose tokens this answer holds, so that a retry can get fresh ones instead of a second effect."""
        self.exchange.remembered_subject = account_id

    def share(self, tag: str) -> None:
        """This anonymous answer is the same for everybody until `tag` is announced on `http.answers`."""
        if self.exchange.principal is None:
            self.exchange.shared_tag = tag


def check_access(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of every route. Raises Unauthorized, or Forbidden where an admin is needed."""
    access: Access = handler.opt.get("access", "account")
    if access == "anyone":
        return
    exchange: Exchange = connection.scope[SCOPE_KEY]  # type: ignore[literal-required]
    if exchange.principal is None:
        raise Unauthorized("Send `Authorization: Bearer <access_token>`.")
    if access == "admin" and exchange.principal.role != "admin":
        raise Forbidden("Only an admin may do this.")


Handler = TypeVar("Handler", bound=Callable[..., Any])
Decorator = Callable[[Handler], HTTPRouteHandler]


def _route(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    status: int,
    access: Access,
    raises: Sequence[type[BanyanError]],
    **opt: Any,
) -> Decorator[Any]:
    def decorate(function: Callable[..., Any]) -> HTTPRouteHandler:
        lines = (function.__doc__ or function.__name__).strip().split("\n", 1)
        return HTTPRouteHandler(
            path,
            http_method=method,
            status_code=status,
            summary=lines[0].rstrip("."),
            description=lines[1].strip() if len(lines) > 1 else None,
            opt={"access": access, "raises": tuple(raises), **opt},
        )(function)

    return decorate


def get(
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 200
) -> Decorator[Any]:
    """A route that reads. `raises` documents errors beyond those that every route has."""
    return _route("GET", path, status, access, raises)


def post(
    path: str = "/",
    *,
    access: Access = "account",
    raises: Sequence[type[BanyanError]] = (),
    status: int = 201,
    secret_answer: bool = False,
    own_idempotency: bool = False,
) -> Decorator[Any]:
    """A route that creates or moves something; the gateway honours Idempotency-Key on it.

    `secret_answer`: the answer holds tokens and is never stored; a retry calls the route with `replayed_subject`.
    `own_idempotency`: the feature handles the key itself.
    """
    return _route("POST", path, status, access, raises, secret_answer=secret_answer, own_idempotency=own_idempotency)


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
    path: str = "/", *, access: Access = "account", raises: Sequence[type[BanyanError]] = (), status: int = 204
) -> Decorator[Any]:
    """A route that removes something."""
    return _route("DELETE", path, status, access, raises)
