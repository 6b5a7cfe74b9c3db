"""Writes docs/settings.md: every setting with its default, what it may be and what it does.

All of it is taken from the classes that read the settings. `--check` changes nothing and fails where the page is
outdated.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from banyan.app.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# All settings

Made from the code by `dev/settings`; what operators begin with is in [operations.md](operations.md#settings).
In `banyan.toml` a setting stands in the table of its part (`[http]`, `max_in_flight = 500`); in the environment it is
`BANYAN_PART__KEY` (`BANYAN_HTTP__MAX_IN_FLIGHT=500`), lists as JSON (`BANYAN_HTTP__TRUSTED_PROXIES='["10.0.0.0/8"]'`);
`BANYAN_PART__KEY_FILE` names a file that holds a text, such as a secret. Where no default stands one has to be given,
if the part is used at all. `banyan admin settings` shows what is set, and where.
"""
# What else an operator has to know of a part.
MORE = {
    "database": "Where no `database.url` is named, `banyan up` runs a PostgreSQL of its own.",
    "attributes": "NAME is the attribute's own; only posts can be indexed ([attributes](operations.md#attributes)).",
    "plugins": "How to write one: [plugins.md](plugins.md).",
    "push": "[Push](operations.md#push) says how to come by keys.",
}


class Undescribed(Exception):
    """A setting of which nothing is said."""


@dataclass(frozen=True)
class Row:
    """A setting as it stands in the page."""

    name: str
    default: str
    values: str
    text: str


def rows(cls: type[BaseModel], prefix: str) -> Iterator[Row]:
    """All settings of a class, those of the classes inside it too. Raises Undescribed."""
    for key, field in cls.model_fields.items():
        inner, named = _inner(field.annotation)
        name = f"{prefix}.{key}"
        if inner is not None:
            yield from rows(inner, f"{name}.NAME" if named else name)
        elif not field.description:
            raise Undescribed(f"{name}: its Field needs a description.")
        else:
            yield Row(name, _default(field), _values(field), field.description)


def page(settings: type[BaseModel] = Settings) -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for part, field in settings.model_fields.items():
        cls, _ = _inner(field.annotation)
        assert cls is not None, part
        about = " ".join((cls.__doc__ or "").split())
        lines = [f"## {part}", "", about, *([MORE[part]] if part in MORE else []), ""]
        lines += ["| setting | default | may be | what it does |", "|---|---|---|---|"]
        for row in rows(cls, part):
            cells = [f"`{row.name}`", row.default, row.values, row.text]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The class of settings that a field holds, and whether by name."""
    if get_origin(annotation) is dict:
        return _inner(get_args(annotation)[1])[0], True
    for one in _choices(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one, False
    return None, False


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    return "unset" if value is None else f"`{json.dumps(value)}`"


def _values(field: FieldInfo) -> str:
    kinds = [kind for kind in _choices(field.annotation) if kind is not NoneType]
    words = [f"`{one}`" for kind in kinds if get_origin(kind) is Literal for one in get_args(kind)]
    if bool in kinds:
        words = ["`true`", "`false`"]
    low, above, high = (_bound(field, name) for name in ("ge", "gt", "le"))
    if low is not None and high is not None:
        words.append(f"{low:,} to {high:,}")
    elif above is not None and high is not None:
        words.append(f"above {above:,}, up to {high:,}")
    elif low is not None or above is not None:
        words.append(f"from {low:,}" if low is not None else f"above {above:,}")
    return ", ".join(words)


def _bound(field: FieldInfo, name: str) -> Any:
    return next((getattr(one, name) for one in field.metadata if hasattr(one, name)), None)


def main(arguments: list[str]) -> int:
    wanted = page()
    if "--check" not in arguments:
        PAGE.write_text(wanted)
        return 0
    if PAGE.exists() and PAGE.read_text() == wanted:
        print("docs/settings.md has all settings as they are")
        return 0
    print("docs/settings.md is outdated: run dev/settings")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
