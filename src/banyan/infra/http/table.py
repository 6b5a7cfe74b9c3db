"""The table of routes: which function answers a method at an address, and what the address says besides."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MethodType
from typing import Any, Final
from uuid import UUID

from banyan.infra.http.parameters import Signature, signature_of
from banyan.infra.http.problems import MethodNotAllowed
from banyan.infra.http.routing import Controller, Route
from banyan.kernel.errors import NotFound

_TYPES: Final[Mapping[str, type]] = {"str": str, "int": int, "uuid": UUID}


class Endpoint:
    """A route at its address, bound to the controller whose services it uses. `path` names its parameters in braces."""

    def __init__(self, controller: Controller, route: Route) -> None:
        self.route = route
        self.method = route.method
        self.tags = tuple(controller.tags)
        self.call: Callable[..., Awaitable[Any]] = MethodType(route.function, controller)
        self.segments = _segments(f"{controller.path}/{route.path}")
        named = [_parameter(segment) for segment in self.segments]
        self.path_parameters = {found[0]: found[1] for found in named if found}
        self.path = "/" + "/".join(
            f"{{{found[0]}}}" if found else segment for segment, found in zip(self.segments, named, strict=True)
        )

    @cached_property
    def signature(self) -> Signature:
        """Found out when it is first needed. Raises TypeError for a function that cannot be a route."""
        found = signature_of(self.route.function, tuple(self.path_parameters.items()))
        if self.route.status == 204 and found.returned is not type(None):
            raise TypeError(f"{self.method} {self.path}: a status of 204 has no body")
        return found


@dataclass(slots=True)
class _Node:
    """What lies below a part of an address; `endpoints` by method."""

    written_out: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


class Table:
    """All routes of a process. An address that is written out as a whole wins over those with parameters.

    Raises TypeError for two routes with the same method and address, or a parameter without a type.
    """

    def __init__(self, controllers: Sequence[type[Controller]]) -> None:
        self._written_out: dict[str, dict[str, Endpoint]] = {}
        self._root = _Node()
        self.endpoints: list[Endpoint] = []
        for controller in controllers:
            bound = controller()
            for route in controller.routes():
                self._add(Endpoint(bound, route))

    def signatures(self) -> list[Signature]:
        """Of all routes. Raises TypeError, as each would when it is first asked for."""
        return [endpoint.signature for endpoint in self.endpoints]

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, Any]]:
        """What answers, and the values of the path's parameters. Raises NotFound, MethodNotAllowed."""
        endpoints, values = self._look_up(path)
        if not endpoints:
            raise NotFound("There is nothing at this address.")
        endpoint = endpoints.get(method)
        if endpoint is None:
            raise MethodNotAllowed("This address does not take that method.")
        if not values:
            return endpoint, {}
        try:
            parameters = zip(endpoint.path_parameters.items(), values, strict=True)
            return endpoint, {name: value if kind is str else kind(value) for (name, kind), value in parameters}
        except ValueError:
            raise NotFound("There is nothing at this address.") from None

    def methods(self, path: str) -> list[str]:
        """What an address takes, nothing where no route is; the gateway answers HEAD and OPTIONS."""
        found = set(self._look_up(path)[0])
        if not found:
            return []
        return sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set()))

    def _look_up(self, path: str) -> tuple[Mapping[str, Endpoint], list[str]]:
        """The endpoints of an address by method, and what stands where it has parameters."""
        found = self._written_out.get(path)
        if found is not None:
            return found, []
        segments = _segments(path)
        found = self._written_out.get("/" + "/".join(segments))
        if found is not None:
            return found, []
        node = self._root
        values: list[str] = []
        for segment in segments:
            below = node.written_out.get(segment)
            if below is None:
                below = node.parameter
                if below is None:
                    return {}, []
                values.append(segment)
            node = below
        return node.endpoints, values

    def _add(self, endpoint: Endpoint) -> None:
        if endpoint.path_parameters:
            endpoints = self._node(endpoint.segments).endpoints
        else:
            endpoints = self._written_out.setdefault(endpoint.path, {})
        if endpoint.method in endpoints:
            raise TypeError(f"{endpoint.method} {endpoint.path} is there twice")
        endpoints[endpoint.method] = endpoint
        self.endpoints.append(endpoint)

    def _node(self, segments: Sequence[str]) -> _Node:
        node = self._root
        for segment in segments:
            if _parameter(segment) is None:
                node = node.written_out.setdefault(segment, _Node())
            else:
                below = node.parameter = node.parameter or _Node()
                node = below
        return node


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _parameter(segment: str) -> tuple[str, type] | None:
    """Name and type of `{post_id:uuid}`. Raises TypeError for a type that there is not."""
    if not segment.startswith("{"):
        return None
    name, _, kind = segment.strip("{}").partition(":")
    if kind not in _TYPES:
        raise TypeError(f"{segment}: one of {', '.join(_TYPES)} stands behind the colon")
    return name, _TYPES[kind]
