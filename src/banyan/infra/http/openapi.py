"""The OpenAPI 3.1 document, made from the routes and msgspec's own schemas of the types they take and give.

Litestar's generator leaves out `additionalProperties: false` and 404 and documents errors in its own shape; what
msgspec checks and what it describes cannot drift apart.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, get_args

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from banyan.infra.auth.errors import InsufficientScope
from banyan.infra.declare import Topic
from banyan.infra.http.problems import (
    BodyTooLarge,
    BodyTooSlow,
    MethodNotAllowed,
    Problem,
    UnsupportedMediaType,
    UriTooLong,
)
from banyan.infra.http.routing import Moved, needs_body, scope_of
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
_NOT_PARAMETERS = ("self", "request", "data", "return")
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


def build_openapi(
    application: Litestar, *, title: str, version: str, description: str, topics: Sequence[Topic] = ()
) -> Json:
    """The document, ready to be encoded as JSON. OpenAPI knows no sockets: their topics stand under `x-topics`."""
    described = {topic.address: topic for topic in topics if topic.address}
    # Litestar keeps them in sets: sorted, the document is the same in every process.
    operations = sorted(
        (
            (route, handler)
            for route in application.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
            if "access" in handler.opt
        ),
        key=lambda pair: (pair[0].path_format, sorted(pair[1].http_methods)),
    )
    kinds = [kind for route, handler in operations for kind in _types_of(route, handler)]
    schemas = _Schemas([Problem, *kinds, *(topic.events for topic in described.values())])
    paths: Json = {}
    for route, handler in operations:
        for method in sorted(handler.http_methods):
            paths.setdefault(route.path_format or "/", {})[method.lower()] = _operation(route, handler, schemas)
    tags = sorted({tag for _, handler in operations for tag in handler.resolve_tags()})
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


def _types_of(route: HTTPRoute, handler: HTTPRouteHandler) -> Iterable[Any]:
    signature = handler.parsed_fn_signature
    for name, field in signature.parameters.items():
        if name not in _NOT_PARAMETERS or name == "data":
            yield field.annotation
    yield from _returned(handler).values()


def _returned(handler: HTTPRouteHandler) -> dict[int, Any]:
    """What a route answers when all is well, by status; nothing where the answer has no body."""
    raw = handler.parsed_fn_signature.return_type.raw
    if handler.opt.get("file"):
        return {}
    also: dict[Any, int] = handler.opt["also"]
    main = reduce(or_, (kind for kind in get_args(raw) if kind not in also)) if also else raw
    answers = {handler.status_code: main} if main not in (None, type(None)) else {}
    return answers | {status: kind for kind, status in also.items()}


def _operation(route: HTTPRoute, handler: HTTPRouteHandler, schemas: _Schemas) -> Json:
    signature = handler.parsed_fn_signature
    has_body = "data" in signature.parameters
    operation: Json = {
        "operationId": f"{_resource(handler)}_{handler.fn.__name__}",
        "x-resource": _resource(handler),
        "summary": handler.summary,
        "tags": handler.resolve_tags(),
        "security": _security(handler),
        "parameters": _parameters(route, handler, schemas),
        "responses": _responses(route, handler, schemas),
    }
    if handler.description:
        operation["description"] = handler.description
    if has_body:
        operation["requestBody"] = {
            "required": needs_body(handler),
            "content": {"application/json": {"schema": schemas.of(signature.parameters["data"].annotation)}},
        }
    return operation


def _resource(handler: HTTPRouteHandler) -> str:
    """What the route is about, the same whatever else is mounted: `ProfileFeedRoutes.list` lists a `profile_feed`.

    With the function's name it is the operation's id; the clients' methods are named from the two.
    """
    controller = handler.fn.__qualname__.rpartition(".")[0]
    return re.sub(r"(?<!^)(?=[A-Z])", "_", controller.removesuffix("Routes")).lower()


def _security(handler: HTTPRouteHandler) -> list[Json]:
    if handler.opt["access"] == "credentials":
        return [{}]
    ways: list[Json] = [{}] if handler.opt["access"] == "anyone" else []
    ways.append({"bearer": []})
    scope = scope_of(handler)
    # OpenAPI 3.1 lets the list of a scheme that is not OAuth2 name what its bearer must be allowed.
    return [*ways, {"api_key": [scope]}] if scope else ways


def _parameters(route: HTTPRoute, handler: HTTPRouteHandler, schemas: _Schemas) -> list[Json]:
    in_path = set(route.path_parameters)
    parameters: list[Json] = []
    for name, field in handler.parsed_fn_signature.parameters.items():
        if name in _NOT_PARAMETERS:
            continue
        schema = dict(schemas.of(field.annotation))
        alias = getattr(field.kwarg_definition, "name", None)
        parameter: Json = {"name": alias or name, "in": "path" if name in in_path else "query", "schema": schema}
        _describe(parameter, field.kwarg_definition)
        if name in in_path:
            parameter["required"] = True
        elif field.has_default and field.default is not None:
            schema["default"] = msgspec.to_builtins(field.default)
        elif not field.has_default:
            parameter["required"] = True
        parameters.append(parameter)
    if "POST" in handler.http_methods:
        parameters.append(_IDEMPOTENCY_PARAMETER)
    return parameters


def _describe(parameter: Json, definition: Any) -> None:
    """Adds what `Parameter(...)` says beside a parameter's type."""
    if definition is None:
        return
    if definition.description:
        parameter["description"] = definition.description
    for ours, theirs in (
        ("ge", "minimum"),
        ("le", "maximum"),
        ("min_length", "minLength"),
        ("max_length", "maxLength"),
    ):
        if getattr(definition, ours) is not None:
            parameter["schema"][theirs] = getattr(definition, ours)


def _responses(route: HTTPRoute, handler: HTTPRouteHandler, schemas: _Schemas) -> Json:
    responses: Json = {str(handler.status_code): {"description": "Done."}}
    for status, kind in _returned(handler).items():
        responses[str(status)] = {
            "description": "The answer.",
            "content": {"application/json": {"schema": schemas.of(kind)}},
        }
        if kind is Moved:
            responses[str(status)]["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    if handler.opt.get("file"):
        schema = {"type": "string", "format": "binary"}
        responses[str(handler.status_code)]["content"] = {handler.opt["file"]: {"schema": schema}}
    if "GET" in handler.http_methods:
        responses["304"] = {"description": "Not changed since the ETag in `If-None-Match`."}
    for status, errors in sorted(_errors_by_status(route, handler).items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{error.code}`: {error.title}" for error in errors),
            "content": {"application/problem+json": {"schema": schemas.of(Problem)}},
        }
    return responses


def _errors_by_status(route: HTTPRoute, handler: HTTPRouteHandler) -> dict[int, Sequence[type[BanyanError]]]:
    """The errors of the route itself and those that the house adds to every route of its kind."""
    errors: list[type[BanyanError]] = list(handler.opt["raises"])
    errors += [Malformed, Unauthorized, Invalid, TooManyRequests, Unavailable, MethodNotAllowed, UriTooLong]
    if handler.opt["access"] == "admin":
        errors.append(Forbidden)
    if handler.opt["access"] != "credentials":
        errors.append(InsufficientScope)
    if route.path_parameters:
        errors.append(NotFound)
    if "GET" not in handler.http_methods:
        errors += _BODY_ERRORS
    if "POST" in handler.http_methods:
        errors.append(Conflict)
    by_status: dict[int, list[type[BanyanError]]] = {}
    for error in dict.fromkeys(errors):
        by_status.setdefault(error.status, []).append(error)
    return dict(by_status)
