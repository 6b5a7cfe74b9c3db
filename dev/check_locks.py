"""Fails when the lock files do not fit pyproject.toml or each other, or name a registry."""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)")


def read_pins(lock_text: str) -> dict[str, str]:
    """Package name to version."""
    pins = (PIN.match(line) for line in lock_text.splitlines())
    return {canonicalize_name(pin["name"]): pin["version"] for pin in pins if pin}


def unhashed(lock_text: str) -> Iterator[str]:
    """Packages whose block holds no hash."""
    for block in re.split(r"\n(?=\S)", lock_text):
        if (pin := PIN.match(block)) and "--hash=sha256:" not in block:
            yield pin["name"]


def unmet(requirements: Sequence[str], pins: dict[str, str]) -> Iterator[str]:
    for text in requirements:
        wanted = Requirement(text)
        version = pins.get(canonicalize_name(wanted.name))
        if version is None or version not in wanted.specifier:
            yield f"{text} (locked: {version})"


def complaints(root: Path) -> Iterator[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    texts = {name: (root / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")}
    pins = {name: read_pins(text) for name, text in texts.items()}
    run, dev = "requirements.lock", "requirements-dev.lock"
    for name, text in texts.items():
        if "://" in text or re.search(r"^--", text, re.MULTILINE):
            yield f"{name}: names a registry or an option; which one is used is each machine's affair"
        yield from (f"{name}: {package} has no hash" for package in unhashed(text))
    for lock, requirements in (
        (run, project["project"]["dependencies"]),
        (dev, project["dependency-groups"]["dev"]),
    ):
        yield from (f"{lock}: does not hold {gap}; run dev/lock" for gap in unmet(requirements, pins[lock]))
    for package, version in pins[run].items():
        if pins[dev].get(package) != version:
            yield f"{dev}: {package} is {pins[dev].get(package)}, but {version} in {run}; run dev/lock"


def main() -> int:
    found = list(complaints(Path(__file__).resolve().parent.parent))
    print("\n".join(found) or "the lock files fit pyproject.toml and each other")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
