"""What is not HTTP as it should be: the right refusal, no hang, no memory spent, and the next client is served."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from banyan.app import server
from banyan.infra.http import protocol
from tests.support.platform import Api, running_platform, serving, settings_for
from tests.support.raw_http import RawConnection, Reply, ask_raw, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = b"host: banyan.test\r\n"
JSON = ("content-type", "application/json")
POST_HEAD = b"POST /v1/posts HTTP/1.1\r\n" + HOST + b"content-type: application/json\r\n"
CHUNKED = POST_HEAD + b"transfer-encoding: chunked\r\n\r\n"
MEGABYTE = 1 << 20


@pytest_asyncio.fixture(loop_scope="module")
async def url(shared_url: str) -> AsyncIterator[str]:
    """A server that serves, before the test and after it."""
    yield shared_url
    assert (await ask_raw(shared_url, request("GET", "/healthz"))).status == 200


def assert_problem(reply: Reply) -> None:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"]
    assert reply.code


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS to a plain port"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(b"GET /healthz\r\n\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, id="two Hosts"),
        pytest.param(
            b"GET /v1/me HTTP/1.1\r\n" + HOST + b"authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
            400,
            id="two tokens",
        ),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"accept: a\r\naccept: b\r\n\r\n", 200, id="two Accepts"),
        pytest.param(b"GET /healthz HTTP/1.x\r\n" + HOST + b"\r\n", 400, id="no version"),
        pytest.param(b"GET /healthz HTTP/1.1\n" + b"host: x\n\n", 400, id="bare line feeds"),
        pytest.param(b"FETCH /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="no such method"),
        pytest.param(b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="method in small letters"),
        pytest.param(b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="CONNECT"),
        pytest.param(b"TRACE /v1/me HTTP/1.1\r\n" + HOST + b"\r\n", 405, id="TRACE"),
        pytest.param(b"GET healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="no slash"),
        pytest.param(b"GET ?limit=1 HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="no path"),
        pytest.param(b"GET http://example.org HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="absolute without path"),
        pytest.param(b"GET http://example.org/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 200, id="absolute"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404, id="OPTIONS *"),
        pytest.param(b"GET /v1/people/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="raw bytes in path"),
        pytest.param(b"GET /v1/posts?cursor=\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="raw bytes in query"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"x: a\r\n b\r\n\r\n", 400, id="folded header"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"x : a\r\n\r\n", 400, id="space before colon"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"x: a\0b\r\n\r\n", 400, id="NUL in header"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"x: a\rb\r\n\r\n", 400, id="CR in header"),
        pytest.param(POST_HEAD + b"content-length: -5\r\n\r\nhello", 400, id="negative length"),
        pytest.param(POST_HEAD + b"content-length: 5, 6\r\n\r\nhello", 400, id="two lengths in one"),
        pytest.param(POST_HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello", 400, id="two lengths"),
        pytest.param(POST_HEAD + b"content-length: " + b"9" * 30 + b"\r\n\r\nhello", 400, id="length beyond 64 bits"),
        pytest.param(POST_HEAD + b"content-length: 99999999999\r\n\r\nhello", 413, id="length of 100 GB"),
        pytest.param(POST_HEAD + b"transfer-encoding: identity\r\n\r\n", 400, id="unknown transfer coding"),
        pytest.param(
            POST_HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="length and chunks"
        ),
        pytest.param(CHUNKED + b"zz\r\nhello\r\n", 400, id="chunk without size"),
        pytest.param(CHUNKED + b"-1\r\nhello\r\n", 400, id="negative chunk"),
        pytest.param(CHUNKED + b"fffffffffffffffff\r\nhello\r\n", 400, id="chunk beyond 64 bits"),
        pytest.param(CHUNKED + b"2\r\nhello\r\n", 400, id="chunk longer than said"),
    ],
)
async def test_what_cannot_be_read_is_refused(url: str, sent: bytes, status: int) -> None:
    async with RawConnection(url) as raw:
        await raw.send(sent)
        reply = await raw.receive()
        assert reply.status == status
        if status == 400 or status > 404:
            assert_problem(reply)
        if reply.headers.get("connection") == "close":
            assert await raw.ended()


@pytest.mark.parametrize(
    ("start", "piece", "status"),
    [
        pytest.param(b"GET /", b"a" * 4096, 431, id="path"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST + b"x: ", b"a" * 4096, 431, id="header"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + HOST, b"x-many: y\r\n" * 400, 431, id="headers"),
        pytest.param(CHUNKED + b"1;", b"a" * 4096, 400, id="chunk extension"),
        pytest.param(CHUNKED + b"1\r\n{\r\n0\r\nx: ", b"a" * 4096, 400, id="trailer"),
        pytest.param(CHUNKED + b"1\r\n{\r\n0\r\n", b"x-many: y\r\n" * 400, 400, id="trailers"),
        pytest.param(b"", b"\r\n" * 2048, 431, id="empty lines"),
    ],
)
async def test_nothing_may_go_on_for_ever(url: str, start: bytes, piece: bytes, status: int) -> None:
    async with RawConnection(url) as raw:
        await raw.send(start)
        sent_bytes = 0
        while not raw.is_answered() and sent_bytes < 8 * MEGABYTE:
            await raw.send(piece)
            sent_bytes += len(piece)
            await asyncio.sleep(0)
        reply = await raw.receive()
        assert reply.status == status
        assert_problem(reply)
        assert sent_bytes < MEGABYTE
        raw.stop_sending()
        assert await raw.ended()


async def test_a_head_in_one_piece_is_measured_too(url: str) -> None:
    def asking(header_bytes: int) -> bytes:
        return request("GET", "/healthz", headers=[("x", "a" * header_bytes)])

    assert (await ask_raw(url, asking(30_000))).status == 200
    assert (await ask_raw(url, asking(40_000))).status == 431
    assert (await ask_raw(url, request("GET", "/" + "a" * 9000))).code == "uri_too_long"
    # A body that comes in the same packet is none of the head.
    assert (await ask_raw(url, request("POST", "/v1/posts", b"x" * 60_000, [JSON]))).status == 401


async def test_a_trailer_is_no_header(url: str, everybody: Api) -> None:
    ada = await everybody.sign_up("trailing_ada")
    token = f"authorization: Bearer {ada.signed_in['access_token']}\r\n".encode()
    body = b'{"body": "Hello"}'
    reply = await ask_raw(url, CHUNKED + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, token))
    assert reply.status == 401


async def test_a_client_that_waits_for_100_continue(url: str, everybody: Api) -> None:
    ada = await everybody.sign_up("patient_ada")
    body = b'{"body": "Hello"}'
    headers = [JSON, ("authorization", f"Bearer {ada.signed_in['access_token']}"), ("expect", "100-continue")]
    head = request("POST", "/v1/posts", body, headers).removesuffix(body)
    assert (await ask_raw(url, head, body)).status == 201
    refused = head.replace(b"content-length: 17", b"content-length: 99999999999")
    assert (await ask_raw(url, refused)).status == 413


async def test_an_upgrade_that_is_not_offered_is_a_plain_request(url: str, everybody: Api) -> None:
    ada = await everybody.sign_up("java_ada")
    # What Java's HTTP client sends first on a plain connection.
    upgrade = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAEAAEAAAAIAAAAB")]
    headers = [JSON, ("authorization", f"Bearer {ada.signed_in['access_token']}"), *upgrade]
    async with RawConnection(url) as raw:
        await raw.send(request("POST", "/v1/posts", b'{"body": "Hello"}', headers) + request("GET", "/v1/me"))
        assert (await raw.receive()).status == 201
        assert (await raw.receive()).status == 401
    assert (await ask_raw(url, request("GET", "/healthz", headers=upgrade) * 3000)).status == 200


async def test_requests_ahead_of_their_answers(url: str) -> None:
    async with RawConnection(url) as raw:
        await raw.send(request("GET", "/v1/community") * 10)
        assert [(await raw.receive()).status for _ in range(10)] == [200] * 10
        # The answers owed go out before the connection ends, whatever came after them.
        await raw.send(request("GET", "/v1/community") * 2 + b"rubbish\r\n\r\n")
        assert [(await raw.receive()).status for _ in range(2)] == [200] * 2
        assert await raw.ended()
    async with RawConnection(url) as raw:
        await raw.send(request("GET", "/v1/community") * 5000)
        answers = 0
        while (await raw.receive()).status == 200:
            answers += 1
        assert 1 <= answers <= 64


async def test_a_client_that_closes_its_half(url: str) -> None:
    async with RawConnection(url) as raw:
        await raw.send(request("GET", "/v1/community"))
        raw.stop_sending()
        assert (await raw.receive()).status == 200
        assert await raw.ended()
    async with RawConnection(url) as raw:
        await raw.send(POST_HEAD + b"content-length: 100\r\n\r\n{")
        raw.stop_sending()
        assert (await raw.receive()).status == 400
        assert await raw.ended()


async def test_a_client_that_leaves_in_the_middle(url: str) -> None:
    for sent in (b"GET /v1/comm", POST_HEAD + b"content-length: 100\r\n\r\n{", request("GET", "/v1/community")):
        async with RawConnection(url) as raw:
            await raw.send(sent)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "GZIP", "\xff"])
async def test_compressed_bodies_are_not_unpacked(url: str, coding: str) -> None:
    bomb = gzip.compress(b"[" * MEGABYTE)
    reply = await ask_raw(url, request("POST", "/v1/accounts", bomb, [JSON, ("content-encoding", coding)]))
    assert (reply.status, reply.code) == (415, "unsupported_media_type")


async def test_whoever_is_slow_is_let_go(shared_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_DRAIN_SECONDS", 0.2)
    # Long enough for what a busy machine sends late; all wait at the same time.
    settings = settings_for(shared_database_url, http={"head_timeout_seconds": 2, "body_timeout_seconds": 2})

    async def silent(url: str) -> None:
        async with RawConnection(url) as raw:
            assert await raw.ended()

    async def sent_a_part(url: str, part: bytes, code: str) -> None:
        async with RawConnection(url) as raw:
            await raw.send(part)
            reply = await raw.receive()
            assert (reply.status, reply.code) == (408, code)
            assert await raw.ended()

    async def slow_between_requests(url: str) -> None:
        """Which is not slow: that is keep-alive."""
        async with RawConnection(url) as raw:
            for pause_seconds in (2.5, 0):
                await raw.send(request("GET", "/healthz"))
                assert (await raw.receive()).status == 200
                await asyncio.sleep(pause_seconds)

    async with running_platform(settings) as platform, serving(platform) as url, asyncio.TaskGroup() as tasks:
        tasks.create_task(silent(url))
        tasks.create_task(sent_a_part(url, b"GET /healthz HTTP/1.1\r\n", "headers_timeout"))
        tasks.create_task(sent_a_part(url, POST_HEAD + b"content-length: 100\r\n\r\n{", "body_timeout"))
        tasks.create_task(slow_between_requests(url))


async def test_a_connection_that_nobody_uses_is_closed(
    shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_KEEP_ALIVE_SECONDS", 0.3)
    settings = settings_for(shared_database_url)
    async with running_platform(settings) as platform, serving(platform) as url, RawConnection(url) as raw:
        await raw.send(request("GET", "/healthz") + request("GET", "/readyz"))
        assert [(await raw.receive()).status for _ in range(2)] == [200, 200]
        assert await raw.ended()


async def test_the_rest_of_a_refused_body_is_read_and_forgotten(url: str) -> None:
    async with RawConnection(url) as raw:
        await raw.send(request("POST", "/v1/posts", b"x" * (11 * MEGABYTE), [JSON]))
        assert (await raw.receive()).status == 413
        await raw.send(request("GET", "/healthz"))
        assert (await raw.receive()).status == 200


async def test_an_address_written_out_wins_over_one_with_a_parameter(everybody: Api) -> None:
    refused = await everybody.ask("DELETE", "/v1/admin/jobs/drop-dead")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")
    offered = await everybody.ask("OPTIONS", "/v1/admin/jobs/drop-dead")
    assert offered.headers["allow"] == "OPTIONS, POST"


async def test_an_address_that_lost_its_id_is_not_the_one_above_it(everybody: Api) -> None:
    ada = await everybody.sign_up("lost_ada")
    assert (await ada.delete("/v1/auth/sessions/")).status_code == 404
    assert len((await ada.get("/v1/auth/sessions")).json()["items"]) == 1
    assert (await ada.get("/v1/feed/")).status_code == 404
