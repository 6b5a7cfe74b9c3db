"""Where settings come from: `banyan.toml`, the environment (`BANYAN_PART__KEY`), and files (`BANYAN_..._FILE`)."""

import os
from collections.abc import Mapping
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, TypeVar

from pydantic import ValidationError
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

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid")


S = TypeVar("S", bound=Sources)


def read_settings(kind: type[S], *, toml_file: Path | None, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> S:
    """`fixed` values over the environment, files named in it, `banyan.toml` and `defaults`, merged key by key.

    Raises BadSettings that names each wrong setting and says what would be right.
    """

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
            toml = (TomlConfigSettingsSource(settings_cls, toml_file),) if toml_file else ()
            lowest = InitSettingsSource(settings_cls, dict(defaults))
            return (init_settings, env_settings, FileSettingsSource(settings_cls), *toml, lowest)

    try:
        return Configured(**fixed)
    except ValidationError as error:
        raise explain(error) from None
    except TOMLDecodeError as error:
        raise BadSettings(f"{toml_file}: {error}") from None


def explain(error: ValidationError) -> BadSettings:
    """Which setting is wrong and why, a line each; values are left out, they may be secrets."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        keys = [str(part) for part in problem["loc"]]
        variable = PREFIX + "__".join(keys).upper()
        lines.append(f"{'.'.join(keys)} ({variable}): {problem['msg']}")
    return BadSettings("\n".join(lines))


def _put(values: dict[str, Any], keys: list[str], text: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = text
