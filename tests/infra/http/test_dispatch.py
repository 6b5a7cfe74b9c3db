"""From an address to its function and back; what is wrong with a request is said in one form."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct

from banyan.infra.auth.principal import Principal
from banyan.infra.database.work import Work
from banyan.infra.http.dispatch import Dispatcher
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.routing import (
    MOVED,
    Controller,
    FileAnswer,
    FromPath,
    FromQuery,
    JSONBody,
    Limit,
    Moved,
    Request,
    get,
    post,
)
from banyan.infra.http.table import Table
from banyan.kernel.errors import NotFound
from banyan.kernel.pages import DEFAULT_LIMIT


class Thing(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    size: int = 1


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 1


class ThingNotFound(NotFound):
    code = "thing_not_found"


async def pieces(break_off: bool) -> AsyncIterator[bytes]:
    yield b"one "
    if break_off:
        raise OSError
    yield b"two"


class ThingRoutes(Controller):
    path = "/v1/things"

    @get(access="anyone")
    async def list_things(self, request: Request, limit: Limit = DEFAULT_LIMIT) -> list[Thing]:
        return [Thing("a", limit), Thing(request.client_ip)]

    @post(access="anyone")
    async def make(self, data: JSONBody[Thing]) -> Thing:
        return data

    @post("/wishes", access="anyone")
    async def wish(self, data: JSONBody[Wish]) -> Wish:
        return data

    @post("/quiet", access="anyone", status=204)
    async def be_quiet(self) -> None:
        return None

    @get("/mine")
    async def mine(self, request: Request) -> Thing:
        return Thing(str(request.account_id))

    @get("/file", access="anyone", file="text/plain")
    async def file(self, broken: FromQuery[bool] = False) -> FileAnswer:
        return FileAnswer("things.txt", "text/plain", 7, pieces(broken))

    @get("/{thing_id:uuid}", access="anyone", also=MOVED)
    async def show(self, request: Request, thing_id: FromPath[UUID]) -> Thing | Moved:
        if thing_id.int == 0:
            raise ThingNotFound
        if thing_id.int == 1:
            return request.moved_to("/v1/things/elsewhere")
        if thing_id.int == 2:
            raise ZeroDivisionError
        return Thing(str(thing_id))


class Sent:
    """What came back."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.exchange: Exchange | None = None
        self.scope: dict[str, Any] = {}

    async def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    return Dispatcher(Table([ThingRoutes]))


