"""From the gateway to a route and back: the address finds the function, its signature reads what it takes."""

import re
from typing import Any, Final

import structlog

from banyan.infra.http.answers import Answer
from banyan.infra.http.asgi import Receive, Scope, Send
from banyan.infra.http.body import Body
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.finish import problem_answer
from banyan.infra.http.parameters import parse_query
from banyan.infra.http.problems import Internal
from banyan.infra.http.routing import FileAnswer, Request
from banyan.infra.http.table import Endpoint, Table
from banyan.kernel.errors import BanyanError, Malformed

log = structlog.get_logger("banyan.http")

# RFC 3986 section 3.2.
_HOST: Final = re.compile(rb"[0-9A-Za-z!$&'()*+,;=\-._~:\[\]@%]*")


class Dispatcher:
    """An ASGI application that calls the routes of a table. The gateway has read the body."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends an answer to every request. What goes wrong while it is sent in pieces is raised."""
        exchange: Exchange = scope[SCOPE_KEY]
        try:
            answer = await self._call(scope, receive, exchange)
        except BanyanError as error:
            answer = problem_answer(error, exchange)
        except Exception as error:
            log.error("request_failed", request_id=exchange.request_id, path=scope["path"], exc_info=error)
            refusal = Internal("Something broke on our side; the log has it under this request_id.")
            answer = problem_answer(refusal, exchange)
        if isinstance(answer, Answer):
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await answer(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, exchange: Exchange) -> Answer | FileAnswer:
        if not _HOST.fullmatch(exchange.headers.get(b"host", b"")):
            raise Malformed("The Host header holds what no host has.")
        endpoint, values = self.table.find(scope["method"], scope["path"])
        scope["path_template"] = endpoint.path
        endpoint.route.authorize(exchange, endpoint.tags)
        data = await endpoint.call(**_arguments(endpoint, values, Request(scope), receive))
        return data if isinstance(data, FileAnswer) else endpoint.route.finished(data)


def _arguments(endpoint: Endpoint, values: dict[str, Any], request: Request, receive: Receive) -> dict[str, Any]:
    """Raises Invalid, UnsupportedMediaType, Malformed."""
    wanted = endpoint.signature
    arguments = {one.name: values[one.name] for one in wanted.path} if values else {}
    if wanted.takes_request:
        arguments["request"] = request
    if wanted.query or wanted.body is not None:
        content = receive.content if isinstance(receive, Body) else b""
        arguments |= wanted.read(parse_query(request.scope["query_string"]), request.has_json, content)
    return arguments
