"""A client's connection to one server; `Banyan` adds the API to it."""

from types import TracebackType
from typing import Self

import httpx

from banyan_client.retries import Retries
from banyan_client.tokens import MemoryStorage, Tokens, TokenStorage
from banyan_client.transport import Transport

_USER_AGENT = "banyan-client-python"


class Connection:
    """Opened by `async with`, or closed by `aclose()`.

    `tokens` is where the tokens of a session are kept, or the tokens themselves; in memory without it. `api_key`
    signs every call instead. `http` is an httpx client of your own (proxies, certificates), which stays open.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        tokens: TokenStorage | Tokens | None = None,
        retries: Retries | None = None,
        timeout_seconds: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._own_http = http is None
        self._http = http or httpx.AsyncClient(
            timeout=timeout_seconds, follow_redirects=True, headers={"User-Agent": _USER_AGENT}
        )
        storage = MemoryStorage(tokens) if tokens is None or isinstance(tokens, Tokens) else tokens
        self._transport = Transport(self._http, base_url, api_key, storage, retries or Retries())

    async def tokens(self) -> Tokens | None:
        """The session's tokens as they are now; None when nobody is signed in."""
        return await self._transport.session.tokens()

    async def aclose(self) -> None:
        """Closes the connections that this client opened, once a refresh that is under way is done."""
        await self._transport.session.settle()
        if self._own_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
