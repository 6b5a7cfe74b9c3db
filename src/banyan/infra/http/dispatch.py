"""From the gateway to a route and back: what Litestar does for a route of ours, without what it does for others'.

To find the route stays Litestar's, and so does to judge what is wrong with parameters, so errors and document are the
same. What is right and stands in the path or in a JSON body is read without it. Its layers for dependencies, hooks,
caches and debugging are left out: no route has any of those.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar
from litestar.exceptions import ClientException, SerializationException
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.utils import normalize_path
from msgspec import Struct

from banyan.infra.http.answers import Answer
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.finish import problem_answer
from banyan.infra.http.problems import Internal, MethodNotAllowed
from banyan.infra.http.refusals import as_refusal
from banyan.infra.http.routing import NO_FIELDS, FileAnswer, Request, Route
from banyan.kernel.errors import Malformed

# As Litestar holds them, whose types want more of a scope than we know.
Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

log = structlog.get_logger("banyan.http")

# RFC 3986 section 3.2.
_HOST: Final = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")


class _Plain(Struct, frozen=True):
    """How to read a route's arguments where nothing is wrong with them: all stand in the path, but for the body."""

    takes_request: bool
    path_names: tuple[str, ...]
    decode: Callable[[bytes], Any] | None

    @classmethod
    def find(cls, route: HTTPRoute, handler: Route) -> "_Plain | None":
        """None where the route takes something else as well, as from the query."""
        wanted = handler.parsed_fn_signature.parameters
        names = tuple(name for name in wanted if name not in ("request", "data"))
        for name in names:
            if name not in route.path_parameters or route.path_parameters[name].type is not wanted[name].annotation:
                return None
        decode = msgspec.json.Decoder(wanted["data"].annotation).decode if "data" in wanted else None
        return cls("request" in wanted, names, decode)

    async def read(self, request: Request) -> dict[str, Any] | None:
        """None where something is wrong: Litestar finds the words."""
        values = request.scope["path_params"]
        arguments: dict[str, Any] = {name: values[name] for name in self.path_names}
        if self.takes_request:
            arguments["request"] = request
        if self.decode is not None:
            body = await request.body()
            if body and not request.has_json:
                return None
            try:
                arguments["data"] = self.decode(body or NO_FIELDS)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return None
        return arguments


class Dispatcher:
    """An ASGI application that calls the routes of a Litestar application.

    Raises TypeError for a route that wants of Litestar what is left out here.
    """

    def __init__(self, application: Litestar) -> None:
        self.application = application
        self._find = application.asgi_router.handle_routing
        self._parameters: dict[Route, Any] = {}
        self._plain: dict[Route, _Plain] = {}
        for route in application.routes:
            if isinstance(route, HTTPRoute):
                for handler, parameters in route.route_handler_map.values():
                    if not isinstance(handler, Route):
                        continue
                    if handler in self._parameters or handler.has_sync_callable or parameters.dependency_batches:
                        raise TypeError(f"{route.path}: a route is asynchronous, has one path and no dependencies")
                    self._parameters[handler] = parameters
                    plain = _Plain.find(route, handler)
                    if plain is not None:
                        self._plain[handler] = plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends an answer to every request. What goes wrong while it is sent in pieces is raised."""
        exchange: Exchange = scope[SCOPE_KEY]
        try:
            answer = await self._call(scope, receive, send, exchange)
        except Exception as error:
            refusal = as_refusal(error)
            if isinstance(refusal, Internal):
                log.error("request_failed", request_id=exchange.request_id, path=scope["path"], exc_info=error)
            answer = problem_answer(refusal, exchange)
        if isinstance(answer, Answer):
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await answer(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> Answer | FileAnswer:
        if not _HOST.fullmatch(exchange.headers.get(b"host", b"")):
            raise Malformed("The Host header holds what no host has.")
        _, handler, scope["path"], scope["path_params"], scope["path_template"] = self._find(
            normalize_path(scope["path"]), scope["method"]
        )
        if not isinstance(handler, Route):
            raise MethodNotAllowed("This address does not take that method.")
        handler.authorize(exchange)
        scope["app"] = scope["litestar_app"] = self.application
        scope["route_handler"] = handler
        request = Request(scope, receive, send)
        data = await handler.fn(**await self._arguments(handler, request))
        return data if isinstance(data, FileAnswer) else handler.finished(data)

    async def _arguments(self, handler: Route, request: Request) -> dict[str, Any]:
        """Raises Litestar's exceptions for what is missing or wrong."""
        plain = self._plain.get(handler)
        if plain is not None:
            arguments = await plain.read(request)
            if arguments is not None:
                return arguments
        parameters = self._parameters[handler]
        if not parameters.has_kwargs:
            return {}
        try:
            found = await parameters.to_kwargs(request)
        except SerializationException as error:
            raise ClientException(str(error)) from error
        if found.get("data") is Empty:
            del found["data"]
        return handler.signature_model.parse_values_from_connection_kwargs(request, found)
