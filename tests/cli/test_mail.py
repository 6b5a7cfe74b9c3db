"""`banyan mail`: preview writes every mail, the operator's own words in it; test asks the mail server."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.smtp import SmtpServer


def preview(tmp_path: Path, data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "banyan", "mail", "preview", "--to", str(tmp_path / "out"), "--data", str(data)]
    return subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)


def test_preview(tmp_path: Path) -> None:
    data = tmp_path / "data"
    own = data / "mail_texts/accounts"
    own.mkdir(parents=True)
    (own / "en.toml").write_text('[verify_email]\nsubject = "Hello from the tree"\n', "utf-8")
    (data / "banyan.toml").write_text('[community]\nname = "Tree & Co"\n', "utf-8")
    done = preview(tmp_path, data)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(files) == 2 * said["mails"] + 1
    assert said["index"] == str(tmp_path / "out" / "index.html")
    assert "Hello from the tree" in (tmp_path / "out" / "index.html").read_text("utf-8")
    arabic = (tmp_path / "out" / "accounts.verify_email.ar.html").read_text("utf-8")
    assert 'dir="rtl"' in arabic
    assert "Tree &amp; Co" in arabic


def test_a_slip_is_said_in_words(tmp_path: Path) -> None:
    own = tmp_path / "data/mail_texts/accounts"
    own.mkdir(parents=True)
    (own / "en.toml").write_text("[nothing]\nsubject = 'x'\n", "utf-8")
    done = preview(tmp_path, tmp_path / "data")
    assert done.returncode == 1
    assert "no mail [nothing]" in done.stderr
    assert not (tmp_path / "out").exists()


async def send_test(data: Path, to: str = "ada@example.org") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "banyan", "mail", "test", to, "--data", str(data), "--format", "json"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def name_server(data: Path, port: int) -> None:
    settings = f"""
[community]
name = "Tree & Co"
[mail]
host = "127.0.0.1"
port = {port}
security = "none"
from_address = "house@tree.example"
"""
    (data / "banyan.toml").write_text(settings, "utf-8")


async def test_a_mail_to_try_the_server(tmp_path: Path) -> None:
    async with SmtpServer().running() as server:
        name_server(tmp_path, server.port)
        status, out, err = await send_test(tmp_path)
    assert status == 0, err
    assert json.loads(out)["server"] == f"127.0.0.1:{server.port}"
    (received,) = server.received
    assert (received.sender, received.recipients) == ("house@tree.example", ["ada@example.org"])
    assert b"From: Tree & Co <house@tree.example>" in received.content, "without a name of its own, the community's"


@pytest.mark.parametrize(
    ("command", "reply", "word"),
    [("MAIL", "553 not yours", "mail.from_address"), ("RCPT", "550 no such user", "no such user")],
)
async def test_what_the_server_says_is_told(tmp_path: Path, command: str, reply: str, word: str) -> None:
    async with SmtpServer(refuse={command: reply}).running() as server:
        name_server(tmp_path, server.port)
        status, _, err = await send_test(tmp_path)
    assert status == 1
    assert reply[4:] in err and word in err
    assert "Traceback" not in err


async def test_no_server_to_try(tmp_path: Path) -> None:
    async with SmtpServer().running() as server:
        name_server(tmp_path, server.port)
        assert "is no e-mail address" in (await send_test(tmp_path, "ada"))[2]
    status, _, err = await send_test(tmp_path)
    assert status == 1
    assert "mail.host" in err, "nobody listens there any more"
    (tmp_path / "banyan.toml").unlink()
    assert "dev mailbox" in (await send_test(tmp_path))[2]
