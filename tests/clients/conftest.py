"""The story's two tellers, built once, and a proxy between them and a server."""

import asyncio
import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clients.proxy import Proxy, proxy_to
from tests.support.platform import running_platform, serving, settings_for
from tests.support.postgres import Templates

_HERE = Path(__file__).resolve().parent
PYTHON = _HERE.parents[1] / "clients" / "python"
_TYPESCRIPT = _HERE.parents[1] / "clients" / "typescript"
# Where the app lives that a browser runs.
APP_ORIGIN = "http://app.test"
# A machine that runs other tests too may be ten times slower than one at rest.
_PATIENCE_SECONDS = 300


class Teller:
    """A program that tells one chapter with one of the clients."""

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
        self._command = command
        self._environment = {**os.environ, **(environment or {})}

    async def tell(self, chapter: str, url: str) -> Any:
        """What it found; each telling is about people of its own."""
        process = await asyncio.create_subprocess_exec(
            *self._command, chapter, url, secrets.token_hex(4), env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, f"{chapter} failed"
        return json.loads(said)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the TypeScript client installed, and what runs on it: one for all test processes."""
    # Every test process of a run has a folder of its own in the same one.
    folder = tmp_path_factory.getbasetemp().parent / "typescript"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "story.js").exists() or os.environ.get("PYTEST_XDIST_WORKER") is None:
            _build(folder)
    return folder


def _build(folder: Path) -> None:
    """Checks the client by its own strict rules, then what uses it by the same against what was built."""
    package = folder / "node_modules" / "banyan-client"
    package.mkdir(parents=True, exist_ok=True)
    shutil.copy(_TYPESCRIPT / "package.json", package)
    _compile(_TYPESCRIPT, package / "dist")
    (folder / "package.json").write_text('{"type": "module"}')
    for program in ("story.ts", "sockets.ts"):
        shutil.copy(_HERE / program, folder)
    (folder / "readme.ts").write_text(code_in(_TYPESCRIPT / "README.md", "ts"))
    options = json.loads((_TYPESCRIPT / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"rootDir": ".", "outDir": ".", "declaration": False, "noEmitOnError": True}
    files = ["story.ts", "sockets.ts", "readme.ts"]
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": files}))
    _compile(folder, folder)


def _compile(project: Path, out: Path) -> None:
    tsc = _TYPESCRIPT / "node_modules" / "typescript" / "bin" / "tsc"
    assert tsc.exists(), "TypeScript is not installed: run dev/setup"
    command: list[str | Path] = ["node", tsc, "-p", project, "--outDir", out]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout


def code_in(readme: Path, language: str) -> str:
    """The first block of code in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"no {language} in {readme}"
    return found[1]


@pytest.fixture(params=["python", "typescript"])
def teller(request: pytest.FixtureRequest) -> Teller:
    if request.param == "python":
        return Teller([sys.executable, _HERE / "story.py"], {"PYTHONPATH": str(PYTHON / "src")})
    built: Path = request.getfixturevalue("built")
    return Teller(["node", built / "story.js"])


@pytest.fixture(scope="module")
def shared_database_url(templates: Templates) -> Iterator[str]:
    with templates.clone() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_url(shared_database_url: str) -> AsyncIterator[str]:
    """The base URL of a platform that all tests of a file share; pages of APP_ORIGIN may call it."""
    settings = settings_for(shared_database_url, http={"cors_origins": [APP_ORIGIN]})
    async with running_platform(settings) as platform, serving(platform) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(shared_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(shared_url) as proxy:
        yield proxy
