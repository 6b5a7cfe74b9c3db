"""The attributes of one kind of things: what is taken, what is stored, what is shown."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from banyan.infra.attributes.settings import AttributeSettings, AttributeType
from banyan.kernel.errors import FieldError, Invalid
from banyan.kernel.text import check_line

_MAX_INTEGER = (1 << 53) - 1

# How a kind's Structs declare the field; the OpenAPI document says what is in it in this installation.
PostAttributes = Annotated[dict[str, Any], Meta(extra_json_schema={"x-attributes": "posts"})]
NewPostAttributes = Annotated[dict[str, Any], Meta(extra_json_schema={"x-attributes": "posts.new"})]
PostAttributeChanges = Annotated[dict[str, Any], Meta(extra_json_schema={"x-attributes": "posts.changes"})]
PersonAttributes = Annotated[dict[str, Any], Meta(extra_json_schema={"x-attributes": "people"})]
PersonAttributeChanges = Annotated[dict[str, Any], Meta(extra_json_schema={"x-attributes": "people.changes"})]


class DeclaredAttribute(Struct, frozen=True):
    """How an attribute is declared: what a form needs to ask for it. `audience` `self`: only the author, or the person,
    sees it. `max_chars` is of a string, `choices` are of a choice.
    """

    type: AttributeType
    description: str
    required: bool
    audience: Literal["everyone", "self"]
    max_chars: int | UnsetType = UNSET
    minimum: float | UnsetType = UNSET
    maximum: float | UnsetType = UNSET
    choices: list[str] | UnsetType = UNSET


# What an installation declares, by kind and name.
Declarations = Annotated[
    dict[str, dict[str, DeclaredAttribute]],
    Meta(
        description="What is declared of `people` and of `posts`, by name.",
        extra_json_schema={"x-attributes": "declarations"},
    ),
]


class Declared:
    """Checks and shows the attributes of one kind; false where none are declared."""

    def __init__(self, attributes: Mapping[str, AttributeSettings] | None = None) -> None:
        self.attributes = dict(attributes or {})
        self._hidden = {name for name, one in self.attributes.items() if one.audience == "self"}

    def __bool__(self) -> bool:
        return bool(self.attributes)

    def describe(self) -> dict[str, DeclaredAttribute]:
        """For whoever makes a form, in the order of the declaration."""
        return {name: _describe(one) for name, one in self.attributes.items()}

    def check_new(self, given: Mapping[str, Any] | UnsetType) -> dict[str, Any]:
        """What a new thing has. Raises Invalid with every field that is wrong."""
        values = self._check({} if given is UNSET else given, given is not UNSET)
        missing = [
            FieldError(f"attributes.{name}", "missing_field", "This is required.")
            for name, one in self.attributes.items()
            if one.required and values.get(name) is None
        ]
        if missing:
            raise Invalid("Something that this community asks for is missing.", fields=missing)
        return {name: value for name, value in values.items() if value is not None}

    def check_changes(self, given: Mapping[str, Any] | UnsetType) -> dict[str, Any]:
        """What changes: null takes an attribute away. Raises Invalid with every field that is wrong."""
        values = self._check({} if given is UNSET else given, given is not UNSET)
        kept = [
            FieldError(f"attributes.{name}", "required", "This cannot be taken away.")
            for name, value in values.items()
            if value is None and self.attributes[name].required
        ]
        if kept:
            raise Invalid("Something that this community asks for cannot be taken away.", fields=kept)
        return values

    def show(self, stored: str | None, *, own: bool) -> dict[str, Any]:
        """What a reader sees of what is stored: only what is declared now."""
        values: dict[str, Any] = msgspec.json.decode(stored) if stored else {}
        hidden = set() if own else self._hidden
        return {name: value for name, value in values.items() if name in self.attributes and name not in hidden}

    def check_value(self, name: str, value: Any) -> Any:
        """One value as it is stored. Raises Invalid."""
        field = f"attributes.{name}"
        wanted = self.attributes[name]
        match wanted.type:
            case "string" if isinstance(value, str):
                return check_line(value, field, max_chars=wanted.max_chars)
            case "choice" if isinstance(value, str):
                if value not in wanted.choices:
                    raise Invalid.field(field, "unknown_choice", f"One of {', '.join(wanted.choices)}.")
                return value
            case "boolean" if isinstance(value, bool):
                return value
            case "date" if isinstance(value, str):
                return _check_date(field, value)
            case "integer" if isinstance(value, int) and not isinstance(value, bool):
                return _check_range(field, value, wanted)
            case "number" if isinstance(value, int | float) and not isinstance(value, bool):
                return _check_range(field, value, wanted)
            case _:
                raise Invalid.field(field, "wrong_type", f"This attribute is of the type {wanted.type}.")

    def _check(self, given: Mapping[str, Any], is_given: bool) -> dict[str, Any]:
        if is_given and not self.attributes:
            raise Invalid.field("attributes", "unknown_field", "This installation declares no attributes.")
        values: dict[str, Any] = {}
        wrong: list[FieldError] = []
        for name, value in given.items():
            if name not in self.attributes:
                wrong.append(FieldError(f"attributes.{name}", "unknown_field", "There is no such attribute."))
                continue
            try:
                values[name] = None if value is None else self.check_value(name, value)
            except Invalid as refusal:
                wrong += refusal.fields
        if wrong:
            raise Invalid("Something is not as this community asks for it.", fields=wrong)
        return values


def _describe(one: AttributeSettings) -> DeclaredAttribute:
    return DeclaredAttribute(
        type=one.type,
        description=one.description,
        required=one.required,
        audience=one.audience,
        max_chars=one.max_chars if one.type == "string" else UNSET,
        minimum=UNSET if one.minimum is None else one.minimum,
        maximum=UNSET if one.maximum is None else one.maximum,
        choices=one.choices or UNSET,
    )


def _check_date(field: str, value: str) -> str:
    try:
        # Only this one form, so that equal dates are equal texts.
        read = date.fromisoformat(value)
    except ValueError:
        read = None
    if read is None or read.isoformat() != value:
        raise Invalid.field(field, "invalid_date", "A date such as 2026-11-25.")
    return value


def _check_range(field: str, value: float, wanted: AttributeSettings) -> float:
    low = -_MAX_INTEGER if wanted.minimum is None else wanted.minimum
    high = _MAX_INTEGER if wanted.maximum is None else wanted.maximum
    if not low <= value <= high:
        raise Invalid.field(field, "out_of_range", f"From {low:.16g} to {high:.16g}.")
    return value
