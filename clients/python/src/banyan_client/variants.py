"""Values that are one of several structs, told apart by a field; a newer server may send one more."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class Unknown(Struct, frozen=True):
    """A value of a kind that this version does not know: to be passed over."""

    data: dict[str, Any]


class _AnyInstance(type):
    """msgspec wants what a hook makes to be an instance of the type it was asked for."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class _Variants(metaclass=_AnyInstance):
    tag_field: str
    options: Mapping[str, type[Struct]]


def variants(name: str, tag_field: str, options: Mapping[str, type[Struct]]) -> type:
    """A type to decode by: one of `options`, chosen by the value of `tag_field`."""
    return _AnyInstance(name, (_Variants,), {"tag_field": tag_field, "options": options})


def pick(kind: type, data: Any) -> Any:
    """Decodes such a type: msgspec's `dec_hook`."""
    if not issubclass(kind, _Variants) or not isinstance(data, dict):
        raise NotImplementedError(f"{kind} is no type of this package")
    option = kind.options.get(data.get(kind.tag_field, ""))
    return Unknown(data) if option is None else msgspec.convert(data, option, dec_hook=pick)
