"""Which address a request comes from, whatever stands in the headers of the proxies before."""

from ipaddress import ip_network

import pytest

from banyan.infra.http.addresses import Addresses, forwarded_for, limit_key, plain

PROXIES = Addresses([ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")])


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("203.0.113.9", ["192.0.2.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7, 192.0.2.1 ,10.0.0.2"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
        # A proxy may add a line of its own below what the client wrote.
        ("10.0.0.1", ["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        # Some name the port too.
        ("10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711, [2001:db8:ffff::2]"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(peer: str, lines: list[str], client: str) -> None:
    headers = [(b"accept", b"*/*"), *((b"x-forwarded-for", line.encode()) for line in lines)]
    assert PROXIES.client(peer, forwarded_for(headers)) == client


def test_limits_count_ipv6_by_site() -> None:
    assert limit_key("2001:db8::1") == limit_key("2001:db8::ffff:0:1") != limit_key("2001:db8:0:1::1")


def test_ipv4_is_plain_where_a_socket_takes_both() -> None:
    assert plain("::ffff:127.0.0.1") == plain("127.0.0.1") == "127.0.0.1"
    assert plain("2001:db8::1") == "2001:db8::1"
