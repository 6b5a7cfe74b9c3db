"""What the OpenAPI document says of a route."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from banyan.infra.http.application import bind
from banyan.infra.http.openapi import build_openapi
from banyan.infra.http.routing import Controller, FileAnswer, get
from banyan.infra.http.table import Table


class Jar(Struct, frozen=True):
    """What stands about.

    A jar that was broken is one still: `size` is that of
    the largest piece.
    """

    size: int


async def pieces() -> AsyncIterator[bytes]:
    yield b"clay"


class JarRoutes(Controller):
    path = "/v1/jars"
    tags = ["jars"]

    @get()
    async def show(self) -> Jar:
        """A jar."""
        return Jar(1)

    @get("/file", file="image/webp")
    async def picture(self) -> FileAnswer:
        """Its picture."""
        return FileAnswer("jar.webp", "image/webp", 4, pieces())


@pytest.fixture
def document() -> dict[str, Any]:
    return build_openapi(Table([bind(JarRoutes)]), title="Jars", version="1", description="")


def test_a_file_may_be_asked_for_in_parts(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/jars/file"]["get"]
    whole, part = operation["responses"]["200"], operation["responses"]["206"]
    assert whole["content"] == part["content"] == {"image/webp": {"schema": {"type": "string", "format": "binary"}}}
    assert part["headers"]["Content-Range"]["required"]
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("Range", "header", False)
    ]
    # A range that makes no sense is answered with the whole file.
    assert "416" not in operation["responses"]
    assert "206" not in document["paths"]["/v1/jars"]["get"]["responses"]


def test_words_come_without_the_indentation_of_their_source(document: dict[str, Any]) -> None:
    description = document["components"]["schemas"]["Jar"]["description"]
    assert description == (
        "What stands about.\n\nA jar that was broken is one still: `size` is that of\nthe largest piece."
    )
