"""Which addresses a request that somebody else has chosen may go to."""

import ipaddress
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Everything in the IANA special-purpose registries (RFC 6890 and its updates) that is not plain public unicast. Written
# out: what Python's `is_global` says of some of them has changed between its releases.
_REFUSED_V4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# Public unicast of IPv6 is 2000::/3, without protocol assignments (Teredo among them), examples and 6to4.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = [
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "3ffe::/16")
]
# Addresses that stand for an IPv4 address in their last 32 bits: mapped (RFC 4291) and NAT64 (RFC 6052).
_EMBEDDING = [ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96")]


def is_allowed(address: Address, exceptions: Sequence[Network]) -> bool:
    """Whether it is public, or inside one of `exceptions`."""
    plain = _unwrap(address)
    if any(plain in network for network in exceptions if network.version == plain.version):
        return True
    if isinstance(plain, ipaddress.IPv4Address):
        return not any(plain in network for network in _REFUSED_V4)
    return plain in _PUBLIC_V6 and not any(plain in network for network in _REFUSED_V6)


def read_literal(host: str) -> Address | None:
    """The address that a host is written as, in any form that the system takes (also `0x7f.1`); None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return None
    return read_address(str(found[0][4][0]))


def read_address(text: str) -> Address:
    """From what the resolver answers; a zone (`%eth0`) says nothing about where it leads."""
    return ipaddress.ip_address(text.partition("%")[0])


def _unwrap(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address
