"""Metrics that belong to no part alone, and their text form. Every part names its own beside its code."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

HTTP_IN_FLIGHT = Gauge("banyan_http_in_flight", "Requests at work now.")
HTTP_SHED = Counter("banyan_http_shed_total", "Requests refused because too many were at work.")

BUILD = Gauge("banyan_build_info", "Versions, as labels.", ["version", "python", "postgresql", "migration"])
PLUGINS = Gauge("banyan_plugin_info", "Plug-ins that run, as labels.", ["name", "version"])
UPTIME = Gauge("banyan_uptime_seconds", "Since this process was ready to serve.")
HTTP_CONNECTIONS = Gauge("banyan_http_connections", "Open client connections of this process, sockets apart.")

_POOL_CONNECTIONS = Gauge("banyan_database_connections", "Open connections.")
_POOL_IDLE = Gauge("banyan_database_idle", "Connections that nobody has borrowed.")
_POOL_WAITING = Gauge("banyan_database_waiting", "Requests and jobs that wait for a connection.")
_POOL_ACQUIRED = Gauge("banyan_database_acquired_total", "Connections borrowed since the start.")
_POOL_WAITED = Gauge("banyan_database_wait_seconds_total", "Time spent waiting for a connection since the start.")


class _Times:
    """How long one route took: how many answers fell between two bounds, and the sum."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_SECONDS) + 1)
        self.seconds = 0.0


class AnsweredRequests(Collector):
    """Counts answers in plain numbers, which only the event loop touches: prometheus_client's own kinds take three
    locks for each, a tenth of what a small answer costs.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, _Times] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more; `seconds` from the request's headers to its last byte handed to the socket."""
        kind = (method if method in _METHODS else "other", route, status)
        self._answers[kind] = self._answers.get(kind, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = _Times()
        times.counts[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        times.seconds += seconds

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """For prometheus_client."""
        labels = ["method", "route", "status"]
        answers = CounterMetricFamily("banyan_http_requests", "Requests answered.", labels=labels)
        for (method, route, status), count in self._answers.items():
            answers.add_metric([method, route, str(status)], count)
        yield answers
        words = "Time from the request's headers to its last byte handed to the socket."
        took = HistogramMetricFamily("banyan_http_request_seconds", words, labels=["route"])
        bounds = [*map(floatToGoString, _BOUNDS_SECONDS), "+Inf"]
        for route, times in self._times.items():
            took.add_metric([route], list(zip(bounds, accumulate(times.counts), strict=True)), times.seconds)
        yield took


HTTP_ANSWERED = AnsweredRequests()
REGISTRY.register(HTTP_ANSWERED)


class PoolState(Protocol):
    """What is reported of a database pool."""

    @property
    def size(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def waiting(self) -> int: ...

    acquired_total: int
    total_wait_seconds: float


def report_plugins(versions: Mapping[str, str]) -> None:
    """Which plug-ins run in this process."""
    PLUGINS.clear()
    for name, version in versions.items():
        PLUGINS.labels(name, version).set(1)


def report_pool(pool: PoolState) -> None:
    """Reads the pool's own figures whenever metrics are asked for: nothing to count on the hot path."""
    _POOL_CONNECTIONS.set_function(lambda: pool.size)
    _POOL_IDLE.set_function(lambda: pool.idle)
    _POOL_WAITING.set_function(lambda: pool.waiting)
    _POOL_ACQUIRED.set_function(lambda: pool.acquired_total)
    _POOL_WAITED.set_function(lambda: pool.total_wait_seconds)


def render() -> bytes:
    """All metrics of this process in the Prometheus text format."""
    return generate_latest(REGISTRY)
