"""`banyan mail preview` writes every mail, the operator's own words in it."""

import json
import subprocess
import sys
from pathlib import Path


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
