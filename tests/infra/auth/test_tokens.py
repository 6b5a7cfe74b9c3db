"""Access tokens: forged in every way, ended in every process."""

import base64
import json
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from banyan.infra.auth.errors import InvalidToken, TokenExpired
from banyan.infra.auth.keys import SigningKeys, make_signing_key
from banyan.infra.auth.principal import Principal
from banyan.infra.auth.settings import AuthSettings
from banyan.infra.auth.tokens import AccessTokens, TokenVerifier
from banyan.infra.database.work import Work

SETTINGS = AuthSettings(issuer="https://here.test", audience="here")
PEM = make_signing_key()
KEYS = SigningKeys.read(PEM)
# Nothing in these tests reads the database: the sessions stand in `Sessions`.
NO_WORK: Any = None


class Sessions:
    """Live sessions and their roles; counts how often it is asked."""

    def __init__(self) -> None:
        self.roles: dict[UUID, str] = {}
        self.asked = 0

    def start(self, role: str = "member") -> UUID:
        session_id = uuid4()
        self.roles[session_id] = role
        return session_id

    async def find_role(self, work: Work, account_id: UUID, session_id: UUID) -> str | None:
        self.asked += 1
        return self.roles.get(session_id)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def verifier(sessions: Sessions) -> TokenVerifier:
    return TokenVerifier(KEYS, SETTINGS, sessions.find_role)


TOKENS = AccessTokens(KEYS, SETTINGS)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: str, payload: str, keys: SigningKeys = KEYS) -> str:
    signature = keys.signer.sign(f"{header}.{payload}".encode())
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def header_of(keys: SigningKeys = KEYS) -> str:
    return AccessTokens(keys, SETTINGS).issue(uuid4(), uuid4(), "member").split(".")[0]


def claims(**changes: Any) -> dict[str, Any]:
    given = {
        "iss": "https://here.test",
        "aud": "here",
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "role": "member",
        "iat": int(time.time()),
        "exp": int(time.time()) + 86_400,
    } | changes
    return {name: value for name, value in given.items() if value is not ...}


async def test_a_token_says_whose_it_is(verifier: TokenVerifier, sessions: Sessions) -> None:
    account, session = uuid4(), sessions.start()
    token = TOKENS.issue(account, session, "member")
    assert verifier.find(token) is None
    principal = await verifier.verify(NO_WORK, token)
    assert (principal.account_id, principal.session_id, principal.role) == (account, session, "member")
    assert abs(principal.expires_at - time.time() - 900) < 60
    assert verifier.find(token) == principal
    assert await verifier.verify(NO_WORK, token) is principal
    assert sessions.asked == 1


def test_others_can_check_it_with_the_published_key() -> None:
    token = TOKENS.issue(uuid4(), uuid4(), "admin")
    key = jwt.PyJWK.from_dict({**{name: getattr(KEYS.jwks().keys[0], name) for name in ("kty", "crv", "x", "kid")}})
    payload = jwt.decode(token, key, algorithms=["EdDSA"], audience="here", issuer="https://here.test")
    assert set(payload) == {"iss", "aud", "sub", "sid", "role", "iat", "exp"}
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": KEYS.signer_id, "typ": "JWT"}


async def test_the_role_is_todays_not_the_tokens(verifier: TokenVerifier, sessions: Sessions) -> None:
    session = sessions.start("member")
    token = TOKENS.issue(uuid4(), session, "admin")
    assert (await verifier.verify(NO_WORK, token)).role == "member"


