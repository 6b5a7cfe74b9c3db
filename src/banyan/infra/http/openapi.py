"""The OpenAPI 3.1 document, made from the routes and msgspec's own schemas of the types they take and give.

What msgspec checks and what it describes cannot drift apart.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Literal, get_args

import msgspec
from msgspec import NODEFAULT

from banyan.infra.auth.errors import InsufficientScope
from banyan.infra.declare import Topic
from banyan.infra.http.parameters import QueryParameter, Taken
from banyan.infra.http.problems import (
    BodyTooLarge,
    BodyTooSlow,
    MethodNotAllowed,
    Problem,
    UnsupportedMediaType,
    UriTooLong,
)
from banyan.infra.http.routing import Moved
from banyan.infra.http.table import Endpoint, Table
from banyan.kernel.errors import (
    BanyanError,
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
# A body may come with any method but GET, also where none is asked for: it is read all the same.
_BODY_ERRORS: tuple[type[BanyanError], ...] = (BodyTooSlow, BodyTooLarge, UnsupportedMediaType)
_SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
    "api_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "byn_...",
        "description": "A personal API key with the scope named; `write` includes `read`.",
    },
}
_IDEMPOTENCY_PARAMETER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A retry with the same key and body returns the first answer and has no second effect (24 h).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
# Of any form: what makes no sense is not looked at.
_RANGE_PARAMETER: Json = {
    "name": "Range",
    "in": "header",
    "required": False,
    "description": "Asks for a part, as `bytes=1000-` after a lost line; what makes no sense is not looked at.",
    "schema": {"type": "string"},
}


def build_openapi(table: Table, *, title: str, version: str, description: str, topics: Sequence[Topic] = ()) -> Json:
    """The document, ready to be encoded as JSON. OpenAPI knows no sockets: their topics stand under `x-topics`."""
    described = {topic.address: topic for topic in topics if topic.address}
    endpoints = sorted(table.endpoints, key=lambda endpoint: (endpoint.path, endpoint.method))
    kinds = [kind for endpoint in endpoints for kind in _types_of(endpoint)]
    schemas = _Schemas([Problem, *kinds, *(topic.events for topic in described.values())])
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    tags = sorted({tag for endpoint in endpoints for tag in endpoint.tags})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": _SECURITY_SCHEMES,
        },
        "x-topics": {address: _topic(described[address], schemas) for address in sorted(described)},
    }


def _topic(topic: Topic, schemas: "_Schemas") -> Json:
    """What sockets get under one address; docs/realtime.md says what durable means."""
    return {"durable": topic.durable, "publish": topic.publish is not None, "event": schemas.of(topic.events)}


class _Schemas:
    """Schemas of all types that appear, the structs among them under `components`."""

    def __init__(self, types: Iterable[Any]) -> None:
        distinct = list(dict.fromkeys(types))
        schemas, self.components = msgspec.json.schema_components(distinct, ref_template=_REFERENCE)
        for schema in self.components.values():
            if "description" in schema:
                # Before Python 3.13 a docstring keeps the indentation of its source.
                schema["description"] = inspect.cleandoc(schema["description"])
        _name_times(self.components, distinct)
        self._by_type = dict(zip(distinct, schemas, strict=True))

    def of(self, kind: Any) -> Json:
        schema: Json = self._by_type[kind]
        return schema


def _name_times(components: Json, types: Sequence[Any]) -> None:
    """Puts `format: date-time` on every time: msgspec says no more than `string` of one that may lack a zone."""
    for struct in _structs(msgspec.inspect.multi_type_info(types), set()):
        times = [field.encode_name for field in struct.fields if any(map(_is_time, _parts(field.type)))]
        for schema in components.values():
            if schema["title"] != struct.cls.__name__:
                continue
            for name in times:
                described = schema.get("properties", {}).get(name, {})
                for option in described.get("anyOf", [described]):
                    if option.get("type") == "string":
                        option["format"] = "date-time"


def _structs(types: Iterable[msgspec.inspect.Type], seen: set[type]) -> Iterator[msgspec.inspect.StructType]:
    """All structs among and below `types`, each once."""
    for part in (part for kind in types for part in _parts(kind)):
        if isinstance(part, msgspec.inspect.StructType) and part.cls not in seen:
            seen.add(part.cls)
            yield part
            yield from _structs((field.type for field in part.fields), seen)


def _parts(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    """The type itself and what it is made of, structs not opened."""
    yield kind
    if isinstance(kind, msgspec.inspect.StructType):
        return
    below = [getattr(kind, name, None) for name in ("type", "item_type", "key_type", "value_type")]
    below += [*getattr(kind, "types", ()), *getattr(kind, "item_types", ())]
    for part in below:
        if isinstance(part, msgspec.inspect.Type):
            yield from _parts(part)


def _is_time(kind: msgspec.inspect.Type) -> bool:
    return isinstance(kind, msgspec.inspect.DateTimeType)


def _types_of(endpoint: Endpoint) -> Iterable[Any]:
    signature = endpoint.signature
    yield from (one.type for one in (*signature.path, *signature.query))
    if signature.body is not None:
        yield signature.body
    yield from _returned(endpoint).values()


def _returned(endpoint: Endpoint) -> dict[int, Any]:
    """What a route answers when all is well, by status; nothing where the answer has no body."""
    route = endpoint.route
    raw = route.answers or endpoint.signature.returned
    if route.file:
        return {}
    main = reduce(or_, (kind for kind in get_args(raw) if kind not in route.also)) if route.also else raw
    answers = {route.status: main} if main not in (None, type(None)) else {}
    return answers | {status: kind for kind, status in route.also.items()}


def _operation(endpoint: Endpoint, schemas: _Schemas) -> Json:
    route, signature = endpoint.route, endpoint.signature
    operation: Json = {
        "operationId": f"{_resource(endpoint)}_{route.function.__name__}",
        "x-resource": _resource(endpoint),
        "summary": route.summary,
        "tags": list(endpoint.tags),
        "security": _security(endpoint),
        "parameters": _parameters(endpoint, schemas),
        "responses": _responses(endpoint, schemas),
    }
    if route.description:
        operation["description"] = route.description
    if signature.body is not None:
        operation["requestBody"] = {
            "required": signature.needs_body,
            "content": {"application/json": {"schema": schemas.of(signature.body)}},
        }
    return operation


def _resource(endpoint: Endpoint) -> str:
    """What the route is about, the same whatever else is mounted: `ProfileFeedRoutes.list` lists a `profile_feed`.

    With the function's name it is the operation's id; the clients' methods are named from the two.
    """
    controller = endpoint.route.function.__qualname__.rpartition(".")[0]
    return re.sub(r"(?<!^)(?=[A-Z])", "_", controller.removesuffix("Routes")).lower()


def _security(endpoint: Endpoint) -> list[Json]:
    access = endpoint.route.access
    if access == "credentials":
        return [{}]
    ways: list[Json] = [{}] if access == "anyone" else []
    ways.append({"bearer": []})
    scope = endpoint.route.scope(endpoint.tags)
    # OpenAPI 3.1 lets the list of a scheme that is not OAuth2 name what its bearer must be allowed.
    return [*ways, {"api_key": [scope]}] if scope else ways


def _parameters(endpoint: Endpoint, schemas: _Schemas) -> list[Json]:
    parameters = [_parameter(one, "path", schemas) for one in endpoint.signature.path]
    parameters += [_parameter(one, "query", schemas) for one in endpoint.signature.query]
    if endpoint.method == "POST":
        parameters.append(_IDEMPOTENCY_PARAMETER)
    if endpoint.route.file:
        parameters.append(_RANGE_PARAMETER)
    return parameters


def _parameter(taken: Taken, place: Literal["path", "query"], schemas: _Schemas) -> Json:
    schema = dict(schemas.of(taken.type))
    parameter: Json = {"name": taken.called, "in": place, "schema": schema}
    _describe(parameter, taken.asked)
    if taken.default is NODEFAULT:
        parameter["required"] = True
    elif taken.default is not None:
        schema["default"] = msgspec.to_builtins(taken.default)
    return parameter


def _describe(parameter: Json, asked: QueryParameter) -> None:
    """Adds what `QueryParameter(...)` says beside a parameter's type."""
    if asked.description:
        parameter["description"] = asked.description
    for ours, theirs in (
        ("ge", "minimum"),
        ("le", "maximum"),
        ("min_length", "minLength"),
        ("max_length", "maxLength"),
    ):
        if getattr(asked, ours) is not None:
            parameter["schema"][theirs] = getattr(asked, ours)


