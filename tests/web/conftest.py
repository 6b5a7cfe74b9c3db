"""The pages on the real platform, in a real browser: one per module, started once; people come in fresh profiles."""

import shutil
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from banyan.app.server import listen
from banyan.app.wiring import Platform
from tests.support.platform import running_platform, serving, settings_for
from tests.web.visitor import PATIENCE_MS, Visitor, visiting

# Nothing of Chromium's own may leave this machine or slow the start.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest_asyncio.fixture(loop_scope="module")
async def listener() -> AsyncIterator[socket.socket]:
    """Bound before there is a platform, which has to know where its sockets are."""
    with listen("127.0.0.1", 0) as listener:
        yield listener


@pytest_asyncio.fixture(loop_scope="module")
async def platform(database_url: str, listener: socket.socket) -> AsyncIterator[Platform]:
    address = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/socket"
    async with running_platform(settings_for(database_url, realtime={"url": address})) as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="module")
async def server_url(platform: Platform, listener: socket.socket) -> AsyncIterator[str]:
    async with serving(platform, listener) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: dev/setup installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_QUIET), timeout=PATIENCE_MS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(browser: Browser, server_url: str) -> AsyncIterator[Visitor]:
    async with visiting(browser, server_url) as visitor:
        yield visitor