def forgeries() -> dict[str, str]:
    good_header, payload = header_of(), segment(claims())
    kid = KEYS.signer_id
    public = KEYS.signer.public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    stranger = SigningKeys.read(make_signing_key())
    good = signed(good_header, payload)
    return {
        "empty": "",
        "dots": "..",
        "no dots": "token",
        "one part": good_header,
        "two parts": f"{good_header}.{payload}",
        "four parts": good + ".x",
        "unsigned": f"{good_header}.{payload}.",
        "alg none": f"{segment({'alg': 'none', 'kid': kid, 'typ': 'JWT'})}.{payload}.",
        "alg none, signed": signed(segment({"alg": "none", "kid": kid, "typ": "JWT"}), payload),
        "alg None": f"{segment({'alg': 'None', 'kid': kid})}.{payload}.",
        "hs256 with the public key": jwt.encode(claims(), raw, "HS256", headers={"kid": kid}),
        "hs256 with the published x": jwt.encode(
            claims(), KEYS.jwks().keys[0].x.encode(), "HS256", headers={"kid": kid}
        ),
        "signed by a stranger under our kid": signed(good_header, payload, stranger),
        "signed by a stranger under their kid": signed(header_of(stranger), payload, stranger),
        "other kid": signed(segment({"alg": "EdDSA", "kid": "other", "typ": "JWT"}), payload),
        "no kid": signed(segment({"alg": "EdDSA", "typ": "JWT"}), payload),
        "key in the header": signed(
            segment({"alg": "EdDSA", "kid": kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "x"}}), payload
        ),
        "jku in the header": signed(segment({"alg": "EdDSA", "kid": kid, "jku": "http://evil.test"}), payload),
        "crit in the header": signed(segment({"alg": "EdDSA", "kid": kid, "crit": ["b64"], "b64": False}), payload),
        "other payload": f"{good_header}.{segment(claims(role='admin'))}.{good.split('.')[2]}",
        "cut signature": good[:-4],
        "wrong audience": signed(good_header, segment(claims(aud="there"))),
        "audience list without us": signed(good_header, segment(claims(aud=["there"]))),
        "no audience": signed(good_header, segment(claims(aud=...))),
        "wrong issuer": signed(good_header, segment(claims(iss="https://there.test"))),
        "no issuer": signed(good_header, segment(claims(iss=...))),
        "no expiry": signed(good_header, segment(claims(exp=...))),
        "expiry is text": signed(good_header, segment(claims(exp="tomorrow"))),
        "expiry is null": signed(good_header, segment(claims(exp=None))),
        "no subject": signed(good_header, segment(claims(sub=...))),
        "subject is no id": signed(good_header, segment(claims(sub="admin"))),
        "no session": signed(good_header, segment(claims(sid=...))),
        "not yet": signed(good_header, segment(claims(nbf=int(time.time()) + 3600))),
        "payload is a list": signed(good_header, segment([1])),
        "payload is null": signed(good_header, segment(None)),
        "payload is no json": signed(good_header, base64.urlsafe_b64encode(b"{").decode().rstrip("=")),
        "payload is no base64": signed(good_header, "!!!"),
        "payload is no utf-8": signed(good_header, base64.urlsafe_b64encode(b'"\xff"').decode().rstrip("=")),
        "deep header": f"{base64.urlsafe_b64encode(b'[' * 1500).decode()}.{payload}.x",
        "deep payload": signed(good_header, base64.urlsafe_b64encode(b"[" * 1200).decode()),
        "huge": good_header + "." + "A" * 1_000_000 + ".x",
        "beyond ascii": good_header + ".é.\N{PILE OF POO}",
        "nul": good_header + ".\0.\0",
        "space around": f" {good} ",
    }


@pytest.mark.parametrize("forgery", forgeries().items(), ids=forgeries())
async def test_a_forgery_is_refused(forgery: tuple[str, str], verifier: TokenVerifier, sessions: Sessions) -> None:
    for _ in range(2):
        with pytest.raises(InvalidToken) as refusal:
            await verifier.verify(NO_WORK, forgery[1])
        assert (refusal.value.status, refusal.value.code) == (401, "invalid_token")
    assert sessions.asked == 0, "no query for what is not signed by us"


async def test_the_unforged_one_passes(verifier: TokenVerifier, sessions: Sessions) -> None:
    session = sessions.start()
    good = signed(header_of(), segment(claims(sid=str(session))))
    assert (await verifier.verify(NO_WORK, good)).session_id == session


@given(token=st.text(max_size=300) | st.text(alphabet="abcABC012-_=.", max_size=300))
async def test_whatever_comes_is_a_401(token: str) -> None:
    verifier = TokenVerifier(KEYS, SETTINGS, Sessions().find_role)
    with pytest.raises(InvalidToken):
        await verifier.verify(NO_WORK, token)
    with pytest.raises(InvalidToken):
        await verifier.verify(NO_WORK, f"{header_of()}.{token}")


async def test_expired(verifier: TokenVerifier, sessions: Sessions) -> None:
    session = str(sessions.start())
    token = signed(header_of(), segment(claims(sid=session, exp=int(time.time()) - 1)))
    with pytest.raises(TokenExpired) as refusal:
        await verifier.verify(NO_WORK, token)
    assert (refusal.value.status, refusal.value.code) == (401, "token_expired")


