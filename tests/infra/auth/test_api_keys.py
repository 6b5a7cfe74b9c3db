"""Who an API key stands for: looked up once, forgotten when it ends, and bounded."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.infra.auth.api_keys import KEY_PREFIX, KeyRecord, KeyVerifier, make_key
from banyan.infra.auth.digests import hash_token
from banyan.infra.auth.errors import InvalidToken
from banyan.infra.auth.settings import AuthSettings
from banyan.infra.database.work import Work

# Nothing in these tests reads the database: the keys stand in `Keys`.
NO_WORK: Any = None


class Keys:
    """Keys that hold, and what is heard of their use."""

    def __init__(self) -> None:
        self.records: dict[bytes, KeyRecord] = {}
        self.asked = 0
        self.used: list[UUID] = []
        self.while_asked: Any = lambda: None

    def add(self, account_id: UUID | None = None, role: str = "member", *scopes: str, expires: Any = None) -> str:
        made = make_key()
        self.records[made.digest] = KeyRecord(
            uuid4(), account_id or uuid4(), role, list(scopes) or ["posts:read"], expires
        )
        return made.key

    async def find_key(self, work: Work, digest: bytes) -> KeyRecord | None:
        self.asked += 1
        found = self.records.get(digest)
        self.while_asked()
        return found


@pytest.fixture
def keys() -> Keys:
    return Keys()


def verifier_of(keys: Keys, remembered: int = 100) -> KeyVerifier:
    return KeyVerifier(AuthSettings(remembered_tokens=remembered), keys.find_key, keys.used.append)


def test_a_new_key_and_what_is_kept_of_it() -> None:
    made = make_key()
    assert made.key.startswith(KEY_PREFIX)
    assert made.digest == hash_token(made.key)
    assert made.key.startswith(made.starts_with) and len(made.starts_with) == 8


async def test_a_key_is_looked_up_once_and_each_use_is_noted(keys: Keys) -> None:
    verifier, key = verifier_of(keys), keys.add()
    assert verifier.find(key) is None
    principal = await verifier.verify(NO_WORK, key)
    assert await verifier.verify(NO_WORK, key) == principal == verifier.find(key)
    assert keys.asked == 1
    assert keys.used == [principal.api_key_id] * 3
    assert principal.session_id is None and principal.scopes == frozenset({"posts:read"})


async def test_announced_accounts_are_looked_up_anew(keys: Keys) -> None:
    verifier, account = verifier_of(keys), uuid4()
    own, others = keys.add(account), keys.add()
    for key in (own, others):
        await verifier.verify(NO_WORK, key)
    verifier.drop_accounts((str(account), str(uuid4())))
    assert verifier.find(own) is None and verifier.find(others) is not None
    verifier.clear()
    assert verifier.find(others) is None


async def test_a_key_that_ends_while_it_is_looked_up_is_not_remembered(keys: Keys) -> None:
    verifier, account = verifier_of(keys), uuid4()
    key = keys.add(account)
    keys.while_asked = lambda: verifier.drop_accounts((str(account),))
    await verifier.verify(NO_WORK, key)
    assert verifier.find(key) is None


async def test_a_known_key_expires(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = verifier_of(keys)
    expires = datetime.now(UTC) + timedelta(hours=1)
    key = keys.add(None, "member", expires=expires)
    assert (await verifier.verify(NO_WORK, key)).expires_at == expires.timestamp()
    monkeypatch.setattr(time, "time", lambda: expires.timestamp() + 0.1)
    assert verifier.find(key) is None


async def test_memory_is_bounded(keys: Keys) -> None:
    verifier, account = verifier_of(keys, remembered=3), uuid4()
    made = [keys.add(account) for _ in range(5)]
    for key in made:
        await verifier.verify(NO_WORK, key)
    assert [verifier.find(key) is not None for key in made] == [False, False, True, True, True]
    assert len(verifier._known) == len(verifier._keys_by_account[account]) == 3
    forgetful = verifier_of(keys, remembered=0)
    await forgetful.verify(NO_WORK, made[0])
    assert forgetful.find(made[0]) is None


@pytest.mark.parametrize(
    ("role", "scopes", "seen"),
    [
        ("admin", ("posts:write",), "member"),
        ("admin", ("admin",), "admin"),
        ("moderator", ("posts:write",), "moderator"),
        ("member", ("admin",), "member"),
    ],
)
async def test_the_role_that_rules_see(keys: Keys, role: str, scopes: tuple[str, ...], seen: str) -> None:
    assert (await verifier_of(keys).verify(NO_WORK, keys.add(None, role, *scopes))).role == seen


@given(text=st.text(max_size=60))
async def test_whatever_comes_is_a_401_and_costs_no_query(text: str) -> None:
    keys = Keys()
    with pytest.raises(InvalidToken):
        await verifier_of(keys).verify(NO_WORK, f"{KEY_PREFIX}{text}")
    assert keys.asked == 0 or len(text) == 43
