"""Request bodies: read whole, within a size and a time, before any route runs."""

import asyncio

from banyan.infra.http.asgi import Receive
from banyan.infra.http.cycle import Cycle
from banyan.infra.http.problems import BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from banyan.infra.http.settings import HttpSettings
from banyan.kernel.errors import Malformed


async def read_body(headers: dict[bytes, bytes], receive: Receive, settings: HttpSettings) -> bytes:
    """The whole body.

    Raises BodyTooLarge beyond `max_body_bytes` (declared or not), BodyTooSlow, Malformed when the client left,
    UnsupportedMediaType for a compressed one: a few bytes could stand for gigabytes.
    """
    declared = headers.get(b"content-length")
    if declared is None and b"transfer-encoding" not in headers:
        return b""
    coding = headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    if declared is not None and declared.isdigit() and int(declared) > settings.max_body_bytes:
        raise _too_large(settings)
    arrived = _take_arrived(receive)
    if arrived is not None:
        if len(arrived) > settings.max_body_bytes:
            raise _too_large(settings)
        return arrived
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            return await _collect(receive, settings)
    except TimeoutError:
        raise BodyTooSlow(f"Send the whole body within {settings.body_timeout_seconds:g} s.") from None


def _take_arrived(receive: Receive) -> bytes | None:
    """Most bodies come with their heads: reading them waits for nothing, and needs no timer. None for all others."""
    cycle = getattr(receive, "__self__", None)
    return cycle.take_body() if isinstance(cycle, Cycle) else None


async def _collect(receive: Receive, settings: HttpSettings) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("The connection ended before the body did.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > settings.max_body_bytes:
            raise _too_large(settings)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(settings: HttpSettings) -> BodyTooLarge:
    return BodyTooLarge(f"At most {settings.max_body_bytes} bytes here.")
