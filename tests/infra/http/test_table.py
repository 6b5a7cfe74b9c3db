"""Which route answers at an address."""

from uuid import UUID

import pytest

from banyan.infra.http.application import bind
from banyan.infra.http.problems import MethodNotAllowed
from banyan.infra.http.routing import Controller, FromPath, Request, get, post, put
from banyan.infra.http.table import Table
from banyan.kernel.errors import NotFound

ID = UUID(int=7)


class PeopleRoutes(Controller):
    path = "/v1/people"
    tags = ["people"]
    name: str

    @get(access="anyone")
    async def list(self) -> str:
        """All."""
        return self.name

    @put("/here")
    async def here(self) -> str:
        return self.name

    @get("/{handle:str}")
    async def show(self, handle: FromPath[str]) -> str:
        return handle

    @get("/{person_id:uuid}/posts/{number:int}")
    async def post_of(self, request: Request, person_id: FromPath[UUID], number: FromPath[int]) -> str:
        return str(person_id)

    @get("/{handle:str}/posts")
    async def posts(self, handle: FromPath[str]) -> str:
        return handle


def table(name: str = "a") -> Table:
    return Table([bind(PeopleRoutes, name=name)])


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/v1/people", "/v1/people", {}),
        ("/v1/people/", "/v1/people", {}),
        ("/v1/people/ada", "/v1/people/{handle}", {"handle": "ada"}),
        ("/v1/people/here/posts", "/v1/people/{handle}/posts", {"handle": "here"}),
        (f"/v1/people/{ID}/posts/3", "/v1/people/{person_id}/posts/{number}", {"person_id": ID, "number": 3}),
    ],
)
def test_an_address_leads_to_its_route(path: str, template: str, values: dict[str, object]) -> None:
    endpoint, found = table().find("GET", path)
    assert (endpoint.path, found) == (template, values)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/others",
        "/v1/people/a/b",
        "/v1/people/a/posts/1",
        f"/v1/people/{ID}/posts/x",
        "/v1/people/a/posts/b/c",
    ],
)
def test_where_nothing_is_nothing_is_found(path: str) -> None:
    with pytest.raises(NotFound):
        table().find("GET", path)


def test_an_address_written_out_as_a_whole_takes_only_its_own_methods() -> None:
    assert table().methods("/v1/people/here") == ["OPTIONS", "PUT"]
    with pytest.raises(MethodNotAllowed):
        table().find("GET", "/v1/people/here")
    assert table().methods("/v1/people/ada") == ["GET", "HEAD", "OPTIONS"]
    assert table().methods("/v1/people/ada/likes") == []


async def test_tables_share_routes_and_no_services() -> None:
    first, second = (table(name).find("GET", "/v1/people")[0] for name in "ab")
    assert first.route is second.route
    assert first.signature is second.signature
    assert [await endpoint.call() for endpoint in (first, second)] == ["a", "b"]


class Twice(Controller):
    path = "/v1/people"

    @get("/{name:str}")
    async def again(self, name: FromPath[str]) -> None:
        """Where another one is."""


class Untyped(Controller):
    path = "/v1/untyped"

    @get("/{name}")
    async def show(self, name: FromPath[str]) -> None:
        """Of no type."""


class Quiet(Controller):
    path = "/v1/quiet"

    @post(status=204)
    async def speak(self) -> str:
        return "something"


@pytest.mark.parametrize("controllers", [[PeopleRoutes, Twice], [Untyped]])
def test_routes_in_each_others_way_are_refused_at_the_start(controllers: list[type[Controller]]) -> None:
    with pytest.raises(TypeError):
        Table(controllers)


def test_a_status_without_a_body_holds_nobody_to_one() -> None:
    with pytest.raises(TypeError, match="/v1/quiet"):
        Table([Quiet]).signatures()


def test_a_route_is_asynchronous() -> None:
    with pytest.raises(TypeError, match="asynchronous"):
        get("/x")(lambda self: None)  # type: ignore[arg-type, return-value]
