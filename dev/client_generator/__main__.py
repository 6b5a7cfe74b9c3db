"""`dev/clients`: writes the generated parts of both clients, or says where they are outdated."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from banyan.app.settings import load_settings
from banyan.app.wiring import describe_api
from banyan.infra.auth.keys import make_signing_key
from dev.client_generator import python, typescript
from dev.client_generator.document import BadDocument, read_api

ROOT = Path(__file__).resolve().parents[2]
_PLACES = {"python": Path("python/src/banyan_client"), "typescript": Path("typescript/src")}


def present_document() -> dict[str, Any]:
    """What an installation with no settings of its own serves."""
    for name in [name for name in os.environ if name.startswith(("BANYAN_", "DATABASE_"))]:
        del os.environ[name]
    # Nothing is signed, stored or connected to.
    secrets = {"signing_key": make_signing_key(), "secret": "x" * 43}
    settings = load_settings(None, {"database": {"url": "postgresql://nowhere"}, "auth": secrets})
    return asyncio.run(describe_api(settings))


def generate(document: Mapping[str, Any]) -> dict[Path, str]:
    """Texts by path below `clients/`. Raises BadDocument."""
    api = read_api(document)
    files = {_PLACES["python"] / path: text for path, text in _formatted(python.render(api)).items()}
    return files | {_PLACES["typescript"] / path: text for path, text in typescript.render(api).items()}


def _formatted(files: Mapping[str, str]) -> dict[str, str]:
    """Python files as dev/check wants them."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        command = [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--quiet",
            "--no-cache",
            "--config",
            str(ROOT / "pyproject.toml"),
        ]
        subprocess.run([*command, folder], check=True)
        return {path: Path(folder, path).read_text() for path in files}


def outdated(clients: Path, files: Mapping[Path, str]) -> Iterator[Path]:
    """Files below `clients` that differ from what was generated, lack, or are generated no more."""
    for path, text in files.items():
        place = clients / path
        if not place.is_file() or place.read_text() != text:
            yield path
    for place in _PLACES.values():
        for file in sorted((clients / place / "api").glob("*.*")):
            if file.relative_to(clients) not in files:
                yield file.relative_to(clients)


def write(clients: Path, files: Mapping[Path, str]) -> None:
    for path in outdated(clients, files):
        place = clients / path
        if path in files:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(files[path])
        else:
            place.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev/clients", description="Makes the typed clients anew.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail where they are outdated")
    parser.add_argument(
        "--document", type=Path, help="an OpenAPI document to use: of an installation with plug-ins or attributes"
    )
    parser.add_argument("--into", type=Path, default=ROOT / "clients", help="a copy of clients/ to write to")
    options = parser.parse_args()
    document = json.loads(options.document.read_text()) if options.document else present_document()
    try:
        files = generate(document)
    except BadDocument as error:
        print(f"dev/clients: {error}", file=sys.stderr)
        return 1
    if not options.check:
        write(options.into, files)
        return 0
    differing = list(outdated(options.into, files))
    if differing:
        print("\n".join(f"clients/{path} is not what the routes make it" for path in differing))
        print("run dev/clients and commit what it changes")
        return 1
    print("the clients are what the routes make them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
