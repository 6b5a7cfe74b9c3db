"""Which signals there are: handed in by wiring, since webhooks know no other feature."""

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from banyan.features.webhooks.models import SignalInfo
from banyan.kernel.errors import Invalid
from banyan.kernel.signals import Signal, kind_of

EVERY = "*"
# Not a fact of the platform: sent by an admin to see whether a receiver hears.
TEST = "webhooks.Test"


class Catalogue:
    """Kinds of signals by their names, such as `posts.PostPublished`."""

    def __init__(self, signals: Iterable[type[Signal]]) -> None:
        self.signals = {kind_of(signal): signal for signal in signals}

    def describe(self) -> list[SignalInfo]:
        """Every kind, by name."""
        return [
            SignalInfo(name, inspect.cleandoc(signal.__doc__ or ""), _schema(signal))
            for name, signal in sorted(self.signals.items())
        ]

    def check(self, names: Iterable[str]) -> list[str]:
        """The full names, each once: `PostPublished` alone will do. Raises Invalid."""
        found = dict.fromkeys(self._find(name) for name in names)
        return [EVERY] if EVERY in found else sorted(found)

    def _find(self, name: str) -> str:
        if name == EVERY or name in self.signals:
            return name
        alike = [known for known in self.signals if known.rpartition(".")[2] == name]
        if len(alike) != 1:
            raise Invalid.field("signals", "unknown_signal", "GET /v1/admin/webhook-signals lists all that there are.")
        return alike[0]


def _schema(signal: type[Signal]) -> dict[str, Any]:
    """A schema that stands by itself, with `$defs` only where fields have types of their own."""
    others: dict[str, Any] = dict(msgspec.json.schema(signal)["$defs"])
    definition: dict[str, Any] = others.pop(signal.__name__)
    return definition | ({"$defs": others} if others else {})
