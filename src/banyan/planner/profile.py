"""What software needs per operation: Banyan's figures as measured here, or what a document claims of its own stack."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import resources
from typing import Any

from msgspec import Struct, structs

from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Measurement, Stack

# What a document that says nothing of its software's speed is planned with.
ASSUMED_RATE_PER_VCPU = Quantity(50, 100, 150)
_ZERO = Quantity(0, 0, 0)


class OperationCost(Struct, frozen=True):
    """CPU of one request in ms of the profile's core, and what it sends. Nobody waits for `worker_ms` and
    `worker_database_ms`: what the worker does for it later, and PostgreSQL for the worker.
    """

    app_ms: Quantity
    database_ms: Quantity
    worker_ms: Quantity
    worker_database_ms: Quantity
    response_kib: Quantity
    writes: bool


class Profile(Struct, frozen=True):
    """Figures by dotted key (`memory.api_process_mib`), operations apart."""

    name: str
    title: str
    source: str
    as_of: date | None
    machine: str
    operations: dict[str, OperationCost]
    figures: dict[str, Quantity]
    declared: bool = False
    sources: Mapping[str, str] = {}  # of figures that have one of their own, by dotted key or what holds it

    def source_of(self, key: str) -> str:
        """Where the figure at a dotted key comes from."""
        return self.sources.get(key) or self.sources.get(key.rpartition(".")[0]) or self.source

    def operation(self, like: str) -> OperationCost:
        """What costs the same. A kind that the profile does not know costs what a read does."""
        return self.operations.get(like) or self.operations["read"]


@functools.cache
def banyan_profile() -> Profile:
    """The figures of `profiles/banyan.toml`."""
    raw = tomllib.loads(resources.files(f"{__package__}.profiles").joinpath("banyan.toml").read_text())
    groups = ("cores", "sockets", "memory", "database", "balancer")
    figures = {f"{group}.{name}": Quantity.of(value) for group in groups for name, value in raw[group].items()}
    return Profile(
        name=raw["name"],
        title=raw["title"],
        source=raw["source"],
        as_of=raw["as_of"],
        machine=raw["machine"],
        operations={name: _operation(values) for name, values in raw["operations"].items()},
        figures=figures | {"variation_squared": Quantity.of(raw["variation_squared"])},
        sources={key: f"{kind}: {why}" for kind in ("assumed", "configured") for key, why in raw[kind].items()},
    )


def measured_by(profile: Profile, measurements: Sequence[Measurement]) -> Profile:
    """The profile with the file's own figures in the place of its own, each with the file's source.

    Figures that the profile does not have are passed over: `profile_figures` names them.
    """
    figures, operations, sources = dict(profile.figures), dict(profile.operations), dict(profile.sources)
    for each in measurements:
        group, _, name = each.figure.rpartition(".")
        operation = operations.get(group.removeprefix("operations."))
        if each.figure in figures:
            figures[each.figure] = each.value
        elif operation is not None and group.startswith("operations."):
            operations[group.removeprefix("operations.")] = structs.replace(operation, **{name: each.value})
        else:
            continue
        sources[each.figure] = f"{each.source}, {each.as_of}" if each.as_of else each.source
    return structs.replace(profile, figures=figures, operations=operations, sources=sources)


def profile_figures() -> list[str]:
    """The dotted keys that a file may measure for itself."""
    profile = banyan_profile()
    quantities = [name for name in OperationCost.__struct_fields__ if name != "writes"]
    return [*profile.figures, *(f"operations.{name}.{each}" for name in profile.operations for each in quantities)]


def declared_profile(stack: Stack | None) -> Profile:
    """What a document claims of its stack, over Banyan's memory and disk figures where it says nothing.

    A claim of requests a second per vCPU holds for the whole request, so it is all put on the application's cores.
    """
    ours = banyan_profile()
    rate = (stack and stack.requests_per_second_per_vcpu) or ASSUMED_RATE_PER_VCPU
    milliseconds = Quantity(1000 / rate.high, 1000 / rate.mid, 1000 / rate.low) if rate.low > 0 else ours_default()
    share = OperationCost(milliseconds.scaled(0.7), milliseconds.scaled(0.3), _ZERO, _ZERO, Quantity(2, 4, 8), False)
    figures = dict(ours.figures)
    for kind in ("shared", "dedicated", "burstable"):
        figures[f"cores.{kind}"] = Quantity(1, 1, 1)
    if stack and stack.sockets_per_node:
        figures["sockets.per_node"] = stack.sockets_per_node
    if stack and stack.concurrent_users_per_node:
        figures["people.per_node"] = stack.concurrent_users_per_node
    if stack and stack.service_variation_squared:
        figures["variation_squared"] = stack.service_variation_squared
    if stack and stack.database_max_connections:
        limit = float(stack.database_max_connections)
        figures["database.max_connections"] = Quantity(limit, limit, limit)
    return Profile(
        name=stack.kind if stack else "declared",
        title="what the document claims",
        source="the file's [stack]",
        as_of=None,
        machine="",
        operations={"read": share},
        figures=figures,
        declared=True,
    )


def ours_default() -> Quantity:
    """Milliseconds per request at the assumed rate."""
    rate = ASSUMED_RATE_PER_VCPU
    return Quantity(1000 / rate.high, 1000 / rate.mid, 1000 / rate.low)


def _operation(values: Mapping[str, Any]) -> OperationCost:
    def of(name: str) -> Quantity:
        return Quantity.of(values.get(name, 0))

    return OperationCost(
        of("app_ms"),
        of("database_ms"),
        of("worker_ms"),
        of("worker_database_ms"),
        of("response_kib"),
        bool(values.get("writes", False)),
    )