async def ask(
    dispatcher: Dispatcher,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[bytes, bytes] | None = None,
    principal: Principal | None = None,
) -> Sent:
    sent = Sent()
    sent.exchange = Exchange("request", "127.0.0.1", False, {b"host": b"here", **(headers or {})}, cast(Work, None))
    sent.exchange.principal = principal
    path, _, query = target.partition("?")
    sent.scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": list(sent.exchange.headers.items()),
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        SCOPE_KEY: sent.exchange,
    }

    answer = await dispatcher(sent.scope, body, sent.exchange)
    if isinstance(answer, FileAnswer):
        await answer.send(sent.scope, sent)
    else:
        await sent({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await sent({"type": "http.response.body", "body": answer.body})
    return sent


JSON = {b"content-type": b"application/json"}


async def test_parameters_come_from_path_query_and_body(dispatcher: Dispatcher) -> None:
    listed = await ask(dispatcher, "/v1/things?limit=7")
    assert (listed.status, listed.headers[b"content-type"]) == (200, b"application/json")
    assert msgspec.json.decode(listed.body) == [{"name": "a", "size": 7}, {"name": "127.0.0.1", "size": 1}]
    wanted = UUID(int=5)
    shown = await ask(dispatcher, f"/v1/things/{wanted}")
    assert msgspec.json.decode(shown.body)["name"] == str(wanted)
    assert shown.scope["path_template"] == "/v1/things/{thing_id}"
    made = await ask(dispatcher, "/v1/things", "POST", b'{"name":"b"}', JSON)
    assert (made.status, msgspec.json.decode(made.body)) == (201, {"name": "b", "size": 1})
    quiet = await ask(dispatcher, "/v1/things/quiet", "POST")
    assert (quiet.status, quiet.body) == (204, b"")
    moved = await ask(dispatcher, f"/v1/things/{UUID(int=1)}?a=b")
    assert (moved.status, moved.headers[b"location"]) == (308, b"/v1/things/elsewhere?a=b")


@pytest.mark.parametrize(
    ("target", "method", "body", "status", "code"),
    [
        ("/v1/things?limit=0", "GET", b"", 422, "invalid"),
        ("/v1/things?limit=x", "GET", b"", 422, "invalid"),
        ("/v1/things/nothing-like-an-id", "GET", b"", 404, "not_found"),
        (f"/v1/things/{UUID(int=0)}", "GET", b"", 404, "thing_not_found"),
        ("/v1/others", "GET", b"", 404, "not_found"),
        ("/v1/things", "PUT", b"", 405, "method_not_allowed"),
        ("/v1/things/mine", "GET", b"", 401, "unauthorized"),
        ("/v1/things", "POST", b'{"name":1}', 422, "invalid"),
        ("/v1/things", "POST", b'{"name":"b","more":1}', 422, "invalid"),
        ("/v1/things", "POST", b"{}", 422, "invalid"),
        ("/v1/things", "POST", b"", 422, "invalid"),
        ("/v1/things", "POST", b"{", 400, "malformed"),
        (f"/v1/things/{UUID(int=2)}", "GET", b"", 500, "internal"),
    ],
)
async def test_what_is_wrong_becomes_a_problem(
    dispatcher: Dispatcher, target: str, method: str, body: bytes, status: int, code: str
) -> None:
    sent = await ask(dispatcher, target, method, body, JSON)
    assert (sent.status, sent.code) == (status, code)
    assert sent.headers[b"content-type"] == b"application/problem+json"
    assert sent.exchange is not None
    assert sent.exchange.error_code == code
    assert b"ZeroDivision" not in sent.body


async def test_the_media_type_is_read_as_http_has_it(dispatcher: Dispatcher) -> None:
    headers = {b"content-type": b"Application/JSON; charset=utf-8"}
    made = await ask(dispatcher, "/v1/things", "POST", b'{"name":"b","size":2}', headers)
    assert (made.status, msgspec.json.decode(made.body)) == (201, {"name": "b", "size": 2})


async def test_a_body_of_which_nothing_is_required_may_be_left_out(dispatcher: Dispatcher) -> None:
    wished = await ask(dispatcher, "/v1/things/wishes", "POST")
    assert (wished.status, msgspec.json.decode(wished.body)) == (201, {"size": 1})
    assert (await ask(dispatcher, "/v1/things/wishes", "POST", b'{"size":2}')).status == 415
    assert (await ask(dispatcher, "/v1/things", "POST")).status == 422
    bodies = {endpoint.path: endpoint.signature.needs_body for endpoint in dispatcher.table.endpoints}
    assert bodies["/v1/things/wishes"] is False
    assert {endpoint.method for endpoint in dispatcher.table.endpoints if endpoint.signature.needs_body} == {"POST"}


async def test_a_host_that_no_host_has_is_refused_before_anything_is_looked_for(dispatcher: Dispatcher) -> None:
    sent = await ask(dispatcher, "/v1/others", headers={b"host": b"ex ample"})
    assert (sent.status, sent.code) == (400, "malformed")
    assert (await ask(dispatcher, "/v1/things", headers={b"host": b"[::1]:8080"})).status == 200


async def test_a_file_goes_out_in_pieces_and_its_failure_is_raised(dispatcher: Dispatcher) -> None:
    sent = await ask(dispatcher, "/v1/things/file")
    assert (sent.status, sent.body) == (200, b"one two")
    assert sent.headers[b"accept-ranges"] == b"bytes"
    # It has begun: no other answer can follow it.
    with pytest.raises(OSError):
        await ask(dispatcher, "/v1/things/file?broken=true")


@pytest.mark.parametrize(
    ("asked", "content", "place"),
    [
        (b"bytes=0-2", b"one", b"bytes 0-2/7"),
        (b"bytes=2-5", b"e tw", b"bytes 2-5/7"),
        (b"bytes=4-", b"two", b"bytes 4-6/7"),
        (b"bytes=-2", b"wo", b"bytes 5-6/7"),
        (b"bytes=-99", b"one two", b"bytes 0-6/7"),
        (b"bytes=5-99", b"wo", b"bytes 5-6/7"),
    ],
)
async def test_a_part_of_a_file(dispatcher: Dispatcher, asked: bytes, content: bytes, place: bytes) -> None:
    sent = await ask(dispatcher, "/v1/things/file", headers={b"range": asked})
    assert (sent.status, sent.body) == (206, content)
    assert sent.headers[b"content-range"] == place
    assert sent.headers[b"content-length"] == str(len(content)).encode()


@pytest.mark.parametrize("asked", [b"bytes=7-", b"bytes=-0", b"bytes=-", b"bytes=4-2", b"bytes=0-1,3-4", b"lines=0-1"])
async def test_a_range_that_makes_no_sense_is_not_looked_at(dispatcher: Dispatcher, asked: bytes) -> None:
    sent = await ask(dispatcher, "/v1/things/file", headers={b"range": asked})
    assert (sent.status, sent.body, sent.headers[b"content-length"]) == (200, b"one two", b"7")
