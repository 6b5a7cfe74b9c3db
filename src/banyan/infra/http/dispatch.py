"""From the gateway to a route and back: the address finds the function, its signature reads what it takes."""

import re
from typing import Any, Final

import structlog

from banyan.infra.http.answers import Answer
from banyan.infra.http.asgi import Scope
from banyan.infra.http.exchange import Exchange
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
    """Calls the routes of a table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def __call__(self, scope: Scope, body: bytes, exchange: Exchange) -> Answer | FileAnswer:
        """An answer to every request: what goes wrong is one, too."""
        try:
            return await self._call(scope, body, exchange)
        except BanyanError as error:
            return problem_answer(error, exchange)
        except Exception as error:
            log.error("request_failed", request_id=exchange.request_id, path=scope["path"], exc_info=error)
            refusal = Internal("Something broke on our side; the log has it under this request_id.")
            return problem_answer(refusal, exchange)

    async def _call(self, scope: Scope, body: bytes, exchange: Exchange) -> Answer | FileAnswer:
        if not _HOST.fullmatch(exchange.headers.get(b"host", b"")):
            raise Malformed("The Host header holds what no host has.")
        endpoint, values = self.table.find(scope["method"], scope["path"])
        scope["path_template"] = endpoint.path
        endpoint.route.authorize(exchange, endpoint.tags)
        data = await endpoint.call(**_arguments(endpoint, values, Request(scope), body))
        return data if isinstance(data, FileAnswer) else endpoint.route.finished(data)


def _arguments(endpoint: Endpoint, values: dict[str, Any], request: Request, body: bytes) -> dict[str, Any]:
    """Raises Invalid, UnsupportedMediaType, Malformed."""
    wanted = endpoint.signature
    arguments = {one.name: values[one.name] for one in wanted.path} if values else {}
    if wanted.takes_request:
        arguments["request"] = request
    if wanted.query or wanted.body is not None:
        arguments |= wanted.read(parse_query(request.scope["query_string"]), request.has_json, body)
    return arguments
