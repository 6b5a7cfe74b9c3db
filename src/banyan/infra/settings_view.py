"""Settings as operators see them: each with where its value comes from, secrets hidden."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, SecretBytes, SecretStr

from banyan.infra.settings import Sources

HIDDEN = "***"
# A setting of somebody's own may hold a secret without saying so by its type.
_SECRET_ENDINGS = ("password", "secret", "token", "key")


class SettingView(Struct, frozen=True):
    """One setting. `source`: environment, a file, `installation` (what `banyan up` makes), or `default`."""

    name: str
    value: Any
    source: str
    secret: bool
    description: str


def view_settings(settings: Sources) -> list[SettingView]:
    """All of them by name. The value of a secret that is set is ***."""
    return sorted(_views(settings, "", settings._origins), key=lambda view: view.name)


def _views(part: BaseModel, prefix: str, origins: Mapping[str, str]) -> Iterator[SettingView]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        full = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _views(value, f"{full}.", origins)
            continue
        secret = _is_secret(name, value)
        shown = _shown(name, value)
        yield SettingView(full, shown, origins.get(full, "default"), secret, field.description or "")


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, SecretStr | SecretBytes) or name.endswith(_SECRET_ENDINGS)


def _shown(name: str, value: object) -> Any:
    """As JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return {key: _shown(key, getattr(value, key)) for key in type(value).model_fields}
    if value is not None and not isinstance(value, bool) and _is_secret(name, value):
        return HIDDEN
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown("", item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
