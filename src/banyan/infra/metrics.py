"""Metrics that belong to no part alone, and their text form. Every part names its own beside its code."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

HTTP_REQUESTS = Counter("banyan_http_requests_total", "Requests answered.", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "banyan_http_request_seconds",
    "Time from the request's headers to its last byte handed to the socket.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 1, 2.5, 5, 10),
)
HTTP_IN_FLIGHT = Gauge("banyan_http_in_flight", "Requests at work now.")
HTTP_SHED = Counter("banyan_http_shed_total", "Requests refused because too many were at work.")


def render() -> bytes:
    """All metrics of this process in the Prometheus text format."""
    return generate_latest(REGISTRY)
