"""Code named as text and loaded only where it is used: the one place of the server that imports by text."""

import importlib
from typing import Any


def load(place: str) -> Any:
    """What `package.module:name` names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
