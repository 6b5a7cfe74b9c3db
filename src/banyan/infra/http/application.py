"""The Litestar application that holds the routes, bound to their services."""

import re
from collections.abc import Sequence
from typing import TypeVar

from litestar import Litestar
from litestar.routes import BaseRoute, HTTPRoute

from banyan.infra.auth.scopes import SESSION_ONLY
from banyan.infra.http.gateway import FlagTable, RouteFlags
from banyan.infra.http.routing import Controller, Request, Route

C = TypeVar("C", bound=Controller)


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
    """The table of these routes, and what Litestar knows of their parameters; `Dispatcher` calls them."""
    return Litestar(
        route_handlers=list(controllers),
        request_class=Request,
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
