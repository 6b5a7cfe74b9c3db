"""One request to an address from outside: the checked address and no other, bounded, without a trace of redirects."""

import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from banyan.infra.outgoing.sender import Limits, Outgoing, Received, RefusedTarget, Targets
from tests.features.webhooks.receiver import Receiver, answering, never, receiving
from tests.infra.outgoing.certificate import make_certificate

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class Names:
    """A resolver whose answers are given one after the other; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def post(url: str, names: Names | None = None, limits: Limits | None = None) -> Received:
    targets = Targets(LOOPBACK, allow_http=True, look_up=names) if names else Targets(LOOPBACK, allow_http=True)
    async with Outgoing(targets, limits).open() as sender:
        return await sender.post(url, b"{}", {"webhook-id": "1"})


def at_name(receiver: Receiver, name: str) -> str:
    return receiver.url.replace("127.0.0.1", name)


async def test_the_name_is_asked_for_once_and_the_answer_is_used() -> None:
    """A name that would lead elsewhere at a second look gets no second look."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with receiving(answering(200, b"yes")) as receiver:
        received = await post(at_name(receiver, "hooks.example.com"), names)
        assert (received.status, received.body, received.error) == (200, b"yes", None)
        assert names.asked == ["hooks.example.com"]
        assert receiver.heard[0].headers["host"].startswith("hooks.example.com:")
        # The next request looks anew, and is refused.
        refused = await post(at_name(receiver, "hooks.example.com"), names)
        assert refused.status is None and (refused.error or "").startswith("Refused")
        assert len(receiver.heard) == 1


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "::ffff:192.168.0.1", "169.254.169.254", "fd00::1"])
async def test_a_name_in_a_private_network_is_refused(address: str) -> None:
    async with receiving() as receiver:
        received = await post(at_name(receiver, "hooks.example.com"), Names([address]))
        assert received.error == "Refused: Its name leads to an address that is not on the public internet."
        assert receiver.heard == []


async def test_among_several_addresses_only_an_allowed_one_is_used() -> None:
    async with receiving() as receiver:
        received = await post(at_name(receiver, "hooks.example.com"), Names(["10.0.0.1", "127.0.0.1"]))
        assert received.status == 204


async def test_a_name_that_nobody_knows() -> None:
    assert (await post("http://nowhere.invalid/")).error == "Refused: Its name cannot be resolved."


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with receiving() as target, receiving(answering(302, b"", f"Location: {target.url}")) as receiver:
        assert (await post(receiver.url)).status == 302
        assert target.heard == []


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with receiving() as receiver:
        assert (await post(receiver.url)).status == 204


async def test_an_answer_is_read_up_to_its_limit() -> None:
    async def endless(_heard: object) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n400\r\n"

    async with receiving(endless) as receiver:
        received = await post(receiver.url, limits=Limits(seconds=60, answer_bytes=1000))
    assert (received.status, received.body) == (200, b"x" * 1000)


async def test_the_time_limit_is_one_for_everything() -> None:
    async def drips(_heard: object) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"

    for answer in (never, drips):
        async with receiving(answer) as receiver:
            received = await post(receiver.url, limits=Limits(seconds=0.3))
        assert received.error == "No answer within 0.3 s."


async def test_what_is_no_http_is_an_error_in_words() -> None:
    async def garbage(_heard: object) -> bytes:
        return b"SSH-2.0-OpenSSH\r\n\r\n"

    async with receiving(garbage) as receiver:
        assert (await post(receiver.url)).error == "No answer: RemoteProtocolError."


async def test_tls_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to an address, the certificate must be the name's."""
    certificate = make_certificate(tmp_path, "hooks.example.com")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.key)
    trusting = ssl.create_default_context(cafile=str(certificate.chain))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: trusting)
    async with receiving(tls=server) as receiver:
        good = await post(at_name(receiver, "hooks.example.com"), Names(["127.0.0.1"]))
        assert (good.status, good.error) == (204, None)
        bad = await post(at_name(receiver, "other.example.com"), Names(["127.0.0.1"]))
        assert bad.status is None and "TLS failed" in (bad.error or "")
        assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https:///path",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "gopher://hooks.example.com/",
        "https://" + "x" * 2000 + ".example.com/",
        "https://" + "x" * 64 + ".example.com/",
        "https://xn--/",
        "https://hooks example.com/",
        "https://hooks%20.example.com/",
        "https://hooks..example.com/",
        "\0",
        "",
    ],
)
def test_addresses_that_cannot_be_right_are_refused_at_once(url: str) -> None:
    with pytest.raises(RefusedTarget):
        Targets([], allow_http=False).check(url)


def test_a_good_address_comes_back_in_its_usual_form() -> None:
    targets = Targets([], allow_http=False)
    assert targets.check(" https://Hooks.Example.com/a?b=c ") == "https://hooks.example.com/a?b=c"
    assert targets.check("https://bücher.example/") == "https://xn--bcher-kva.example/"
