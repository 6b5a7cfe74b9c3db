"""What every finding is made from, and how figures are said in it."""

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from banyan.planner.catalogue.prices import Catalogue
from banyan.planner.claims import Scope
from banyan.planner.plan import Plan
from banyan.planner.quantity import Quantity
from banyan.planner.workload.models import Machine, Phase, Service, Workload

DATABASE_ROLES = ("database", "database-primary", "db", "postgresql", "mysql", "mongodb")


class Context(Struct, frozen=True):
    """A file, its plan, the prices and the day."""

    workload: Workload
    plan: Plan
    catalogue: Catalogue
    as_of: date

    @property
    def scope(self) -> Scope:
        return Scope(self.workload, self.plan)

    def deployments(self) -> Iterator[tuple[str, Phase]]:
        """Phases and alternatives, each with its dotted key."""
        for number, phase in enumerate(self.workload.phases):
            yield f"phases.{number}", phase
        for number, alternative in enumerate(self.workload.alternatives):
            yield f"alternatives.{number}", alternative

    def machines(self) -> Iterator[tuple[str, Phase, Machine]]:
        for where, phase in self.deployments():
            for number, machine in enumerate(phase.machines):
                yield f"{where}.machines.{number}", phase, machine

    def services(self) -> Iterator[tuple[str, Service]]:
        stack = self.workload.stack
        for number, service in enumerate(stack.services if stack else ()):
            yield f"stack.services.{number}", service

    def service(self, name: str) -> Service:
        return next(service for _, service in self.services() if service.name == name)

    def on(self, machine: Machine) -> list[Service]:
        return [self.service(name) for name in machine.services]


def number(value: float) -> str:
    """Three figures after the point at most, thousands apart."""
    if abs(value) < 1:
        return f"{value:.3g}"
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return text if abs(value) < 1000 else f"{value:,.0f}"


def span(value: Quantity, unit: str = "") -> str:
    """A quantity as people write it: `50-100 GiB`."""
    text = number(value.low) if value.known else f"{number(value.low)}-{number(value.high)}"
    return f"{text} {unit}".rstrip()


def percent(share: float) -> str:
    return f"{share * 100:.3g}%"


def _settings(service: Service) -> dict[str, str | int | float | bool]:
    """Names as Python has them: `maxmemory-policy` and `maxmemory_policy` are one."""
    return {name.replace("-", "_"): value for name, value in service.settings.items()}


def setting(service: Service, name: str) -> float | None:
    """A setting that is a number. Sizes are read as tools write them as well: `maxmemory = "1gb"` is maxmemory_mib."""
    settings = _settings(service)
    value = settings.get(name)
    if value is None and name.endswith("_mib"):
        return _mib(settings.get(name.removesuffix("_mib")))
    if isinstance(value, str):
        return float(value) if value.isdigit() else None
    return float(value) if value is not None and not isinstance(value, bool) else None


def words(service: Service, name: str) -> str:
    """A setting that is a text; empty when it is not there."""
    return str(_settings(service).get(name, "")).lower()


def _mib(value: str | int | float | bool | None) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt])i?b?", value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        return None
    return float(found.group(1)) * {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}[found.group(2)]


def total(phase: Phase) -> Quantity | None:
    """What machines and lines of a phase add up to; None when nothing in it has a price.

    Lines that are alternatives to others are left out. A machine without a price of its own makes the sum unknown.
    """
    parts = [line.amount_month for line in phase.costs if not line.optional]
    for machine in phase.machines:
        if machine.price_month is None:
            return None
        parts.append(machine.price_month.scaled(machine.count))
    if not parts:
        return None
    return Quantity(sum(part.low for part in parts), sum(part.mid for part in parts), sum(part.high for part in parts))


def off(stated: Quantity, computed: Quantity) -> float:
    """How far two quantities are apart, as a share of the stated one: the farther of their ends."""
    return max(
        abs(mine - theirs) / max(abs(theirs), 1e-9)
        for mine, theirs in ((computed.low, stated.low), (computed.high, stated.high))
    )
