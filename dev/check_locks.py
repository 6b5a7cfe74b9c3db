"""Fails when sources, pyproject.toml and the two lock files do not fit each other, or a lock names a registry."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions
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


def imported(sources: Path) -> set[str]:
    """Top-level names that the sources import."""
    names: set[str] = set()
    for path in sources.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    return {name.split(".")[0] for name in names}


def undeclared(sources: Path, requirements: Sequence[str]) -> Iterator[str]:
    """Packages that the sources import but only have because another package happens to need them."""
    declared = {canonicalize_name(Requirement(text).name) for text in requirements}
    providers = packages_distributions()
    for name in sorted(imported(sources) & providers.keys()):
        if declared.isdisjoint(canonicalize_name(provider) for provider in providers[name]):
            yield f"{name} ({providers[name][0]})"


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
    for gap in undeclared(root / "src", project["project"]["dependencies"]):
        yield f"pyproject.toml: src imports {gap}, which is not among the dependencies"
    for package, version in pins[run].items():
        if pins[dev].get(package) != version:
            yield f"{dev}: {package} is {pins[dev].get(package)}, but {version} in {run}; run dev/lock"


def main() -> int:
    found = list(complaints(Path(__file__).resolve().parent.parent))
    print("\n".join(found) or "the lock files fit pyproject.toml and each other")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
