"""A connection to a push service that the operator has named, kept open: many short ones look like an attack to it."""

from collections.abc import Mapping

import httpx
from msgspec import Struct

_KEPT_SECONDS = 600.0


class Answer(Struct, frozen=True):
    """What a service has said, or `error` in words when it said nothing."""

    status: int | None
    body: bytes = b""
    retry_after: str = ""
    error: str = ""


class ServiceConnection:
    """Opened at the first request. HTTP/2 carries many requests at once over one."""

    def __init__(self, url: str, timeout_seconds: float, *, only_http2: bool) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._only_http2 = only_http2
        self._client: httpx.AsyncClient | None = None

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises nothing for what is the other side's fault."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                http1=not self._only_http2,
                http2=True,
                timeout=self._timeout,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=100, keepalive_expiry=_KEPT_SECONDS),
            )
        try:
            answer = await self._client.post(self._url + path, content=body, headers=dict(headers))
        except httpx.HTTPError as error:
            return Answer(None, error=f"No answer: {type(error).__name__}.")
        return Answer(answer.status_code, answer.content, answer.headers.get("retry-after", ""))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
