"""Whoever is signed in: the tokens, where an app keeps them, and the one refresh that many calls wait for."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from banyan_client.errors import Problem

# An access token is renewed this long before its end: clocks differ, and a request takes its time.
_EARLY_SECONDS = 20.0


class Tokens(Struct, frozen=True, kw_only=True):
    """What a session is called with. `expires_at` is in seconds since 1970, by this machine's clock.

    `refresh_key` is the Idempotency-Key of the next refresh. Kept beside the token, it lets a refresh whose answer
    was lost be repeated, also by another process or after a restart, for 30 seconds.
    """

    access_token: str
    refresh_token: str
    expires_at: float
    refresh_key: str


class NewTokens(Protocol):
    """What sign-up, sign-in and refresh answer."""

    @property
    def access_token(self) -> str: ...
    @property
    def refresh_token(self) -> str: ...
    @property
    def expires_in(self) -> int: ...


class TokenStorage(Protocol):
    """Where an app keeps the tokens: a file, a keychain, a table. Several processes may share one."""

    async def load(self) -> Tokens | None:
        """What was saved last; asked at the first call and before each refresh."""
        ...

    async def save(self, tokens: Tokens | None) -> None:
        """Keeps the tokens; None when the session has ended."""
        ...


class MemoryStorage:
    """Keeps the tokens as long as the process lives."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens

    async def load(self) -> Tokens | None:
        return self.tokens

    async def save(self, tokens: Tokens | None) -> None:
        self.tokens = tokens


class Session:
    """Gives each call its tokens. `exchange(refresh_token, key)` asks the server for the next pair."""

    def __init__(self, storage: TokenStorage, exchange: Callable[[str, str], Awaitable[NewTokens]]) -> None:
        self._storage = storage
        self._exchange = exchange
        self._tokens: Tokens | None = None
        self._loaded = False
        self._refresh: asyncio.Task[Tokens | None] | None = None

    async def tokens(self) -> Tokens | None:
        """The tokens as they are now; None when nobody is signed in."""
        if not self._loaded:
            await self._load()
        return self._tokens

    async def fresh_tokens(self) -> Tokens | None:
        """Tokens that hold, renewed if need be; None when nobody is signed in. Raises Problem, Unreachable."""
        tokens = await self.tokens()
        return await self.renew(tokens) if tokens is not None and _is_outdated(tokens) else tokens

    async def renew(self, outdated: Tokens) -> Tokens | None:
        """Newer tokens than these. However many ask at once, one request is made.

        Raises Problem when the session has ended (the tokens are forgotten then), Unreachable.
        """
        tokens = await self.tokens()
        if tokens is None or tokens.refresh_token != outdated.refresh_token:
            return tokens
        if self._refresh is None:
            self._refresh = asyncio.create_task(self._renew(tokens))
            self._refresh.add_done_callback(self._refreshed)
        # A call that is cancelled must not take the refresh with it: its answer holds the only good token.
        return await asyncio.shield(self._refresh)

    async def keep(self, new: NewTokens) -> Tokens:
        """From now on calls are made with these."""
        tokens = Tokens(
            access_token=new.access_token,
            refresh_token=new.refresh_token,
            expires_at=time.time() + new.expires_in,
            refresh_key=str(uuid.uuid4()),
        )
        await self._set(tokens)
        return tokens

    async def forget(self) -> None:
        """From now on calls are anonymous."""
        await self._set(None)

    async def settle(self) -> None:
        """Returns when no refresh is under way: its answer holds the only good token."""
        if self._refresh is not None:
            await asyncio.wait([self._refresh])

    async def _load(self) -> None:
        kept = await self._storage.load()
        # Somebody may have signed in while the storage was being read.
        if not self._loaded:
            self._tokens, self._loaded = kept, True

    async def _set(self, tokens: Tokens | None) -> None:
        self._tokens, self._loaded = tokens, True
        await self._storage.save(tokens)

    async def _renew(self, outdated: Tokens) -> Tokens | None:
        tokens = await self._newest(outdated)
        if tokens is not outdated and not _is_outdated(tokens):
            return tokens
        try:
            new = await self._exchange(tokens.refresh_token, tokens.refresh_key)
        except Problem as problem:
            if problem.status == 401 and self._tokens is tokens:
                await self.forget()
            raise
        # Somebody may have signed in or out meanwhile: that stays.
        return await self.keep(new) if self._tokens is tokens else self._tokens

    async def _newest(self, outdated: Tokens) -> Tokens:
        """What the storage holds where another process has renewed the tokens: only these may be exchanged."""
        kept = await self._storage.load()
        if kept is None or kept.refresh_token == outdated.refresh_token or self._tokens is not outdated:
            return outdated
        self._tokens = kept
        return kept

    def _refreshed(self, task: "asyncio.Task[Tokens | None]") -> None:
        self._refresh = None
        if not task.cancelled():
            # Seen here too, or asyncio complains when every call that waited was cancelled.
            task.exception()


def _is_outdated(tokens: Tokens) -> bool:
    return tokens.expires_at - _EARLY_SECONDS <= time.time()
