"""A person at a browser, and what went wrong behind their back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, PASSWORD

# A busy machine is slow, not wrong.
PATIENCE_MS = 300_000
expect.set_options(timeout=PATIENCE_MS)

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
# Chromium reports every 4xx answer this way; which ones came is checked where it matters.
_REFUSAL = "Failed to load resource: the server responded with a status of 4"


class Visitor:
    """One browser profile with a tab. `complaints` must stay empty: script errors, 5xx, requests to other hosts."""

    def __init__(self, context: BrowserContext, page: Page, server_url: str) -> None:
        self.context = context
        self.page = page
        self.server_url = server_url
        self.complaints: list[str] = []
        self.watch(page)

    def watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("response", self._check_answer)
        page.on("request", self._check_host)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_REFUSAL):
            self.complaints.append(f"console: {message.text}")

    def _check_answer(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} from {response.url}")

    def _check_host(self, request: Request) -> None:
        if not request.url.startswith((self.server_url, "data:", "about:")):
            self.complaints.append(f"asked {request.url}")

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.server_url}{path}")

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def tab(self, name: str) -> Locator:
        return self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name)

    def post(self, text: str) -> Locator:
        return self.page.get_by_role("article").filter(has_text=text)

    async def fill_sign_up(self, handle: str) -> None:
        await self.field("Your name").fill(handle.title())
        await self.field("Handle").fill(handle)
        await self.field("E-mail").fill(f"{handle}@example.org")
        await self.field("Password").fill(PASSWORD)

    async def sign_up(self, handle: str) -> None:
        """A new account, made on the page; ends at the feed."""
        await self.go("/app#/sign-up")
        await self.fill_sign_up(handle)
        await self.button("Make my account").click()
        await self.field("Write a post").wait_for()

    async def sign_in(self, handle: str) -> None:
        await self.field("E-mail").fill(f"{handle}@example.org")
        await self.field("Password").fill(PASSWORD)
        await self.button("Sign in").click()
        await self.field("Write a post").wait_for()

    async def write_post(self, text: str, audience: str = "Everybody") -> None:
        await self.field("Write a post").fill(text)
        await self.page.get_by_role("group", name="Who may read it").get_by_text(audience).click()
        await self.button("Post").click()
        await self.post(text).wait_for()

    async def mailed_token(self, address: str) -> str:
        """The token of the newest mail to an address, once it is in the dev mailbox."""
        found: list[str] = []

        async def arrived() -> bool:
            path = f"{self.server_url}/dev/mailbox/messages"
            answer = await self.page.request.get(path, headers={"X-Mailbox-Key": MAILBOX_KEY})
            mails = (await answer.json())["items"]
            found[:] = [mail["text"] for mail in mails if mail["to"] == address and "#token=" in mail["text"]]
            return bool(found)

        await eventually(arrived)
        return found[0].partition("#token=")[2].split()[0]

    async def is_wider_than_the_screen(self) -> bool:
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(await self.page.evaluate(script))


@asynccontextmanager
async def visiting(browser: Browser, server_url: str, size: dict[str, int] = PHONE) -> AsyncIterator[Visitor]:
    """A fresh profile; at the end nothing may have gone wrong in it."""
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context, await context.new_page(), server_url)
    try:
        yield visitor
        assert visitor.complaints == []
    finally:
        await context.close()