async def test_a_known_token_expires_too(
    verifier: TokenVerifier, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = TOKENS.issue(uuid4(), sessions.start(), "member")
    principal = await verifier.verify(NO_WORK, token)
    monkeypatch.setattr(time, "time", lambda: principal.expires_at + 0.1)
    assert verifier.find(token) is None


async def test_after_a_rotation_old_tokens_hold_and_new_ones_are_signed_anew(sessions: Sessions) -> None:
    old_token = TOKENS.issue(uuid4(), sessions.start(), "member")
    rotated = SigningKeys.read(PEM + make_signing_key())
    verifier = TokenVerifier(rotated, SETTINGS, sessions.find_role)
    await verifier.verify(NO_WORK, old_token)
    new_token = AccessTokens(rotated, SETTINGS).issue(uuid4(), sessions.start(), "member")
    await verifier.verify(NO_WORK, new_token)
    with pytest.raises(InvalidToken):
        await TokenVerifier(KEYS, SETTINGS, sessions.find_role).verify(NO_WORK, new_token)


async def test_an_ended_session_is_refused_at_first_sight(verifier: TokenVerifier, sessions: Sessions) -> None:
    token = TOKENS.issue(uuid4(), uuid4(), "member")
    with pytest.raises(InvalidToken):
        await verifier.verify(NO_WORK, token)
    assert verifier.find(token) is None


async def test_dropping_a_session_forgets_all_its_tokens_and_no_others(
    verifier: TokenVerifier, sessions: Sessions
) -> None:
    ended, other = sessions.start(), sessions.start()
    account = uuid4()
    tokens = [TOKENS.issue(account, ended, role) for role in ("member", "admin")]
    kept = TOKENS.issue(account, other, "member")
    for token in (*tokens, kept):
        await verifier.verify(NO_WORK, token)
    del sessions.roles[ended]
    verifier.drop_sessions((str(ended), str(uuid4())))
    assert [verifier.find(token) for token in tokens] == [None, None]
    assert verifier.find(kept)
    for token in tokens:
        with pytest.raises(InvalidToken):
            await verifier.verify(NO_WORK, token)
    verifier.clear()
    assert verifier.find(kept) is None
    assert verifier._tokens_by_session == {}


async def test_a_session_that_ends_during_the_check_is_not_remembered(sessions: Sessions) -> None:
    session = sessions.start()
    token = TOKENS.issue(uuid4(), session, "member")

    async def find_role(work: Work, account_id: UUID, session_id: UUID) -> str | None:
        # The row was read before the end was committed; the announcement comes before the answer is used.
        role = await sessions.find_role(work, account_id, session_id)
        sessions.roles.pop(session_id, None)
        watcher.drop_sessions((str(session_id),))
        return role

    watcher = TokenVerifier(KEYS, SETTINGS, find_role)
    await watcher.verify(NO_WORK, token)
    assert watcher.find(token) is None
    with pytest.raises(InvalidToken):
        await watcher.verify(NO_WORK, token)


async def test_what_is_remembered_is_bounded(sessions: Sessions) -> None:
    settings = SETTINGS.model_copy(update={"remembered_tokens": 3})
    verifier = TokenVerifier(KEYS, settings, sessions.find_role)
    session = sessions.start()
    tokens = [TOKENS.issue(uuid4(), session, "member") for _ in range(4)]
    tokens += [TOKENS.issue(uuid4(), sessions.start(), "member")]
    for token in tokens:
        await verifier.verify(NO_WORK, token)
    assert [verifier.find(token) is not None for token in tokens] == [False, False, True, True, True]
    assert sum(map(len, verifier._tokens_by_session.values())) == len(verifier._known) == 3
    nothing = TokenVerifier(KEYS, SETTINGS.model_copy(update={"remembered_tokens": 0}), sessions.find_role)
    await nothing.verify(NO_WORK, tokens[0])
    assert nothing.find(tokens[0]) is None


async def test_two_at_once_remember_a_token_once(verifier: TokenVerifier, sessions: Sessions) -> None:
    token = TOKENS.issue(uuid4(), sessions.start(), "member")
    principal = await verifier.verify(NO_WORK, token)
    verifier._remember(token, Principal(principal.account_id, principal.session_id, "member", principal.expires_at))
    assert sum(map(len, verifier._tokens_by_session.values())) == 1
