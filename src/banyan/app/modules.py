"""What a process runs: each module in one place, what it needs started before it, and which targets run it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from banyan.app.targets import Targets
from banyan.app.wiring import Platform


class Part(Protocol):
    """Anything that is started once and stopped once."""

    async def start(self) -> None:
        """Returns once it is at work."""

    async def stop(self) -> None:
        """Ends it in order."""


@dataclass(frozen=True, slots=True)
class Module:
    """Parts of a platform that belong together: stopped side by side, since each may need its whole grace time.
    `targets` are roles, empty for all.
    """

    name: str
    parts: Callable[[Platform], Sequence[Part]]
    needs: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset()


MODULES: tuple[Module, ...] = (
    Module("relay", lambda platform: (platform.relay,)),
    Module("bus", lambda platform: (platform.bus,), needs=("relay",)),
    Module("ephemeral", lambda platform: (platform.ephemeral,) if platform.ephemeral else (), needs=("bus",)),
    Module(
        "worker",
        lambda platform: (platform.worker, platform.outgoing_worker),
        needs=("bus",),
        targets=frozenset({"worker"}),
    ),
    Module("key_uses", lambda platform: (platform.key_uses,), targets=frozenset({"api"})),
    Module("realtime", lambda platform: (platform.realtime,), needs=("ephemeral",), targets=frozenset({"realtime"})),
    Module("presence", lambda platform: (platform.roll,), needs=("realtime",), targets=frozenset({"realtime"})),
    Module("scheduler", lambda platform: (platform.scheduler,), needs=("bus",), targets=frozenset({"scheduler"})),
)


def in_order(modules: Iterable[Module]) -> list[Module]:
    """Each after all that it needs. Raises ValueError for a need that is missing or goes in a circle."""
    waiting = {module.name: module for module in modules}
    ordered: list[Module] = []
    while waiting:
        done = {module.name for module in ordered}
        ready = [module for module in waiting.values() if done.issuperset(module.needs)]
        if not ready:
            raise ValueError(f"these modules need something that is not there: {sorted(waiting)}")
        ordered += ready
        for module in ready:
            del waiting[module.name]
    return ordered


@asynccontextmanager
async def running(platform: Platform, targets: Targets) -> AsyncIterator[None]:
    """Runs the modules of `targets`: started in order, stopped in reverse."""
    async with AsyncExitStack() as stack:
        for module in in_order(MODULES):
            if not module.targets or module.targets & targets.roles:
                parts = module.parts(platform)
                for part in parts:
                    await part.start()
                stack.push_async_callback(_stop, parts)
        yield


async def _stop(parts: Sequence[Part]) -> None:
    await asyncio.gather(*(part.stop() for part in parts))
