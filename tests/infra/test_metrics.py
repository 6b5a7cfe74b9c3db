"""Answers are counted and timed in the form that prometheus_client's own kinds had."""

from prometheus_client import CollectorRegistry, generate_latest

from banyan.infra.metrics import AnsweredRequests


def test_answers_are_counted_by_method_route_and_status_and_timed_by_route() -> None:
    registry = CollectorRegistry()
    answered = AnsweredRequests()
    registry.register(answered)
    for method, status, seconds in (("GET", 200, 0.001), ("GET", 200, 0.02), ("LINK", 405, 20.0), ("PURGE", 405, 0.0)):
        answered.add(method, "/v1/posts", status, seconds)
    lines = generate_latest(registry).decode().splitlines()
    assert 'banyan_http_requests_total{method="GET",route="/v1/posts",status="200"} 2.0' in lines
    assert 'banyan_http_requests_total{method="other",route="/v1/posts",status="405"} 2.0' in lines
    for bound, count in (("0.001", 2), ("0.01", 2), ("0.025", 3), ("1.0", 3), ("10.0", 3), ("+Inf", 4)):
        assert f'banyan_http_request_seconds_bucket{{le="{bound}",route="/v1/posts"}} {count}.0' in lines
    assert 'banyan_http_request_seconds_count{route="/v1/posts"} 4.0' in lines
    assert 'banyan_http_request_seconds_sum{route="/v1/posts"} 20.021' in lines
