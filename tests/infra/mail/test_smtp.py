"""Delivery to a real SMTP server, encrypted or not at all where that was asked for."""

import datetime
import ipaddress
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from banyan.infra.mail.mailer import Mailer, MailRefused, SendMail
from banyan.infra.mail.message import MailMessage
from banyan.infra.mail.settings import MailSettings
from banyan.infra.mail.smtp import SmtpTransport
from banyan.kernel.ids import new_id
from tests.support.smtp import SmtpServer

# SMTP reads and writes nothing in the database.
NO_WORK: Any = None
ARABIC = "مرحبًا بك في بانيان!"


def mail(to: str = "ada@example.org", **changes: str) -> SendMail:
    given = {"subject": "Hello", "text": "Plain words", "html": "<p>Words</p>"} | changes
    return SendMail(new_id(), MailMessage(to=to, **given))


def transport(server: SmtpServer, **changes: Any) -> SmtpTransport:
    settings = MailSettings(host="127.0.0.1", port=server.port, security="none", from_address="house@banyan.test")
    return SmtpTransport(settings.model_copy(update=changes), "The House")


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + built.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_mail_arrives_whole() -> None:
    job = mail(to="ada@example.org", subject=ARABIC, text=ARABIC + "\n.\nA dot\n", html=f"<p dir=rtl>{ARABIC}</p>")
    async with SmtpServer().running() as server:
        await transport(server, from_name="Bänyan, the house").deliver(NO_WORK, job)
    (received,) = server.received
    assert (received.sender, received.recipients) == ("house@banyan.test", ["ada@example.org"])
    message = parsed(received.content.replace(b"\r\n..", b"\r\n."))
    assert message["From"] == '"Bänyan, the house" <house@banyan.test>'
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == ARABIC
    assert message["Message-ID"] == f"<{job.id}@banyan.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None and html is not None
    assert plain.get_content().replace("\r\n", "\n") == ARABIC + "\n.\nA dot\n"
    assert html.get_content().strip() == f"<p dir=rtl>{ARABIC}</p>"
    assert received.content.isascii(), "readable for servers without 8BITMIME"


async def test_every_try_sends_the_same_message() -> None:
    job = mail()
    async with SmtpServer().running() as server:
        for _ in range(2):
            await transport(server).deliver(NO_WORK, job)
    first, second = server.received
    assert first.content == second.content


@pytest.mark.parametrize("hostile", ["Hi\r\nBcc: all@example.org", "Hi\nX: y", "a\rb"])
async def test_a_line_end_never_makes_a_header(hostile: str) -> None:
    async with SmtpServer().running() as server:
        with pytest.raises(ValueError, match=r"(?i)newline|linefeed|carriage|CR"):
            await transport(server).deliver(NO_WORK, mail(subject=hostile))
    assert server.received == []


async def test_starttls_and_sign_in(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with SmtpServer(tls=tls).running() as server:
        secure = transport(server, security="starttls", username="house", password=SecretStr("s3cret"))
        await secure.deliver(NO_WORK, mail())
    assert [(received.encrypted, received.user) for received in server.received] == [(True, "house")]


async def test_tls_from_the_start(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with SmtpServer(tls=tls, implicit=True).running() as server:
        await transport(server, security="tls").deliver(NO_WORK, mail())
    assert [received.encrypted for received in server.received] == [True]


@pytest.mark.parametrize("implicit", [False, True])
async def test_an_unknown_certificate_gets_no_mail(tls: ssl.SSLContext, implicit: bool) -> None:
    async with SmtpServer(tls=tls, implicit=implicit).running() as server:
        with pytest.raises((aiosmtplib.SMTPException, OSError)):
            await transport(server, security="tls" if implicit else "starttls").deliver(NO_WORK, mail())
    assert server.received == []


async def test_a_server_without_starttls_gets_no_mail() -> None:
    async with SmtpServer().running() as server:
        with pytest.raises(aiosmtplib.SMTPException) as refusal:
            await transport(server, security="starttls").deliver(NO_WORK, mail())
    assert not isinstance(refusal.value, MailRefused)
    assert server.received == []


@pytest.mark.parametrize(
    ("command", "reply", "for_good"),
    [
        ("RCPT", "550 no such user", True),
        ("RCPT", "450 greylisted", False),
        ("CONTENT", "554 looks like spam", True),
        ("CONTENT", "451 disk full", False),
        ("MAIL", "550 sender not allowed", False),
        ("EHLO", "554 go away", False),
    ],
)
async def test_refusals_for_good_and_for_now(command: str, reply: str, for_good: bool) -> None:
    async with SmtpServer(refuse={command: reply, "HELO": reply}).running() as server:
        with pytest.raises(Exception) as refusal:
            await transport(server).deliver(NO_WORK, mail())
    assert isinstance(refusal.value, MailRefused) is for_good
    assert not for_good or "ada" not in str(refusal.value), "this text is logged"


async def test_a_wrong_password_of_ours_is_not_the_mails_fault(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with SmtpServer(tls=tls, refuse={"AUTH": "535 wrong"}).running() as server:
        secure = transport(server, security="starttls", username="house", password=SecretStr("old"))
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await secure.deliver(NO_WORK, mail())


async def test_addresses_beyond_ascii() -> None:
    async with SmtpServer(utf8=True).running() as server:
        await transport(server).deliver(NO_WORK, mail(to="änna@xn--bcher-kva.example"))
    assert server.received[0].recipients == ["änna@xn--bcher-kva.example"]
    async with SmtpServer().running() as server:
        with pytest.raises(MailRefused):
            await transport(server).deliver(NO_WORK, mail(to="änna@xn--bcher-kva.example"))


async def test_nobody_listens() -> None:
    async with SmtpServer().running() as server:
        pass
    with pytest.raises((aiosmtplib.SMTPException, OSError)):
        await transport(server).deliver(NO_WORK, mail())


async def test_the_job_gives_up_on_a_refused_mail_and_fails_on_others() -> None:
    async with SmtpServer(refuse={"RCPT": "550 no such user"}).running() as server:
        (kind,) = Mailer(transport(server)).job_kinds()
        await kind.handler(NO_WORK, mail())
    async with SmtpServer(refuse={"RCPT": "450 later"}).running() as server:
        (kind,) = Mailer(transport(server)).job_kinds()
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await kind.handler(NO_WORK, mail())
