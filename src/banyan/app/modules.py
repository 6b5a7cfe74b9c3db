"""What a process runs: each module in one place, what it needs started before it, and which targets run it.

A module starts by entering an async context manager and stops by leaving it, in reverse order. It is named as
text and loaded only when a target runs it, so that a process holds no code it does not use.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from banyan.app.loading import load
from banyan.app.targets import Targets

if TYPE_CHECKING:
    from banyan.app.wiring import Platform

Start = Callable[["Platform"], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Module:
    """One part of a running process. `start` is `package.module:function`; `targets` are roles, empty for all."""

    name: str
    start: str
    needs: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset()


MODULES: tuple[Module, ...] = (
    Module("relay", "banyan.app.parts:run_relay"),
    Module("bus", "banyan.app.parts:run_bus", needs=("relay",)),
    Module("ephemeral", "banyan.app.parts:run_ephemeral", needs=("bus",)),
    Module("worker", "banyan.app.parts:run_worker", needs=("bus",), targets=frozenset({"worker"})),
    Module("key_uses", "banyan.app.parts:run_key_uses", targets=frozenset({"api"})),
    Module("realtime", "banyan.app.parts:run_realtime", needs=("ephemeral",), targets=frozenset({"realtime"})),
    Module("scheduler", "banyan.app.parts:run_scheduler", needs=("bus",), targets=frozenset({"scheduler"})),
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
async def running(platform: "Platform", targets: Targets) -> AsyncIterator[None]:
    """Runs the modules of `targets`: started in order, stopped in reverse."""
    async with AsyncExitStack() as stack:
        for module in in_order(MODULES):
            if not module.targets or module.targets & targets.roles:
                start: Start = load(module.start)
                await stack.enter_async_context(start(platform))
        yield
