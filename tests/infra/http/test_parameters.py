"""What a route takes is read from its signature: everything that is wrong is said at once, by the names callers use."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from msgspec import Struct

from banyan.infra.http.parameters import FromPath, FromQuery, JSONBody, QueryParameter, parse_query, signature_of
from banyan.infra.http.problems import UnsupportedMediaType
from banyan.infra.http.routing import Limit, Request
from banyan.kernel.errors import Invalid, Malformed


class Inner(Struct, forbid_unknown_fields=True):
    kind: Literal["public", "me"]
    size: int = 1


class Thing(Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None


async def listed(
    request: Request,
    ids: Annotated[str, QueryParameter(max_length=5)],
    of_state: Annotated[Literal["a", "b"] | None, QueryParameter(name="state")] = None,
    since: FromQuery[datetime | None] = None,
    word: Annotated[str | None, QueryParameter(min_length=2)] = None,
    only: FromQuery[bool] = False,
    limit: Limit = 20,
) -> None:
    """Takes all from the query."""


async def made(thing_id: FromPath[UUID], data: JSONBody[Thing], limit: Limit = 20) -> Thing:
    return data


LISTED = signature_of(listed, ())
MADE = signature_of(made, (("thing_id", UUID),))


def wrong(query: bytes = b"", body: bytes = b'{"name":"a"}') -> list[tuple[str, str]]:
    """Place and code of each complaint."""
    signature = MADE if body != b'{"name":"a"}' else LISTED
    with pytest.raises(Invalid) as refused:
        signature.read(parse_query(query), True, body)
    return [(one.field, one.code) for one in refused.value.fields]


def test_a_query_becomes_arguments() -> None:
    read = LISTED.read(
        parse_query(b"ids=a&state=b&since=2026-01-01T00:00:00%2B01:00&only=true&limit=3&else=x"), False, b""
    )
    assert (read["ids"], read["of_state"], read["only"], read["limit"], read["word"]) == ("a", "b", True, 3, None)
    assert read["since"].isoformat() == "2026-01-01T00:00:00+01:00"
    # Of a value that comes twice the last counts.
    assert LISTED.read(parse_query(b"ids=a&limit=3&limit=4"), False, b"")["limit"] == 4
    assert [one.name for one in MADE.path] == ["thing_id"]


def test_all_that_is_wrong_is_said_by_the_names_of_the_query() -> None:
    assert wrong(b"") == [("ids", "missing_field")]
    assert wrong(b"ids=abcdef&state=c&since=x&word=a&only=perhaps&limit=101") == [
        ("ids", "invalid"),
        ("state", "invalid"),
        ("since", "invalid"),
        ("word", "invalid"),
        ("only", "invalid"),
        ("limit", "invalid"),
    ]


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        (b"", "body", "missing_field"),
        (b"[]", "body", "invalid"),
        (b"{}", "name", "missing_field"),
        (b'{"name":1}', "name", "invalid"),
        (b'{"name":"a","more":1}', "more", "unknown_field"),
        (b'{"name":"a","inner":{"kind":"else"}}', "inner.kind", "invalid"),
        (b'{"name":"a","inner":{"kind":"me","size":"6"}}', "inner.size", "invalid"),
        (b'{"name":"a","inner":{}}', "inner.kind", "missing_field"),
        (b'{"name":"a","inner":{"kind":"me","more":1}}', "inner.more", "unknown_field"),
    ],
)
def test_a_wrong_body_is_named_by_its_place(body: bytes, place: str, code: str) -> None:
    assert wrong(body=body) == [(place, code)]


def test_body_and_query_are_judged_together() -> None:
    assert wrong(b"limit=0", b"{}") == [("name", "missing_field"), ("limit", "invalid")]


@pytest.mark.parametrize("body", [b"{", b'{"name":1', b'{"name":1} x', b'{"name":"\xff"}', b"[" * 100_000])
def test_what_is_no_json_is_refused_as_that_whatever_else_is_wrong(body: bytes) -> None:
    with pytest.raises(Malformed):
        MADE.read((), True, body)


def test_a_body_must_say_that_it_is_json() -> None:
    with pytest.raises(UnsupportedMediaType):
        MADE.read((), False, b'{"name":"a"}')


async def untyped(data) -> None:  # type: ignore[no-untyped-def]
    """Says nothing of what it takes."""


async def unreturned(limit: Limit):  # type: ignore[no-untyped-def]
    """Says nothing of what it gives."""


async def mistaken(thing_id: FromPath[int]) -> None:
    """Takes a number where the path has an id."""


@pytest.mark.parametrize("function", [untyped, unreturned, mistaken])
def test_a_function_that_cannot_be_a_route_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="test_parameters"):
        signature_of(function, (("thing_id", UUID),))
