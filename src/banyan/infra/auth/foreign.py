"""Password hashes that another system made: bcrypt, and argon2 with parameters of its own."""

import base64
import binascii
import re

import bcrypt

# bcrypt reads no more than this; versions before 5.0 of the library cut silently, as the systems did whose hashes
# we take over.
_BCRYPT_MAX_BYTES = 72
# Each step doubles the time: 14 takes about a second here.
_BCRYPT_COSTS = range(4, 15)
_MAX_MEMORY_KIB = 262_144
_MAX_PASSES = 20
_MAX_LANES = 16
# Memory times passes is what a check costs: this takes about two seconds here.
_MAX_KIB_PASSES = 1_048_576

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ARGON2 = re.compile(r"\$argon2(?:id|i|d)(?:\$v=(\d+))?\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([^$]+)\$([^$]+)")


class BadHash(ValueError):
    """Not a hash that can be taken over; the message says what would be right and never quotes it."""


def check_foreign_hash(stored: str) -> None:
    """Whether passwords can be checked against `stored`, at a sane cost. Raises BadHash."""
    if is_bcrypt(stored):
        _check_bcrypt(stored)
    elif stored.startswith("$argon2"):
        _check_argon2(stored)
    else:
        raise BadHash("A bcrypt hash ($2a$, $2b$ or $2y$) or an argon2 hash ($argon2id$, $argon2i$ or $argon2d$).")


def is_bcrypt(stored: str) -> bool:
    return stored.startswith(("$2a$", "$2b$", "$2y$"))


def verify_bcrypt(stored: str, password: str) -> bool:
    """Whether `password` is the one behind `stored`, as bcrypt sees it: its first 72 bytes."""
    try:
        return bcrypt.checkpw(password.encode()[:_BCRYPT_MAX_BYTES], stored.encode())
    except ValueError:
        return False


def _check_bcrypt(stored: str) -> None:
    found = _BCRYPT.fullmatch(stored)
    if found is None:
        raise BadHash("A whole bcrypt hash has 60 characters: $2b$, the cost in two digits, $, and 53 characters.")
    if int(found[1]) not in _BCRYPT_COSTS:
        raise BadHash(f"A bcrypt cost of {_BCRYPT_COSTS.start} to {_BCRYPT_COSTS.stop - 1}: more would stop sign-ins.")


def _check_argon2(stored: str) -> None:
    found = _ARGON2.fullmatch(stored)
    if found is None:
        raise BadHash("A whole argon2 hash: $argon2id$v=19$m=...,t=...,p=...$salt$hash.")
    memory_kib, passes, lanes = int(found[2]), int(found[3]), int(found[4])
    if found[1] not in (None, "16", "19"):
        raise BadHash("An argon2 version of 16 or 19.")
    if not 1 <= lanes <= _MAX_LANES or not 8 * lanes <= memory_kib <= _MAX_MEMORY_KIB or not 1 <= passes <= _MAX_PASSES:
        raise BadHash(f"At most m={_MAX_MEMORY_KIB}, t={_MAX_PASSES} and p={_MAX_LANES}, and m at least 8 times p.")
    if memory_kib * passes > _MAX_KIB_PASSES:
        raise BadHash(f"m times t at most {_MAX_KIB_PASSES}: more would stop sign-ins.")
    if not 8 <= _decoded_bytes(found[5]) <= 64 or not 12 <= _decoded_bytes(found[6]) <= 128:
        raise BadHash("Salt (8 to 64 bytes) and hash (12 to 128 bytes) in base64 without padding.")


def _decoded_bytes(text: str) -> int:
    """How many bytes a part of an encoded hash holds; -1 when it cannot be read."""
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        return -1
