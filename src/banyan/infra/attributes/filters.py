"""Finding things by their attributes: `?attributes.colour=red`, `?attributes.price.min=5&attributes.price.max=10`."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from banyan.infra.attributes.declared import Declared
from banyan.infra.attributes.settings import AttributeSettings
from banyan.kernel.errors import Invalid

PREFIX = "attributes."
RANGED = ("integer", "number", "date")
_OPERATORS: dict[str, Literal["=", ">=", "<="]] = {"": "=", ".min": ">=", ".max": "<="}


class Condition(Struct, frozen=True):
    """One comparison: `name` is declared, so it may stand in SQL; `value` is JSON."""

    name: str
    operator: Literal["=", ">=", "<="]
    value: str


def read_conditions(declared: Declared, query: Iterable[tuple[str, str]]) -> list[Condition]:
    """From the query of a request; other parameters are left alone. Raises Invalid."""
    return [_read(declared, key, text) for key, text in query if key.startswith(PREFIX)]


def conditions_sql(conditions: Iterable[Condition], column: str, first_parameter: int) -> str:
    """` AND ...` for each condition, whose values are the parameters from `first_parameter` on, as jsonb.

    An attribute that is of another type in an old row (its declaration was changed) is outside of every range.
    """
    clauses = []
    for number, condition in enumerate(conditions, first_parameter):
        value = f"{column} -> '{condition.name}'"
        clauses.append(f" AND {value} {condition.operator} ${number}::jsonb")
        if condition.operator != "=":
            clauses.append(f" AND jsonb_typeof({value}) = jsonb_typeof(${number}::jsonb)")
    return "".join(clauses)


def _read(declared: Declared, key: str, text: str) -> Condition:
    name, dot, bound = key.removeprefix(PREFIX).partition(".")
    attribute = declared.attributes.get(name)
    operator = _OPERATORS.get(dot + bound)
    if attribute is None or not attribute.indexed or operator is None:
        raise Invalid.field(key, "unknown_filter", "Lists are filtered by attributes that are declared as indexed.")
    if operator != "=" and attribute.type not in RANGED:
        raise Invalid.field(key, "unknown_filter", f"A {attribute.type} has no range.")
    value = _value(attribute, text)
    if operator == "=":
        # Raises for a value that the attribute cannot have: nothing would ever be found.
        value = declared.check_value(name, value)
    elif attribute.type == "date":
        value = declared.check_value(name, value)
    elif not isinstance(value, int | float) or isinstance(value, bool):
        raise Invalid.field(key, "wrong_type", f"This attribute is of the type {attribute.type}.")
    return Condition(name, operator, msgspec.json.encode(value).decode())


def _value(attribute: AttributeSettings, text: str) -> Any:
    """A query's text as the value that it stands for."""
    if attribute.type in ("string", "choice", "date"):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
