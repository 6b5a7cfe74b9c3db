"""What an e-mail address may look like, and when two are the same."""

import re
import unicodedata

import idna
from msgspec import Struct

from banyan.features.accounts.models import EMAIL_MAX_CHARS
from banyan.kernel.errors import Invalid

_LOCAL_MAX_BYTES = 64  # RFC 5321 section 4.5.3.1.1
_DOMAIN_MAX_CHARS = 253

# RFC 5322 dot-atom, or letters beyond ASCII (RFC 6531). Quoted local parts exist on paper only.
_LOCAL = re.compile(r"(?:[\w!#$%&'*+/=?^`{|}~-]+\.)*[\w!#$%&'*+/=?^`{|}~-]+")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class Address(Struct, frozen=True):
    """An address to write to, and the key by which it is unique whatever its case and form."""

    email: str
    key: str


def read_address(value: str) -> Address:
    """The address without space around it, its domain in ASCII (punycode). Raises Invalid."""
    text = unicodedata.normalize("NFC", value.strip())
    local, at, domain = text.rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if not at or ascii_domain is None or not _is_local(local):
        raise _invalid("One address such as name@example.org.")
    email = f"{local}@{ascii_domain}"
    if len(email.encode()) > EMAIL_MAX_CHARS:
        raise _invalid(f"At most {EMAIL_MAX_CHARS} bytes.")
    # Mailboxes that differ only in case or compatibility forms belong to one person, or to an impostor.
    key = unicodedata.normalize("NFKC", local).casefold()
    return Address(email, f"{key}@{ascii_domain}")


def _is_local(local: str) -> bool:
    return _LOCAL.fullmatch(local) is not None and len(local.encode()) <= _LOCAL_MAX_BYTES


def _ascii_domain(domain: str) -> str | None:
    try:
        ascii_domain = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    labels = ascii_domain.split(".")
    # A last label of digits only would be an IPv4 address.
    if len(labels) < 2 or len(ascii_domain) > _DOMAIN_MAX_CHARS or labels[-1].isdigit():
        return None
    return ascii_domain if all(_LABEL.fullmatch(label) for label in labels) else None


def _invalid(detail: str) -> Invalid:
    return Invalid.field("email", "invalid_email", detail)
