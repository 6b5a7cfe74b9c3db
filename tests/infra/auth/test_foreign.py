"""Hashes of other systems: those that can be checked at a sane cost, and none else."""

import argon2
import bcrypt
import pytest

from banyan.infra.auth.foreign import BadHash, check_foreign_hash, verify_bcrypt
from banyan.infra.auth.passwords import Passwords
from banyan.infra.auth.settings import AuthSettings

PASSWORD = "pässword of another system"
QUICK = AuthSettings(hash_memory_kib=8192, hash_passes=1)
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()


def argon(kind: argon2.Type, passes: int = 1, lanes: int = 1) -> str:
    # With a salt of its own each time, every run would have other tests.
    return argon2.PasswordHasher(passes, 64, lanes, type=kind).hash(PASSWORD, salt=b"a salt for tests")


@pytest.mark.parametrize(
    "stored",
    [
        BCRYPT,
        "$2a$" + BCRYPT[4:],
        "$2y$" + BCRYPT[4:],
        argon(argon2.Type.ID),
        argon(argon2.Type.I, 3, 2),
        argon(argon2.Type.D),
    ],
)
async def test_the_right_password_holds_and_the_hash_is_to_be_replaced(stored: str) -> None:
    check_foreign_hash(stored)
    passwords = Passwords(QUICK)
    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, "another")
    assert passwords.needs_rehash(stored)
    assert not await passwords.verify(None, PASSWORD, stored), "as much work, but never right"
    passwords.close()


def test_bcrypt_reads_72_bytes_and_never_breaks() -> None:
    long = "x" * 100
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert verify_bcrypt(stored, long)
    assert verify_bcrypt(stored, "x" * 72)
    assert not verify_bcrypt(stored, "x" * 71)
    assert not verify_bcrypt(stored, "a\0b")
    assert not verify_bcrypt("$2b$99$nonsense", "x")


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("", "bcrypt hash"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "bcrypt hash"),
        ("$1$salt$abc", "bcrypt hash"),
        (BCRYPT[:-1], "60 characters"),
        (BCRYPT + "x", "60 characters"),
        (BCRYPT.replace("$04$", "$4$"), "60 characters"),
        (BCRYPT.replace("$04$", "$31$"), "cost of 4 to 14"),
        (BCRYPT.replace("$04$", "$03$"), "cost of 4 to 14"),
        ("$argon2id$v=19$m=64,t=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "whole argon2"),
        ("$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "version"),
        ("$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "At most m="),
        ("$argon2id$v=19$m=64,t=1000,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "At most m="),
        ("$argon2id$v=19$m=64,t=1,p=9$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "8 times p"),
        ("$argon2id$v=19$m=262144,t=20,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo", "m times t"),
        ("$argon2id$v=19$m=64,t=1,p=1$c2Fs$aGFzaGhhc2hoYXNo", "Salt"),
        ("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$!!!", "Salt"),
    ],
)
def test_what_cannot_be_taken_over(stored: str, said: str) -> None:
    with pytest.raises(BadHash) as refused:
        check_foreign_hash(stored)
    assert said in str(refused.value)
    assert not stored or stored not in str(refused.value)
