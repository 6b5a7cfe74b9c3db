"""The first conversations in the READMEs are true: in Python as a program, in TypeScript on a page in a browser."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, async_playwright

from tests.clients.conftest import APP_ORIGIN, PYTHON, code_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A page that comes from nowhere may not call this machine, unless Chromium is told not to mind.
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"]
_README_URL = "http://127.0.0.1:8000"


async def test_python(shared_url: str) -> None:
    program = code_in(PYTHON / "README.md", "python").replace(_README_URL, shared_url).replace("ada", "pythonista")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        env={**os.environ, "PYTHONPATH": str(PYTHON / "src")},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    first, second = said.decode().splitlines()
    assert first.endswith("Ada Obi Who has a ladder to lend?")
    assert second.startswith("404 person_not_found ")


@pytest_asyncio.fixture(loop_scope="module")
async def context(built: Path, shared_url: str) -> AsyncIterator[BrowserContext]:
    """A browser in which the app's origin has the compiled client."""
    imports = {"imports": {"banyan-client": "/node_modules/banyan-client/dist/index.js"}}
    page = f'<!doctype html><title>App</title><script type="importmap">{json.dumps(imports)}</script>'

    async def serve(route: Route) -> None:
        path = route.request.url.removeprefix(APP_ORIGIN).lstrip("/")
        if not path:
            await route.fulfill(body=page, content_type="text/html")
        else:
            script = (built / path).read_text().replace(_README_URL, shared_url)
            await route.fulfill(body=script, content_type="text/javascript")

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: dev/setup installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS, timeout=300_000)
        context = await browser.new_context()
        context.set_default_timeout(300_000)
        await context.route(f"{APP_ORIGIN}/**", serve)
        yield context
        await browser.close()


async def _open(context: BrowserContext) -> tuple[Page, list[str]]:
    """A tab of the app and what its scripts say."""
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    await page.goto(APP_ORIGIN)
    return page, said


async def test_typescript_in_a_browser(context: BrowserContext, shared_url: str) -> None:
    page, said = await _open(context)
    await page.evaluate("import('/readme.js')")
    lines = [line for line in said if not line.startswith("Failed to load resource")]
    first, second = lines
    assert first.endswith("Ada Obi Who has a ladder to lend?")
    assert second.startswith("404 person_not_found ")
    # Another tab is signed in too, and stays so when the token has to be renewed.
    other, _ = await _open(context)
    handle = await other.evaluate(
        """async (url) => {
            const { Banyan, LocalStorage } = await import("banyan-client");
            const storage = new LocalStorage();
            storage.save({ ...storage.load(), expiresAt: 0 });
            return (await new Banyan(url, { storage }).people.showMe()).handle;
        }""",
        shared_url,
    )
    assert handle == "ada"
