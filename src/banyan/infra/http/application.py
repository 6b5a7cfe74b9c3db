"""The Litestar application that the gateway wraps: routes bound to their services, errors as problems."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import structlog
from litestar import Litestar, Response
from litestar import Request as LitestarRequest
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.routes import BaseRoute, HTTPRoute

from banyan.infra.auth.scopes import SESSION_ONLY
from banyan.infra.http.exchange import SCOPE_KEY, Exchange
from banyan.infra.http.finish import problem_answer
from banyan.infra.http.gateway import FlagTable, RouteFlags
from banyan.infra.http.problems import Internal, MethodNotAllowed, UnsupportedMediaType
from banyan.infra.http.routing import Controller, Request, Route
from banyan.kernel.errors import BanyanError, FieldError, Invalid, Malformed, NotFound

log = structlog.get_logger("banyan.http")

C = TypeVar("C", bound=Controller)

_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")


def bind(controller: type[C], **services: object) -> type[C]:
    """The controller with its services filled in: `bind(PostRoutes, posts=posts)`.

    Raises TypeError for a service that the controller does not declare, or one that is missing.
    """
    wanted = {name for name in controller.__annotations__ if not name.startswith("_")}
    if wanted != services.keys():
        raise TypeError(f"{controller.__name__} wants {sorted(wanted)}, got {sorted(services)}")
    return type(controller.__name__, (controller,), {**services, "__module__": controller.__module__})


def key_features(controllers: Sequence[type[Controller]]) -> set[str]:
    """The features, as they are tagged, whose routes take API keys with scopes of their own."""
    features: set[str] = set()
    for controller in controllers:
        members = [member for base in controller.__mro__ for member in vars(base).values()]
        if any(isinstance(member, Route) and member.opt["access"] in ("account", "anyone") for member in members):
            features.update(getattr(controller, "tags", None) or ())
    return features - SESSION_ONLY


def build_application(controllers: Sequence[type[Controller]]) -> Litestar:
    """An ASGI application with these routes; every error answers as a problem document."""
    return Litestar(
        route_handlers=list(controllers),
        request_class=Request,
        exception_handlers={Exception: _answer_error},
        openapi_config=None,
        logging_config=None,
    )


def route_flags(application: Litestar) -> FlagTable:
    """The POST routes about which the gateway must know something before they run.

    Raises TypeError for one with a parameter in its path that says more than that its answer is secret: who asks is
    looked up on every request, which must not search through patterns.
    """
    paths: dict[str, RouteFlags] = {}
    patterns: list[tuple[re.Pattern[str], RouteFlags]] = []
    for route in application.routes:
        for handler in getattr(route, "route_handlers", ()):
            opt = handler.opt
            found = RouteFlags(
                secret_answer=opt.get("secret_answer", False),
                own_idempotency=opt.get("own_idempotency", False),
                ignores_token=opt.get("access") == "credentials",
                open_to_anyone="POST" in handler.http_methods and opt.get("access") in ("anyone", "credentials"),
            )
            if found == RouteFlags():
                continue
            if not route.path_parameters:
                paths[route.path] = found
            elif found == RouteFlags(secret_answer=True):
                patterns.append((_pattern(route), found))
            else:
                raise TypeError(f"{route.path}: its flags are found by its path, which takes no parameters then")
    return FlagTable(paths, patterns)


def allowed_methods(application: Litestar, path: str) -> list[str]:
    """What the address takes, nothing where no route is; a slow search over all routes, for rare answers."""
    wanted = path.rstrip("/") or "/"
    routes = [route for route in application.routes if isinstance(route, HTTPRoute)]
    # As the router does it: an address that is written out wins over one with a parameter in that place.
    found = [route for route in routes if route.path_format == wanted] or [
        route for route in routes if _pattern(route).fullmatch(wanted)
    ]
    allowed = {method for route in found for method in route.methods}
    return sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))


def _pattern(route: BaseRoute) -> re.Pattern[str]:
    """Any value where the path has a parameter."""
    return re.compile(re.sub(r"\{[^}]*\}", "[^/]+", route.path_format))


def _answer_error(request: LitestarRequest[Any, Any, Any], error: Exception) -> Response[Any]:
    exchange: Exchange = request.scope[SCOPE_KEY]  # type: ignore[literal-required]
    refusal = _as_refusal(error)
    if isinstance(refusal, Internal):
        log.error("request_failed", request_id=exchange.request_id, path=request.url.path, exc_info=error)
    answer = problem_answer(refusal, exchange)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    content_type = headers.pop("content-type")
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=content_type)


def _as_refusal(error: Exception) -> BanyanError:
    if isinstance(error, BanyanError):
        return error
    if isinstance(error, ValidationException):
        return _invalid_input(error)
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed("This address does not take that method.")
    if isinstance(error, NotFoundException):
        return NotFound("There is nothing at this address.")
    if isinstance(error, HTTPException) and error.status_code == UnsupportedMediaType.status:
        return UnsupportedMediaType("Send `Content-Type: application/json`.")
    if isinstance(error, HTTPException) and 400 <= error.status_code < 500:
        return Malformed("The body must be one JSON value of the documented shape, in UTF-8.")
    return Internal("Something broke on our side; the log has it under this request_id.")


def _invalid_input(error: ValidationException) -> Invalid:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [_field_error(item) for item in extra]
    return Invalid("Some fields are not as documented: see `errors`.", fields=fields)


def _field_error(item: dict[str, Any]) -> FieldError:
    message = str(item.get("message", ""))
    place = str(item.get("key", "body"))
    if message == "'data'":
        return FieldError("body", "missing_field", "This address wants a JSON body.")
    for pattern, code in ((_UNKNOWN, "unknown_field"), (_MISSING, "missing_field")):
        if match := pattern.search(message):
            prefix = "" if place in ("data", "body") else place + "."
            return FieldError(prefix + match["name"], code, message)
    return FieldError(place.removeprefix("data."), "invalid", message)