def _responses(endpoint: Endpoint, schemas: _Schemas) -> Json:
    route = endpoint.route
    responses: Json = {str(route.status): {"description": "Done."}}
    for status, kind in _returned(endpoint).items():
        responses[str(status)] = {
            "description": "The answer.",
            "content": {"application/json": {"schema": schemas.of(kind)}},
        }
        if kind is Moved:
            responses[str(status)]["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    if route.file:
        content = {route.file: {"schema": {"type": "string", "format": "binary"}}}
        responses[str(route.status)]["content"] = content
        responses["206"] = {
            "description": "The part that `Range` asks for.",
            "headers": {"Content-Range": {"required": True, "schema": {"type": "string"}}},
            "content": content,
        }
    if endpoint.method == "GET":
        responses["304"] = {"description": "Not changed since the ETag in `If-None-Match`."}
    for status, errors in sorted(_errors_by_status(endpoint).items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{error.code}`: {error.title}" for error in errors),
            "content": {"application/problem+json": {"schema": schemas.of(Problem)}},
        }
    return responses


def _errors_by_status(endpoint: Endpoint) -> dict[int, Sequence[type[BanyanError]]]:
    """The errors of the route itself and those that the house adds to every route of its kind."""
    errors: list[type[BanyanError]] = list(endpoint.route.raises)
    errors += [Malformed, Unauthorized, Invalid, TooManyRequests, Unavailable, MethodNotAllowed, UriTooLong]
    if endpoint.route.access == "admin":
        errors.append(Forbidden)
    if endpoint.route.access != "credentials":
        errors.append(InsufficientScope)
    if endpoint.path_parameters:
        errors.append(NotFound)
    if endpoint.method != "GET":
        errors += _BODY_ERRORS
    if endpoint.method == "POST":
        errors.append(Conflict)
    by_status: dict[int, list[type[BanyanError]]] = {}
    for error in dict.fromkeys(errors):
        by_status.setdefault(error.status, []).append(error)
    return dict(by_status)
