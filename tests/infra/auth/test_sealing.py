"""Sealed values open only where, and with what, they were sealed."""

from banyan.infra.auth.sealing import Sealer

SEALER = Sealer("s" * 43, "tests")


def test_what_was_sealed_opens_in_its_place_alone() -> None:
    sealed = SEALER.seal(b"secret", b"row 1")
    assert b"secret" not in sealed
    assert SEALER.open(sealed, b"row 1") == b"secret"
    assert SEALER.open(sealed, b"row 2") is None
    assert Sealer("t" * 43, "tests").open(sealed, b"row 1") is None
    assert Sealer("s" * 43, "other").open(sealed, b"row 1") is None


def test_the_same_value_never_looks_the_same() -> None:
    assert SEALER.seal(b"secret", b"") != SEALER.seal(b"secret", b"")


def test_anything_changed_does_not_open() -> None:
    sealed = SEALER.seal(b"secret", b"")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        assert SEALER.open(bytes(changed), b"") is None
    for length in range(len(sealed)):
        assert SEALER.open(sealed[:length], b"") is None
