"""Reads an OpenAPI 3.1 document of Banyan's into the types of this package."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dev.client_generator.names import method_names, pascal, singular
from dev.client_generator.types import (
    ANYTHING,
    BYTES,
    Alias,
    AnyOf,
    Api,
    Field,
    Group,
    ListOf,
    Literals,
    MapOf,
    Operation,
    PageOf,
    Record,
    Ref,
    Refusal,
    Scalar,
    Topic,
    Type,
    Variants,
    refs_in,
)

Json = Mapping[str, Any]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_KEY = re.compile(r"\{(\w+)\}")
_CODE = re.compile(r"`(?P<code>\w+)`: (?P<title>[^;]+)")
# Any operation may be refused with these: they are said once, not at each method.
_HOUSE_CODES = frozenset(
    {
        "malformed",
        "unauthorized",
        "forbidden",
        "insufficient_scope",
        "not_found",
        "conflict",
        "invalid",
        "too_many_requests",
        "unavailable",
        "method_not_allowed",
        "uri_too_long",
        "body_timeout",
        "body_too_large",
        "unsupported_media_type",
    }
)
# Clients do these by themselves. A refresh beside theirs would end the session.
_LEFT_OUT = frozenset({"auth_refresh", "socket_open_socket"})
_FORGETS_TOKENS = frozenset({"auth_sign_out"})
# Clients ask for no parts.
_PART = "206"
_TOKENS = frozenset({"access_token", "refresh_token", "expires_in"})


class BadDocument(Exception):
    """The document says something that no client can be made from."""


def read_api(document: Json) -> Api:
    """Raises BadDocument."""
    schemas = document["components"]["schemas"]
    reader = _Reader(schemas)
    raw = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in _LEFT_OUT
    ]
    groups = []
    for tag in sorted({operation["tags"][0] for _, _, operation in raw}):
        own = [one for one in raw if one[2]["tags"][0] == tag]
        try:
            names = method_names((one["operationId"], tag, one["x-resource"]) for _, _, one in own)
        except ValueError as error:
            raise BadDocument(str(error)) from None
        operations = [reader.operation(names[one["operationId"]], path, method, one) for path, method, one in own]
        groups.append(Group(tag, sorted(operations, key=lambda operation: operation.name)))
    operations = [operation for group in groups for operation in group.operations]
    # Read first, so that what has no name of its own is called after the field in which it stands.
    for _, key, _ in reader.named_types():
        reader.fields(key)
    topics = [_topic(reader, address, one) for address, one in sorted(document.get("x-topics", {}).items())]
    records, aliases = _named_types(reader, operations, [topic.event for topic in topics])
    codes = sorted({code for _, _, one in raw for _, code, _ in _codes(one)})
    return Api(groups, records, aliases, codes, topics)


def _topic(reader: "_Reader", address: str, raw: Json) -> Topic:
    """`posts:public` is called `posts_public`; keys are parameters."""
    name = "_".join(re.findall(r"\w+", _KEY.sub("", address)))
    keys = _KEY.findall(address)
    return Topic(address, name, keys, reader.type(raw["event"], f"{pascal(name)}Event"), raw["durable"], raw["publish"])


class _Reader:
    def __init__(self, schemas: Json) -> None:
        self._schemas = schemas
        # Aliases that the document has no name for, each under the name of where it was found first.
        self.variants: dict[Variants, str] = {}

    def type(self, schema: Json, place: str = "") -> Type:
        """`place` names what has no name of its own: a record and one of its fields."""
        if "$ref" in schema:
            return self._named(schema["$ref"].rpartition("/")[2])
        if "discriminator" in schema and place:
            return Ref(self._variants(schema["discriminator"], place))
        for combined in ("anyOf", "oneOf"):
            if combined in schema:
                return _any_of(self.type(option, place) for option in schema[combined])
        if "enum" in schema or "const" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            known = Literals(tuple(value for value in values if value is not None))
            return _any_of([known, Scalar("null")]) if None in values else known
        return self._plain(schema, place)

    def _variants(self, discriminator: Json, place: str) -> str:
        options = [(tag, Ref(pascal(ref.rpartition("/")[2]))) for tag, ref in discriminator["mapping"].items()]
        found = Variants(discriminator["propertyName"], tuple(sorted(options, key=lambda option: option[0])))
        return self.variants.setdefault(found, place)

    def _plain(self, schema: Json, place: str) -> Type:
        match schema.get("type"):
            case "string":
                format_ = schema.get("format")
                return Scalar("uuid" if format_ == "uuid" else "time" if format_ == "date-time" else "string")
            case "integer" | "number" | "boolean" | "null" as name:
                return Scalar(name)
            case "array":
                return ListOf(self.type(schema.get("items", {}), singular(place)))
            case "object":
                more = schema.get("additionalProperties")
                return MapOf(self.type(more, place) if isinstance(more, dict) else ANYTHING)
            case list() as names:
                return _any_of(self._plain({**schema, "type": name}, place) for name in names)
        return ANYTHING

    def _named(self, key: str) -> Type:
        schema = self._schemas[key]
        properties = schema.get("properties", {})
        if set(properties) == {"items", "next_cursor"}:
            return PageOf(self.type(properties["items"]["items"]))
        return Ref(pascal(key))

    def fields(self, key: str) -> Sequence[Field]:
        """The fields of a component; none where it is no object."""
        schema = self._schemas[key]
        required = set(schema.get("required", ()))
        return [
            Field(
                name,
                self.type(one, pascal(key) + pascal(name)),
                name in required,
                one.get("description", ""),
                has_default="default" in one,
                default=one.get("default"),
            )
            for name, one in schema.get("properties", {}).items()
        ]

    def named_types(self) -> Iterator[tuple[str, str, Json]]:
        """Name, component and schema of all that has a name of its own."""
        for key, schema in self._schemas.items():
            if isinstance(self._named(key), Ref):
                yield pascal(key), key, schema

    def operation(self, name: str, path: str, method: str, raw: Json) -> Operation:
        parameters = {
            place: [self._parameter(one) for one in raw["parameters"] if one["in"] == place]
            for place in ("path", "query")
        }
        body, body_fields, content_type = self._body(raw.get("requestBody"))
        answers = {
            int(status): self._answer(response)
            for status, response in raw["responses"].items()
            if status.startswith("2") and status != _PART
        }
        return Operation(
            id=raw["operationId"],
            name=name,
            method=method.upper(),
            path=path,
            summary=raw["summary"],
            description=_unwrapped(raw.get("description", "")),
            path_parameters=parameters["path"],
            query=parameters["query"],
            body=body,
            body_fields=body_fields,
            content_type=content_type,
            answers=answers,
            refusals=[Refusal(*one) for one in _codes(raw) if one[1] not in _HOUSE_CODES],
            signed=raw["security"] != [{}],
            scope=next((scope for way in raw["security"] for scope in way.get("api_key", ())), ""),
            keeps_tokens=any(self._holds_tokens(kind) for kind in answers.values()),
            forgets_tokens=raw["operationId"] in _FORGETS_TOKENS,
        )

    def _parameter(self, raw: Json) -> Field:
        schema = raw["schema"]
        return Field(
            raw["name"],
            self.type(schema),
            raw.get("required", False),
            raw.get("description", ""),
            has_default="default" in schema,
            default=schema.get("default"),
        )

    def _body(self, raw: Json | None) -> tuple[Type | None, Sequence[Field], str]:
        if raw is None:
            return None, (), ""
        content_type, media = next(iter(raw["content"].items()))
        if content_type != _JSON:
            return BYTES, (), content_type
        schema = media["schema"]
        kind = self.type(schema)
        is_record = isinstance(kind, Ref) and "properties" in self._schemas[schema["$ref"].rpartition("/")[2]]
        return kind, self.fields(schema["$ref"].rpartition("/")[2]) if is_record else (), content_type

    def _answer(self, response: Json) -> Type | None:
        content = response.get("content", {})
        if _JSON in content:
            return self.type(content[_JSON]["schema"])
        return BYTES if content else None

    def _holds_tokens(self, kind: Type | None) -> bool:
        if not isinstance(kind, Ref):
            return False
        keys = [key for name, key, _ in self.named_types() if name == kind.name]
        return any(_TOKENS.issubset(self._schemas[key].get("properties", {})) for key in keys)


def _named_types(
    reader: _Reader, operations: Sequence[Operation], events: Sequence[Type]
) -> tuple[list[Record], list[Alias]]:
    """The records and aliases that operations and topics use, sorted by name."""
    known = {name: (key, schema) for name, key, schema in reader.named_types()}
    variants = {name: kind for kind, name in reader.variants.items()}

    def below(kinds: Iterable[Type | None]) -> set[str]:
        waiting = [name for kind in kinds if kind is not None for name in refs_in(kind)]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                inside = [variants[name]] if name in variants else _inside(reader, *known[name])
                waiting += [other for kind in inside for other in refs_in(kind)]
        return found

    asked = below(operation.body for operation in operations)
    asked |= below(field.type for operation in operations for field in [*operation.path_parameters, *operation.query])
    answered = below([*events, *(kind for operation in operations for kind in operation.answers.values())])
    records, aliases = [], []
    for name in sorted(asked | answered):
        if name in variants:
            aliases.append(Alias(name, "", variants[name]))
            continue
        key, schema = known[name]
        description = _unwrapped(schema.get("description", ""))
        if "properties" in schema:
            records.append(Record(name, description, reader.fields(key), name in asked, name in answered))
        else:
            aliases.append(Alias(name, description, reader.type(schema)))
    return records, aliases


def _inside(reader: _Reader, key: str, schema: Json) -> list[Type]:
    return [field.type for field in reader.fields(key)] or [reader.type(schema)]


def _any_of(options: Iterable[Type]) -> Type:
    """The options without repeats; null comes last."""
    distinct: dict[Type, None] = {}
    for option in options:
        distinct |= dict.fromkeys(option.options if isinstance(option, AnyOf) else [option])
    if ANYTHING in distinct:
        return ANYTHING
    sorted_ = sorted(distinct, key=lambda option: option == Scalar("null"))
    return sorted_[0] if len(sorted_) == 1 else AnyOf(tuple(sorted_))


def _unwrapped(text: str) -> str:
    """Paragraphs of one line each, lists left as they are."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(one if one.lstrip().startswith(("-", "|")) else " ".join(one.split()) for one in paragraphs)


def _codes(operation: Json) -> Iterator[tuple[int, str, str]]:
    for status, response in operation["responses"].items():
        if _PROBLEM in response.get("content", {}):
            for match in _CODE.finditer(response["description"]):
                yield int(status), match["code"], match["title"].strip()
