"""Attributes in the OpenAPI document: typed as this installation declares them, absent where it declares none."""

from collections.abc import Mapping
from typing import Any

from banyan.infra.attributes.declared import DeclaredAttribute
from banyan.infra.attributes.filters import PREFIX, RANGED
from banyan.infra.attributes.settings import AttributeSettings

Json = dict[str, Any]
Declarations = Mapping[str, Mapping[str, AttributeSettings]]

_MARK = "x-attributes"
# The mark of what tells of the declarations themselves.
_ALL = "declarations"
# The operations that filter a kind.
_LISTS = {"posts": [("/v1/posts", "get")]}


def describe_attributes(document: Json, declarations: Declarations) -> Json:
    """The document with what is declared in place of the marks that the Structs have."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        properties = schema.get("properties", {})
        for name, described in list(properties.items()):
            mark = _find_mark(described)
            if mark is None:
                continue
            kind, _, form = mark.partition(".")
            if kind == _ALL and any(declarations.values()):
                del described[_MARK]
            elif declarations.get(kind):
                properties[name] = _schema(declarations[kind], form)
            else:
                del properties[name]
    if not any(declarations.values()):
        schemas.pop(DeclaredAttribute.__name__, None)
    for kind, operations in _LISTS.items():
        for path, method in operations:
            operation = document["paths"].get(path, {}).get(method)
            if operation is not None:
                operation["parameters"] += _parameters(declarations.get(kind, {}))
    return document


def _find_mark(described: Json) -> str | None:
    for part in (described, *described.get("anyOf", ())):
        if _MARK in part:
            return str(part[_MARK])
    return None


def _schema(attributes: Mapping[str, AttributeSettings], form: str) -> Json:
    properties: Json = {}
    for name, one in attributes.items():
        value = _value_schema(one)
        removable = form == "changes" and not one.required
        properties[name] = {"anyOf": [value, {"type": "null"}]} if removable else value
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [name for name, one in attributes.items() if one.required]
    if form == "new" and required:
        schema["required"] = required
    if not form:
        # Old things may lack what is required by now, and readers do not see all.
        schema["description"] = "What this community has declared beside the rest."
    return schema


def _value_schema(one: AttributeSettings) -> Json:
    schema: Json = {"type": "string"}
    match one.type:
        case "string":
            schema |= {"minLength": 1, "maxLength": one.max_chars}
        case "choice":
            schema["enum"] = list(one.choices)
        case "date":
            schema["format"] = "date"
        case "boolean":
            schema = {"type": "boolean"}
        case "integer" | "number":
            schema = {"type": one.type}
            if one.minimum is not None:
                schema["minimum"] = one.minimum
            if one.maximum is not None:
                schema["maximum"] = one.maximum
    return schema | ({"description": one.description} if one.description else {})


def _parameters(attributes: Mapping[str, AttributeSettings]) -> list[Json]:
    found: list[Json] = []
    for name, one in attributes.items():
        if not one.indexed:
            continue
        forms = ("", ".min", ".max") if one.type in RANGED else ("",)
        for form in forms:
            words = {"": "Only those with this value.", ".min": "At least this.", ".max": "At most this."}[form]
            found.append(
                {
                    "name": f"{PREFIX}{name}{form}",
                    "in": "query",
                    "required": False,
                    "description": words,
                    "schema": _value_schema(one),
                }
            )
    return found
