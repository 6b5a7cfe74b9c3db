"""Where settings come from: `banyan.toml`, the environment (`BANYAN_PART__KEY`), and files (`BANYAN_..._FILE`)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, TypeVar

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "BANYAN_"
_FILE_SUFFIX = "_FILE"


class BadSettings(Exception):
    """A setting that cannot be used; the message names it and says what would be right, never its value."""


class FileSettingsSource(PydanticBaseSettingsSource):
    """`BANYAN_AUTH__SECRET_FILE=/run/secrets/x`: the value is what the file holds (secrets of containers)."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: `__call__` reads all fields at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, path in os.environ.items():
            if name.startswith(PREFIX) and name.endswith(_FILE_SUFFIX):
                keys = name.removeprefix(PREFIX).removesuffix(_FILE_SUFFIX).lower().split("__")
                try:
                    text = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise BadSettings(f"{name}: {path} cannot be read ({error.strerror}).") from None
                _put(values, keys, text)
        return values


class Sources(BaseSettings):
    """Base of the settings of a whole process; read it with `read_settings`."""

    # Where each value was found, by its dotted name; without an entry it is the default.
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")


S = TypeVar("S", bound=Sources)


def read_settings(kind: type[S], *, toml_file: Path | None, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> S:
    """`fixed` values over the environment, files named in it, `banyan.toml` and `defaults`, merged key by key.

    Raises BadSettings that names each wrong setting and says what would be right.
    """

    named: list[tuple[str, PydanticBaseSettingsSource]] = []

    class Configured(kind):  # type: ignore[valid-type, misc]
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            # A file's name belongs to the source that reads it; to this one it would be a setting nobody knows.
            assert isinstance(env_settings, EnvSettingsSource)
            env_settings.env_vars = {
                name: value for name, value in env_settings.env_vars.items() if not name.upper().endswith(_FILE_SUFFIX)
            }
            named[:] = [
                ("DATABASE_URL", init_settings),
                ("environment", env_settings),
                ("file named in the environment", FileSettingsSource(settings_cls)),
                *([(str(toml_file), TomlConfigSettingsSource(settings_cls, toml_file))] if toml_file else []),
                ("installation", InitSettingsSource(settings_cls, dict(defaults))),
            ]
            return tuple(source for _, source in named)

    try:
        found: S = Configured(**fixed)
        found._origins = _origins(named)
        return found
    except ValidationError as error:
        raise explain(error) from None
    except TOMLDecodeError as error:
        raise BadSettings(f"{toml_file}: {error}") from None


def _origins(named: Sequence[tuple[str, PydanticBaseSettingsSource]]) -> dict[str, str]:
    """Which source gave each value: the strongest that has it."""
    origins: dict[str, str] = {}
    for name, source in reversed(named):
        origins |= dict.fromkeys(_leaves(source(), ""), name)
    return origins


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        # A table that is a setting's whole value has a name too.
        yield f"{prefix}{key}"


def explain(error: ValidationError, *section: str) -> BadSettings:
    """Which setting of `section` is wrong and why, a line each; values are left out, they may be secrets."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        keys = [*section, *(str(part) for part in problem["loc"])]
        variable = PREFIX + "__".join(keys).upper()
        unknown = problem["type"] == "extra_forbidden"
        why = "There is no such setting." if unknown else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{'.'.join(keys)} ({variable}): {why}")
    return BadSettings("\n".join(lines))


def _put(values: dict[str, Any], keys: list[str], text: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = text
