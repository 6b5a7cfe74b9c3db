"""Which addresses may be asked: nothing but the public internet, whatever they are written as."""

import ipaddress

import pytest

from banyan.infra.outgoing.networks import is_allowed, read_address, read_literal

PUBLIC = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"]
PUBLIC += ["2a00:1450:4001::1", "64:ff9b::808:808", "223.255.255.255"]
PRIVATE = ["0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254"]
PRIVATE += ["172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"]
PRIVATE += ["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]
PRIVATE += ["::", "::1", "::7f00:1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "100::1"]
PRIVATE += ["2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"]
PRIVATE += ["::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1"]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ipaddress.ip_address(text), [])


@pytest.mark.parametrize("text", PRIVATE)
def test_all_others_are_refused(text: str) -> None:
    assert not is_allowed(ipaddress.ip_address(text), [])


def test_an_exception_holds_for_its_network_only() -> None:
    exceptions = [ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32")]
    for text in ("10.20.3.4", "::ffff:10.20.3.4", "fd00:1::5"):
        assert is_allowed(ipaddress.ip_address(text), exceptions)
    for text in ("10.21.0.1", "fd00:2::1", "127.0.0.1"):
        assert not is_allowed(ipaddress.ip_address(text), exceptions)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1"])
def test_a_literal_is_known_in_every_form(host: str) -> None:
    assert read_literal(host) == ipaddress.ip_address("127.0.0.1")


def test_a_name_is_no_literal_and_a_zone_changes_nothing() -> None:
    assert read_literal("localhost") is None
    assert read_literal("hooks.example.com") is None
    assert read_address("fe80::1%eth0") == ipaddress.ip_address("fe80::1")
