"""QR codes are what other encoders make of the same text."""

import hashlib

import pytest

from banyan.web.assets import STATIC
from tests.web.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rows_of(visitor: Visitor, text: str) -> list[str] | None:
    source = (STATIC / "shared" / "qr.js").read_text().replace("export function", "function")
    found = await visitor.page.evaluate(
        f"(text) => {{ {source}\nreturn qrRows(text)?.map((row) => row.join('')) ?? null; }}", text
    )
    assert found is None or isinstance(found, list)
    return found


# Of the python package qrcode 8, level M, byte mode, with the same mask.
@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("a", "e8ab680854e4019c"),
        ("b" * 122, "dc0ac1f042ac8ca7"),
        ("c" * 300, "f13328bed4cb6203"),
        ("d" * 412, "0d09c72b75108fc0"),
    ],
)
async def test_a_picture_is_the_one_of_other_encoders(visitor: Visitor, text: str, digest: str) -> None:
    rows = await rows_of(visitor, text)
    assert rows is not None
    assert hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16] == digest


async def test_a_text_that_is_too_long_has_none(visitor: Visitor) -> None:
    assert await rows_of(visitor, "e" * 413) is None
