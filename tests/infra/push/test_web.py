"""Web push: what arrives is signed, encrypted for one browser alone, and named so that a repeat replaces it."""

import asyncio
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidTag

from banyan.infra.outgoing.networks import Network
from banyan.infra.outgoing.sender import Limits, Outgoing, Targets
from banyan.infra.push.keys import make_private_key
from banyan.infra.push.message import Outcome
from banyan.infra.push.vapid import Vapid
from banyan.infra.push.web import WebPushService
from tests.features.webhooks.receiver import Answer, answering, never, receiving
from tests.infra.outgoing.certificate import make_certificate
from tests.infra.push.apple import apple
from tests.infra.push.browser import Browser
from tests.infra.push.messages import to_browser

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def service(networks: Sequence[Network] = LOOPBACK, seconds: float = 10) -> WebPushService:
    outgoing = Outgoing(Targets(networks, allow_http=True), Limits(seconds=seconds), http2=True)
    return WebPushService(Vapid(make_private_key(), "mailto:ops@example.org"), outgoing)


async def test_only_the_browser_that_it_is_for_can_read_it() -> None:
    web = service()
    async with receiving(answering(201)) as receiver:
        browser, other = Browser(receiver), Browser(receiver, "other")
        shipment = to_browser(browser, urgency="high")
        assert await web.send_all([shipment]) == [Outcome("sent")]
        (heard,) = browser.heard
        claims = browser.check_sender(heard, web.public_key)
        assert claims["sub"] == "mailto:ops@example.org" and "exp" in claims
        assert (heard.headers["ttl"], heard.headers["urgency"]) == ("3600", "high")
        # RFC 8030 section 5.4: at most 32 characters of URL-safe base64.
        assert heard.headers["topic"] == shipment.message.tag and len(shipment.message.tag) == 32
        told = browser.decrypt(heard)
        assert told == {
            "id": str(shipment.message.notification_id),
            "push_id": str(shipment.message.id),
            "kind": "comment",
            "tag": shipment.message.tag,
            "title": "Testville",
            "body": "Ada and 4 others commented on your post",
            "url": "/app#/notifications",
        }
        assert b"Ada" not in heard.body
        with pytest.raises(InvalidTag):
            other.decrypt(heard)


async def test_a_batch_goes_to_several_services_side_by_side() -> None:
    web = service()
    async with receiving(answering(201)) as first, receiving(answering(201)) as second:
        browsers = [Browser(first, "a"), Browser(second, "b"), Browser(first, "c")]
        outcomes = await web.send_all([to_browser(one, body=one.path) for one in browsers])
        assert outcomes == [Outcome("sent")] * 3
        for one in browsers:
            # Each service gets a token of its own: its origin is what the token is for.
            assert [told["body"] for told in one.messages(web.public_key)] == [one.path]


async def test_the_longest_text_fits() -> None:
    web = service()
    async with receiving(answering(201)) as receiver:
        browser = Browser(receiver)
        await web.send_all([to_browser(browser, title="T" * 100, body="🌳" * 500)])
        assert browser.messages(web.public_key)[0]["body"] == "🌳" * 500


@pytest.mark.parametrize(
    ("answer", "result", "retry_after"),
    [
        (answering(200), "sent", None),
        (answering(404), "gone", None),
        (answering(410), "gone", None),
        (answering(429, b"", "Retry-After: 120"), "failed", 120),
        (answering(500), "failed", None),
        (answering(503, b"", "Retry-After: 5"), "failed", 5),
        (answering(403, b"wrong key"), "refused", None),
        (answering(413), "refused", None),
        (answering(301, b"", "Location: http://127.0.0.1/elsewhere"), "refused", None),
    ],
)
async def test_what_the_service_answers_decides(answer: Answer, result: str, retry_after: float | None) -> None:
    async with receiving(answer) as receiver:
        (outcome,) = await service().send_all([to_browser(Browser(receiver))])
        assert (outcome.result, outcome.retry_after_seconds) == (result, retry_after)


async def test_a_service_that_does_not_answer_is_tried_again_later() -> None:
    async with receiving(never) as receiver:
        (outcome,) = await service(seconds=0.2).send_all([to_browser(Browser(receiver))])
        assert outcome.result == "failed"
    (outcome,) = await service().send_all([to_browser(Browser(receiver))])
    assert outcome.result == "failed"


async def test_no_endpoint_leads_into_a_private_network() -> None:
    web = service(())
    async with receiving() as receiver:
        assert web.check(Browser(receiver).endpoint) == "This address is not on the public internet."
        (outcome,) = await web.send_all([to_browser(Browser(receiver))])
        assert outcome.result == "failed" and outcome.reason.startswith("Refused")
        assert receiver.heard == []
    assert web.check("https://push.example.net/abc") is None
    assert web.check("ftp://push.example.net/abc") is not None


def test_tokens_are_made_once_an_hour_and_not_remembered_without_end() -> None:
    vapid = Vapid(make_private_key(), "mailto:ops@example.org")
    first = vapid.authorize("https://push.example.net")
    assert vapid.authorize("https://push.example.net") == first
    for number in range(500):
        vapid.authorize(f"https://push{number}.example.net")
    assert len(vapid._made) <= 200


async def test_many_go_over_one_connection_where_the_service_speaks_http2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also then the connection goes to the checked address, and the certificate must be the name's."""
    certificate = make_certificate(tmp_path, "push.example.net")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.key)
    server.set_alpn_protocols(["h2"])
    trusting = ssl.create_default_context(cafile=str(certificate.chain))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: trusting)

    async def look_up(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    outgoing = Outgoing(Targets(LOOPBACK, allow_http=False, look_up=look_up), http2=True)
    async with apple(server) as there, outgoing.open() as sender:
        port = there.url.rpartition(":")[2]
        url = f"https://push.example.net:{port}/3/device/00"
        received = await asyncio.gather(*(sender.post(url, b"{}", {"TTL": "0"}) for _ in range(20)))
        # It knows no token of ours, but it has heard every one.
        assert [one.status for one in received] == [403] * 20
        assert (there.connections, there.authorities) == (1, {f"push.example.net:{port}"})
