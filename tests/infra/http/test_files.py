"""A file is begun when its first piece is there and its work is committed; until then it can still be refused."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from banyan.infra.database.work import Work
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.files import FileSend
from banyan.infra.http.routing import FileAnswer

SCOPE = {SCOPE_KEY: Exchange("request", "127.0.0.1", False, {}, cast(Work, None))}


class Sent:
    """What was sent, and the commit among it."""

    def __init__(self) -> None:
        self.steps: list[object] = []

    async def commit(self, start: dict[str, Any]) -> None:
        self.steps.append("commit")
        start["headers"] = [(b"x", b"y")]

    async def __call__(self, message: dict[str, Any]) -> None:
        self.steps.append(message.get("headers") or message["body"])


async def pieces(*given: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in given:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def file_of(*given: bytes | Exception) -> FileAnswer:
    return FileAnswer("things.txt", "text/plain", 7, pieces(*given))


async def test_a_file_goes_out_after_the_commit() -> None:
    sent = Sent()
    send = FileSend(sent, sent.commit)
    await file_of(b"one ", b"two").send(SCOPE, send)
    assert sent.steps == ["commit", [(b"x", b"y")], b"one ", b"two", b""]
    assert (send.status, send.sent_bytes, send.begun) == (200, 7, True)


async def test_nothing_of_a_file_is_sent_that_fails_at_once() -> None:
    sent = Sent()
    send = FileSend(sent, sent.commit)
    with pytest.raises(OSError):
        await file_of(OSError()).send(SCOPE, send)
    assert (sent.steps, send.begun) == ([], False)


async def test_a_file_that_breaks_off_has_begun() -> None:
    sent = Sent()
    send = FileSend(sent, sent.commit)
    with pytest.raises(OSError):
        await file_of(b"one ", OSError()).send(SCOPE, send)
    assert (sent.steps[-1], send.begun) == (b"one ", True)
