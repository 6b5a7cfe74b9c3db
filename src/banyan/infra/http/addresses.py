"""Who is at the other end: the client's address behind trusted proxies, and the key that limits count by."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_IPV6_SITE_PREFIX = 64
# Some balancers name the port too: `203.0.113.7:4711`, `[2001:db8::1]:4711`.
_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")


class Addresses:
    """Reads addresses for one set of trusted proxies. Answers are remembered: a service sees few proxies."""

    def __init__(self, trusted: list[IPv4Network | IPv6Network]) -> None:
        self._trusted = trusted
        self._known: dict[str, bool] = {}

    def client(self, peer: str, forwarded_for: bytes | None) -> str:
        """The nearest address that is not a trusted proxy: whatever stands left of it anybody could have written."""
        if forwarded_for is None or not self.is_trusted(peer):
            return peer
        client = peer
        for hop in reversed(forwarded_for.decode("latin-1").split(",")):
            address = _without_port(hop.strip())
            if not _is_address(address):
                break
            client = plain(address)
            if not self.is_trusted(client):
                break
        return client

    def is_trusted(self, address: str) -> bool:
        """Whether `address` is one of the trusted proxies."""
        known = self._known.get(address)
        if known is None:
            known = _is_address(address) and any(
                ip_address(address) in block for block in self._trusted if block.version == ip_address(address).version
            )
            if len(self._known) < 10_000:
                self._known[address] = known
        return known


def plain(address: str) -> str:
    """IPv4 as such, also where a socket for both shows it as IPv6: `::ffff:192.0.2.1`."""
    mapped = IPv6Address(address).ipv4_mapped if address.startswith("::ffff:") else None
    return address if mapped is None else str(mapped)


def forwarded_for(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """All `X-Forwarded-For` lines as the one list that they are (RFC 9110 section 5.3): a proxy may add a line of its
    own below what the client wrote.
    """
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    return b",".join(lines) if lines else None


def limit_key(address: str) -> str:
    """The address itself, or for IPv6 its /64: one household or server gets a whole /64 and may use any of it."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, _IPV6_SITE_PREFIX), strict=False))


def is_loopback(address: str) -> bool:
    """Whether `address` is this machine's own (127.0.0.0/8, ::1)."""
    return _is_address(address) and ip_address(address).is_loopback


def _without_port(hop: str) -> str:
    found = _WITH_PORT.fullmatch(hop)
    return hop if found is None else found[1] or found[2]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
