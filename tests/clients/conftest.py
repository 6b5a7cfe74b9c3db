"""The story's two tellers, built once, and a proxy between them and a server."""

import asyncio
import fcntl
import json
import os
import secrets
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

ROOT = Path(__file__).resolve().parents[2]
_TYPESCRIPT = ROOT / "clients" / "typescript"
# A machine that runs other tests too may be ten times slower than one at rest.
_PATIENCE_SECONDS = 120


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
def built_story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """story.ts with the client it uses, checked by tsc's strict rules and compiled: once for all test processes."""
    # Every test process of a run has a folder of its own in the same one.
    folder = tmp_path_factory.getbasetemp().parent / "story"
    folder.mkdir(exist_ok=True)
    story = folder / "tests" / "clients" / "story.js"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not story.exists() or os.environ.get("PYTEST_XDIST_WORKER") is None:
            _compile(folder)
    return story


def _compile(folder: Path) -> None:
    tsc = _TYPESCRIPT / "node_modules" / "typescript" / "bin" / "tsc"
    assert tsc.exists(), "TypeScript is not installed: run dev/setup"
    (folder / "package.json").write_text('{"type": "module"}')
    command: list[str | Path] = ["node", tsc, "-p", Path(__file__).with_name("tsconfig.json"), "--outDir", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture(params=["python", "typescript"])
def teller(request: pytest.FixtureRequest) -> Teller:
    if request.param == "python":
        source = str(ROOT / "clients" / "python" / "src")
        return Teller([sys.executable, Path(__file__).with_name("story.py")], {"PYTHONPATH": source})
    return Teller(["node", request.getfixturevalue("built_story")])


@pytest.fixture(scope="module")
def shared_database_url(templates: Templates) -> Iterator[str]:
    with templates.clone() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_url(shared_database_url: str) -> AsyncIterator[str]:
    """The base URL of a platform that all tests of a file share."""
    settings = settings_for(shared_database_url)
    async with running_platform(settings) as platform, serving(platform) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(shared_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(shared_url) as proxy:
        yield proxy
