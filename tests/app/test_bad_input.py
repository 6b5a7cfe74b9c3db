"""Well-formed HTTP that carries nonsense: the right 4xx for each, never a 500, nothing of it in our headers."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.platform import Api, api_of, running_platform, serving, settings_for
from tests.support.raw_http import Reply, ask_raw, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = ("content-type", "application/json")
DEEP = 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(everybody: Api) -> Api:
    """Somebody signed in."""
    return await everybody.sign_up("nasty_ada")


@pytest_asyncio.fixture(loop_scope="module")
async def url(shared_url: str) -> AsyncIterator[str]:
    """A server that serves, before the test and after it."""
    yield shared_url
    assert (await ask_raw(shared_url, request("GET", "/healthz"))).status == 200


def token_of(person: Api) -> tuple[str, str]:
    return ("authorization", f"Bearer {person.signed_in['access_token']}")


def outcome(reply: Reply) -> tuple[int, str]:
    """Status and code; an answer that is no refusal has no code."""
    if reply.status < 400:
        return reply.status, ""
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.status, reply.code


MALFORMED, INVALID, CREATED = (400, "malformed"), (422, "invalid"), (201, "")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", INVALID, id="nothing"),
        pytest.param(b" \n\t ", MALFORMED, id="only space"),
        pytest.param(b"{", MALFORMED, id="cut short"),
        pytest.param(b'{"body": "x"} {}', MALFORMED, id="more after it"),
        pytest.param(b'{"body": "x",}', MALFORMED, id="comma too many"),
        pytest.param(b"{'body': 'x'}", MALFORMED, id="single quotes"),
        pytest.param(b'{"body": "x" /* why */}', MALFORMED, id="comment"),
        pytest.param(b'\xef\xbb\xbf{"body": "x"}', MALFORMED, id="byte order mark"),
        pytest.param('{"body": "x"}'.encode("utf-16"), MALFORMED, id="UTF-16"),
        pytest.param(b'{"body": "\xff"}', MALFORMED, id="no UTF-8"),
        pytest.param(b'{"body": "\xc0\xaf"}', MALFORMED, id="overlong UTF-8"),
        pytest.param(b'{"body": "\xed\xa0\x80"}', MALFORMED, id="surrogate in UTF-8"),
        pytest.param(b'{"body": "\\ud800"}', MALFORMED, id="lone surrogate"),
        pytest.param(b'{"body": "a\nb"}', MALFORMED, id="newline in string"),
        pytest.param(b'{"body": NaN}', MALFORMED, id="NaN"),
        pytest.param(b'{"body": -Infinity}', MALFORMED, id="-Infinity"),
        pytest.param(b'{"body": 1e400}', MALFORMED, id="1e400"),
        pytest.param(b'{"body": 0123}', MALFORMED, id="octal"),
        pytest.param(b'{"body": 1}', INVALID, id="number for text"),
        pytest.param(b'{"body": ' + b"9" * 30 + b"}", INVALID, id="integer beyond 64 bits"),
        pytest.param(b'{"body": ' + b"9" * 50_000 + b"}", MALFORMED, id="integer of 50,000 digits"),
        pytest.param(b'{"body": null}', INVALID, id="null"),
        pytest.param(b'{"body": ["x"]}', INVALID, id="list for text"),
        pytest.param(b"null", INVALID, id="only null"),
        pytest.param(b'"x"', INVALID, id="only text"),
        pytest.param(b"[]", INVALID, id="a list"),
        pytest.param(b"{}", INVALID, id="empty object"),
        pytest.param(b'{"body": ""}', INVALID, id="empty text"),
        pytest.param(b'{"body": " \\u200b "}', INVALID, id="text that cannot be seen"),
        pytest.param(b'{"body": "a\\u0000b"}', INVALID, id="NUL"),
        pytest.param(b'{"body": "a\\u001bb"}', INVALID, id="escape character"),
        pytest.param(b'{"body": "' + b"x" * 5001 + b'"}', INVALID, id="a character too many"),
        pytest.param(b'{"body": "' + b"x" * 9_000_000 + b'"}', INVALID, id="9 MB of text"),
        pytest.param(b'{"body": "x", "audience": "PUBLIC"}', INVALID, id="audience in capitals"),
        pytest.param(b'{"body": "x", "audience": {"kind": "public", "id": 1}}', INVALID, id="unknown field inside"),
        pytest.param(b'{"body": "x", "__proto__": {}}', INVALID, id="__proto__"),
        pytest.param(b'{"body": "x", "id": "00000000-0000-7000-8000-000000000000"}', INVALID, id="an id of one's own"),
        pytest.param(
            b'{"body": "x", ' + b", ".join(b'"k%d": %d' % (n, n) for n in range(20_000)) + b"}",
            INVALID,
            id="20,000 unknown fields",
        ),
        pytest.param(b"[" * DEEP + b"]" * DEEP, MALFORMED, id="100,000 lists deep"),
        pytest.param(b'{"a":' * DEEP + b"1" + b"}" * DEEP, MALFORMED, id="100,000 objects deep"),
        pytest.param(b'{"body": "x", "audience": ' + b"[" * DEEP + b"]" * DEEP + b"}", MALFORMED, id="deep inside"),
        pytest.param(b'{"body": "' + b"x" * 10_500_000 + b'"}', (413, "body_too_large"), id="more than 10 MB"),
        pytest.param(b'{"body": "x"}', CREATED, id="a post"),
        pytest.param(b'{"body": "x", "body": "y"}', CREATED, id="a field twice: the last counts"),
        pytest.param('{"body": "\\ud83c\\udf33 🌳 שלום ٣"}'.encode(), CREATED, id="text of the world"),
    ],
)
async def test_json_bodies(url: str, ada: Api, body: bytes, expected: tuple[int, str]) -> None:
    reply = await ask_raw(url, request("POST", "/v1/posts", body, [JSON, token_of(ada)]))
    assert outcome(reply) == expected


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/x-msgpack", 415),
        ("application/jsonx", 415),
        ("", 415),
        ("\xff", 415),
        ("Application/JSON ; charset=utf-8", 201),
    ],
)
async def test_only_json_is_taken_for_json(url: str, ada: Api, content_type: str, status: int) -> None:
    headers = [token_of(ada), ("content-type", content_type)]
    assert (await ask_raw(url, request("POST", "/v1/posts", b'{"body": "x"}', headers))).status == status


@pytest.mark.parametrize(
    "handle",
    [
        "%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80", "%", "%zz", "%u0041", "..", "../..", "%2e%2e", "..%2f..%2fetc",
        "%252e%252e", "%2f", "%5c..%5c", ".", ";", "*", "~", "%20", "%0d%0aset-cookie:x", "%E2%80%AE", "%F0%9F%8C%B3",
        "%EF%BC%A1da", "' OR 1=1--", "x" * 8000, "{handle}", "ada/", "//ada", "ada//posts",
    ],
)  # fmt: skip
async def test_addresses_of_nobody(url: str, handle: str) -> None:
    reply = await ask_raw(url, request("GET", f"/v1/people/{handle}".replace(" ", "%20")))
    assert reply.status == 404
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "post_id",
    [
        "1", "-1", "null", "undefined", "0" * 31, "0" * 33, "%00", "{00000000-0000-0000-0000-000000000000}x",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "urn:uuid:0", "٠" * 32,
    ],
)  # fmt: skip
async def test_ids_of_nothing(url: str, ada: Api, post_id: str) -> None:
    for method in ("GET", "DELETE"):
        target = f"/v1/posts/{post_id}".encode()
        target = b"".join(b"%%%02x" % byte if byte > 127 else bytes([byte]) for byte in target)
        reply = await ask_raw(url, request(method, target, headers=[token_of(ada)]))
        assert outcome(reply)[0] == 404, reply


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", INVALID),
        ("limit=-1", INVALID),
        ("limit=101", INVALID),
        ("limit=99999999999999999999999999", INVALID),
        ("limit=" + "9" * 5000, INVALID),
        ("limit=", INVALID),
        ("limit=ten", INVALID),
        ("limit=1.5", INVALID),
        ("limit=0x10", INVALID),
        ("limit=%D9%A3", INVALID),
        ("limit=NaN", INVALID),
        ("limit=Infinity", INVALID),
        ("limit=%ff", INVALID),
        ("limit=%00", MALFORMED),
        ("cursor=", INVALID),
        ("cursor=%ff%fe", INVALID),
        ("cursor=AAAA", INVALID),
        ("cursor=" + "A" * 22 + "%0a", INVALID),
        ("cursor=" + "A" * 23, INVALID),
        ("cursor=" + "A" * 5000, INVALID),
        ("cursor=%ED%A0%80", INVALID),
        ("cursor=a%00", MALFORMED),
        ("audience=self", INVALID),
        ("audience=public&audience=self", INVALID),
        ("x=" + "y" * 8192, (414, "uri_too_long")),
        ("limit=1&limit=2", (200, "")),
        ("&&==&?limit=1&" + "a&" * 2000, (200, "")),
        ("limit%5B%5D=1&%00x=1", MALFORMED),
    ],
)
async def test_queries(url: str, query: str, expected: tuple[int, str]) -> None:
    assert outcome(await ask_raw(url, request("GET", f"/v1/posts?{query}"))) == expected


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "a\tb", "k" * 256, "\xff", "é", "a\x7fb"], ids=lambda key: repr(key[:8])
)
async def test_idempotency_keys(url: str, ada: Api, key: str) -> None:
    headers = [JSON, token_of(ada), ("idempotency-key", key)]
    reply = await ask_raw(url, request("POST", "/v1/posts", b'{"body": "x"}', headers))
    assert reply.status == 400


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", "bearer \xff\xfe", "Bearer a.b.c", "Bearer " + "a" * 20_000, "Basic YWRhOmFkYQ==",
        "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer eyJhbGciOiJFZERTQSIsImtpZCI6WzFdfQ.e30.AAAA", "Digest x", "x",
    ],
    ids=lambda value: repr(value[:24]),
)  # fmt: skip
async def test_tokens_of_nobody(url: str, authorization: str) -> None:
    reply = await ask_raw(url, request("GET", "/v1/me", headers=[("authorization", authorization)]))
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")


NOISE = ["", "\xff\xfe", "%0d%0aset-cookie: x=1", "a" * 2000, "\x09", ",;=" * 500, "q=0;q=2;q=-1e999", '"' * 301]


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: repr(noise[:12]))
async def test_headers_full_of_noise(url: str, ada: Api, noise: str) -> None:
    names = ["x-request-id", "origin", "accept", "accept-encoding", "accept-language", "user-agent", "if-none-match"]
    names += ["x-forwarded-for", "x-forwarded-proto", "forwarded", "cookie", "referer", "range", "access-control-x"]
    headers = [token_of(ada), *((name, noise) for name in names)]
    for target in ("/v1/me", "/v1/posts", "/", "/openapi.json"):
        reply = await ask_raw(url, request("GET", target, headers=headers))
        assert reply.status == 200
        assert len(reply.headers["x-request-id"]) == 16
        assert not {"set-cookie", "access-control-allow-origin"} & reply.headers.keys()


async def test_a_header_twice_is_no_way_around(url: str, ada: Api) -> None:
    both = [token_of(ada), ("authorization", "Bearer x.y.z")]
    assert (await ask_raw(url, request("GET", "/v1/me", headers=both))).status == 400
    keys = [JSON, token_of(ada), ("idempotency-key", "fine"), ("idempotency-key", "not fine")]
    assert (await ask_raw(url, request("POST", "/v1/posts", b'{"body": "x"}', keys))).status == 400


async def test_a_trusted_proxy_passes_rubbish_on(shared_database_url: str) -> None:
    limits = {"enabled": True, "anonymous_per_minute": 1000}
    http = {"trusted_proxies": ["127.0.0.0/8"], "cors_origins": ["https://app.example"]}
    async with (
        running_platform(settings_for(shared_database_url, limits=limits, http=http)) as platform,
        serving(platform) as url,
        api_of(platform) as api,
    ):
        for address in ("", "unknown", ", ,", "::1%eth0", "fe80::1%0", "1.2.3.4:80", "[::1]:80", "\xff", "1" * 3000):
            for request_id in ("", "a b", "a" * 65, "\xff", "a\tset-cookie: x"):
                headers = [("x-forwarded-for", address), ("x-request-id", request_id), ("origin", "null")]
                reply = await ask_raw(url, request("GET", "/v1/community", headers=headers))
                assert reply.status == 200
                assert len(reply.headers["x-request-id"]) == 16
                assert "access-control-allow-origin" not in reply.headers
            # The address of a sign-in is kept with its session.
            body = b'{"email": "nobody@example.org", "password": "wrong"}'
            headers = [JSON, ("x-forwarded-for", address), ("user-agent", address)]
            assert (await ask_raw(url, request("POST", "/v1/auth/token", body, headers))).status in (401, 429)
        assert (await api.get("/v1/community", x_request_id="from-the-proxy")).headers[
            "x-request-id"
        ] == "from-the-proxy"


async def test_every_body_of_the_api_refuses_what_it_does_not_know(everybody: Api) -> None:
    admin = await everybody.sign_up_admin("strict_chief")
    document = (await everybody.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        target = re.sub(r"\{[^}]*\}", str(uuid4()), path)
        for method, operation in methods.items():
            if "requestBody" in operation:
                answer = await admin.ask(method.upper(), target, {"no_such_field": 1})
                assert answer.status_code == 422, (method, path)
                assert answer.json()["errors"], (method, path)
