"""Whether this process can do its work: asked by load balancers before they send it any."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

_PATIENCE_SECONDS = 2.0

Check = Callable[[], Awaitable[str | None]]


class Readiness(Struct, frozen=True):
    """`status` is `ready` or `not_ready`; `checks` says `ok` or what is wrong, by part. What the process can do without
    is `degraded: ...` and does not keep it from being ready.
    """

    status: str
    checks: dict[str, str]


class Health:
    """Collects the checks of all parts. A process that stops says so first, so that nothing new is sent to it."""

    def __init__(self) -> None:
        self.stopping = False
        self._checks: dict[str, Check] = {}
        self._dispensable: set[str] = set()

    def add(self, name: str, check: Check, *, dispensable: bool = False) -> None:
        """`check` answers None when all is well, else a few words for an operator."""
        self._checks[name] = check
        if dispensable:
            self._dispensable.add(name)

    async def readiness(self) -> Readiness:
        """Runs all checks at once, each for at most two seconds."""
        found = dict(zip(self._checks, await asyncio.gather(*map(self._run, self._checks.values())), strict=True))
        if self.stopping:
            found["process"] = "stopping"
        ready = all(words == "ok" for name, words in found.items() if name not in self._dispensable)
        for name in self._dispensable:
            if found[name] != "ok":
                found[name] = f"degraded: {found[name]}"
        return Readiness("ready" if ready else "not_ready", found)

    async def _run(self, check: Check) -> str:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await check() or "ok"
        except TimeoutError:
            return f"no answer within {_PATIENCE_SECONDS:g} s"
        except Exception as error:
            return type(error).__name__
