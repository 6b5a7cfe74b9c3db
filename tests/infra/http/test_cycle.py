"""What goes over the wire for an answer: one piece where it can, framed as its head says, or nothing at all."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from banyan.infra.http.cycle import Cycle

DATE = (b"date", b"Thu, 26 Nov 2026 12:00:00 GMT")
SENT_DATE = b"date: Thu, 26 Nov 2026 12:00:00 GMT\r\n"


class Transport:
    """Keeps what is written, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def close(self) -> None:
        self.closed = True


def opened(method: str = "GET", keep_alive: bool = True) -> tuple[Cycle, Transport]:
    transport = Transport()
    parts: dict[str, Any] = {
        "scope": {"type": "http", "method": method},
        "transport": transport,
        "flow": SimpleNamespace(write_paused=False),
        "logger": SimpleNamespace(error=lambda *args, **kwargs: None),
        "access_logger": None,
        "access_log": False,
        "default_headers": [DATE],
        "message_event": asyncio.Event(),
        "expect_100_continue": False,
        "keep_alive": keep_alive,
        "on_response": lambda: None,
    }
    return Cycle(**parts), transport


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def length(count: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(count).encode())


async def test_head_and_body_are_one_write() -> None:
    cycle, transport = opened()
    await cycle.send(start(length(5)))
    await cycle.send(body(b"hello"))
    assert transport.pieces == [b"HTTP/1.1 200 OK\r\n" + SENT_DATE + b"content-length: 5\r\n\r\nhello"]
    assert cycle.response_complete
    assert not transport.closed


async def test_a_large_body_is_not_copied() -> None:
    cycle, transport = opened()
    large = bytes(100_000)
    await cycle.send(start(length(len(large))))
    await cycle.send(body(large))
    assert transport.pieces[1] is large


async def test_parts_without_a_length_are_chunks() -> None:
    cycle, transport = opened()
    await cycle.send(start())
    for part in (b"one", b""):
        await cycle.send(body(part, more=True))
    await cycle.send(body(b"three"))
    assert b"".join(transport.pieces).endswith(
        b"transfer-encoding: chunked\r\n\r\n" + b"3\r\none\r\n" + b"5\r\nthree\r\n0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "status", "headers", "head"),
    [
        ("HEAD", 200, (length(5),), b"HTTP/1.1 200 OK\r\n" + SENT_DATE + b"content-length: 5\r\n\r\n"),
        ("GET", 204, (), b"HTTP/1.1 204 No Content\r\n" + SENT_DATE + b"\r\n"),
        ("GET", 304, (), b"HTTP/1.1 304 Not Modified\r\n" + SENT_DATE + b"\r\n"),
    ],
)
async def test_what_has_no_body(method: str, status: int, headers: Sequence[tuple[bytes, bytes]], head: bytes) -> None:
    cycle, transport = opened(method)
    await cycle.send(start(*headers, status=status))
    await cycle.send(body(b"hello" if method == "HEAD" else b""))
    assert transport.pieces == [head]


async def test_a_connection_that_ends_is_told_so_once_and_closed() -> None:
    for keep_alive, headers in ((False, ()), (True, ((b"connection", b"close"),))):
        cycle, transport = opened(keep_alive=keep_alive)
        await cycle.send(start(length(0), *headers))
        await cycle.send(body(b""))
        assert b"".join(transport.pieces).count(b"connection: close\r\n") == 1
        assert transport.closed


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0b", b"a\x7fb"])
async def test_a_value_cannot_begin_another_header(value: bytes) -> None:
    cycle, transport = opened()
    await cycle.send(start((b"location", value), length(0)))
    with pytest.raises(RuntimeError):
        await cycle.send(body(b""))
    assert transport.pieces == []


@pytest.mark.parametrize("content", [b"hell", b"hello!"])
async def test_a_body_of_another_length_is_not_begun(content: bytes) -> None:
    cycle, transport = opened()
    await cycle.send(start(length(5)))
    with pytest.raises(RuntimeError):
        await cycle.send(body(content))
    assert transport.pieces == []


async def test_an_application_that_breaks_before_its_body_is_answered_for() -> None:
    async def broken(scope: object, receive: object, send: Any) -> None:
        await send(start(length(5)))
        raise ValueError

    cycle, transport = opened()
    await cycle.run(broken, set())
    assert b"".join(transport.pieces).startswith(b"HTTP/1.1 500 ")
    assert transport.closed


async def test_messages_out_of_order_are_refused() -> None:
    cycle, _ = opened()
    with pytest.raises(RuntimeError):
        await cycle.send(body(b""))
    await cycle.send(start(length(0)))
    await cycle.send(body(b""))
    for late in (start(), body(b"")):
        with pytest.raises(RuntimeError):
            await cycle.send(late)
