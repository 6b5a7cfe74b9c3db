"""The routes of a process, bound to their services, and what the gateway must know of them."""

import re
from collections.abc import Sequence
from typing import TypeVar

from banyan.infra.auth.scopes import SESSION_ONLY
from banyan.infra.http.gateway import FlagTable, RouteFlags
from banyan.infra.http.routing import Controller
from banyan.infra.http.table import Table

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
        if any(route.access in ("account", "anyone") for route in controller.routes()):
            features.update(controller.tags)
    return features - SESSION_ONLY


def route_flags(table: Table) -> FlagTable:
    """The POST routes about which the gateway must know something before they run.

    Raises TypeError for one with a parameter in its path that says more than that its answer is secret: who asks is
    looked up on every request, which must not search through patterns.
    """
    paths: dict[str, RouteFlags] = {}
    patterns: list[tuple[re.Pattern[str], RouteFlags]] = []
    for endpoint in table.endpoints:
        route = endpoint.route
        found = RouteFlags(
            secret_answer=route.secret_answer,
            own_idempotency=route.own_idempotency,
            ignores_token=route.access == "credentials",
            open_to_anyone=route.method == "POST" and route.access in ("anyone", "credentials"),
        )
        if found == RouteFlags():
            continue
        if not endpoint.path_parameters:
            paths[endpoint.path] = found
        elif found == RouteFlags(secret_answer=True):
            patterns.append((re.compile(re.sub(r"\{[^}]*\}", "[^/]+", endpoint.path)), found))
        else:
            raise TypeError(f"{endpoint.path}: its flags are found by its path, which takes no parameters then")
    return FlagTable(paths, patterns)
