"""From the gateway to a route and back: what Litestar does for a route of ours, without what it does for others'.

To find the route, to read its parameters and to judge them stays Litestar's, so errors and document are the same. Its
layers for dependencies, hooks, caches and debugging are left out: no route has any of those.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from litestar import Litestar
from litestar.exceptions import ClientException, SerializationException
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.utils import normalize_path

from banyan.infra.http.answers import Answer
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.finish import problem_answer
from banyan.infra.http.problems import Internal, MethodNotAllowed
from banyan.infra.http.refusals import as_refusal
from banyan.infra.http.routing import FileAnswer, Request, Route
from banyan.kernel.errors import Malformed

# As Litestar holds them, whose types want more of a scope than we know.
Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

log = structlog.get_logger("banyan.http")

# RFC 3986 section 3.2.
_HOST: Final = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")


class Dispatcher:
    """An ASGI application that calls the routes of a Litestar application.

    Raises TypeError for a route that wants of Litestar what is left out here.
    """

    def __init__(self, application: Litestar) -> None:
        self.application = application
        self._find = application.asgi_router.handle_routing
        self._parameters: dict[Route, Any] = {}
        for route in application.routes:
            if isinstance(route, HTTPRoute):
                for handler, parameters in route.route_handler_map.values():
                    if not isinstance(handler, Route):
                        continue
                    if handler in self._parameters or handler.has_sync_callable or parameters.dependency_batches:
                        raise TypeError(f"{route.path}: a route is asynchronous, has one path and no dependencies")
                    self._parameters[handler] = parameters

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
