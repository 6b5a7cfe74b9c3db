"""Pages that links open: the first admin, a proven address, the development mailbox."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from banyan.app.wiring import Platform
from tests.features.accounts.authenticator import turn_on
from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, PASSWORD, api_of
from tests.web.visitor import Visitor, visiting

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_first_admin_is_made_once(platform: Platform, visitor: Visitor, browser: Browser) -> None:
    async with platform.pool.work() as work:
        link = await platform.features.first_admin.make_link(work)
    assert link is not None
    await visitor.go(f"/setup#token={link.partition('#token=')[2]}")
    await visitor.fill_sign_up("root.admin")
    await visitor.button("Make the first admin").click()
    await visitor.field("Write a post").wait_for()
    async with visiting(browser, visitor.server_url) as other:
        await other.go(f"/setup#token={link.partition('#token=')[2]}")
        await other.fill_sign_up("second")
        await other.button("Make the first admin").click()
        await expect(other.page.get_by_role("alert")).to_be_visible()


async def test_a_link_without_its_token_says_so(visitor: Visitor) -> None:
    for path in ("/setup", "/verify-email", "/dev/mailbox"):
        await visitor.go(path)
        await expect(visitor.page.get_by_text(re.compile("not complete|secret link"))).to_be_visible()


async def test_the_mail_of_a_sign_up_proves_the_address(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await expect(visitor.page.get_by_text("Your e-mail address is not confirmed yet.")).to_be_visible()
    await open_first_mail(visitor)
    text = await visitor.page.locator("article pre").inner_text()
    await expect(visitor.page.locator("article pre").get_by_role("link")).not_to_have_count(0)
    await expect(visitor.page.frame_locator("iframe").locator("body")).not_to_be_empty()
    found = re.search(r"/verify-email(#token=[\w-]+)", text)
    assert found

    await visitor.go(f"/verify-email{found[1]}")
    await expect(visitor.page.get_by_text("Thank you, your address is confirmed.")).to_be_visible()
    assert "token" not in visitor.page.url
    await visitor.page.get_by_role("link", name="Go on").click()
    await visitor.field("Write a post").wait_for()
    await expect(visitor.page.get_by_text("not confirmed yet")).to_have_count(0)

    await visitor.go("/")
    await visitor.go(f"/verify-email{found[1]}")
    await expect(visitor.page.get_by_role("alert")).to_be_visible()


async def test_a_forgotten_password_is_replaced(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.go("/app#/settings")
    await visitor.button("Sign out").click()
    await visitor.page.get_by_role("link", name="Forgot your password?").click()
    await visitor.field("E-mail").fill("ada@example.org")
    await visitor.button("Send me a link").click()
    await expect(visitor.page.get_by_text("a mail is on its way")).to_be_visible()
    await open_first_mail(visitor, 2)
    found = re.search(r"/reset-password(#token=[\w-]+)", await visitor.page.locator("article pre").inner_text())
    assert found

    await visitor.go(f"/reset-password{found[1]}")
    await visitor.field("New password").fill("password123")
    await visitor.button("Use this password").click()
    await expect(visitor.page.get_by_text("Too easy to guess").first).to_be_visible()
    await visitor.field("New password").fill("another long password")
    await visitor.button("Use this password").click()
    await expect(visitor.page.get_by_text("Your password is new")).to_be_visible()
    assert "token" not in visitor.page.url
    await visitor.page.get_by_role("link", name="Sign in").click()
    await visitor.field("E-mail").fill("ada@example.org")
    await visitor.field("Password").fill("another long password")
    await visitor.button("Sign in").click()
    await visitor.field("Write a post").wait_for()

    await visitor.go("/")
    await visitor.go(f"/reset-password{found[1]}")
    await visitor.field("New password").fill("one more long password")
    await visitor.button("Use this password").click()
    await expect(visitor.page.get_by_text("This link does not hold any more.")).to_be_visible()
    await expect(visitor.button("Send me a link")).to_be_visible()


async def test_signing_in_asks_for_a_code_where_one_is_needed(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        app = await turn_on(await api.sign_up("ada"))
    await visitor.go("/app#/sign-in")
    await visitor.field("E-mail").fill("ada@example.org")
    await visitor.field("Password").fill(PASSWORD)
    await expect(visitor.field("Code")).to_be_hidden()
    await visitor.button("Sign in").click()
    await expect(visitor.field("Code")).to_be_focused()
    await visitor.field("Code").fill(app.wrong())
    await visitor.button("Sign in").click()
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    await visitor.field("Code").fill(app.code())
    await visitor.button("Sign in").click()
    await visitor.field("Write a post").wait_for()


async def open_first_mail(visitor: Visitor, count: int = 1) -> None:
    """The newest of `count`. Mail leaves by a job: looks until it is there."""
    await visitor.go(f"/dev/mailbox#key={MAILBOX_KEY}")

    async def there() -> bool:
        await visitor.button("Look for new mail").click()
        await visitor.page.locator("section.list:not([aria-busy])").wait_for()
        return await visitor.page.locator(".entry").count() >= count

    await eventually(there)
    await visitor.page.locator(".entry").first.click()


async def test_html_mail_can_do_nothing(visitor: Visitor) -> None:
    """A mail may hold what a stranger wrote: no script runs, nothing is loaded, links open beside the page."""
    html = (
        '<p style="color: red">Hello</p><script>parent.hacked = 1; top.hacked = 1</script>'
        '<img src="/tracked.png" onerror="parent.hacked = 1"><a href="/verify-email">Open</a>'
    )
    mail = {
        "id": "1",
        "to": "a@b.c",
        "subject": "Hi",
        "text": "Hello",
        "html": html,
        "created_at": "2026-01-01T00:00:00Z",
    }

    async def answer(page: Page) -> None:
        await page.route(
            "**/dev/mailbox/messages", lambda route: route.fulfill(json={"items": [mail], "next_cursor": None})
        )

    await answer(visitor.page)
    await visitor.go(f"/dev/mailbox#key={MAILBOX_KEY}")
    await visitor.page.locator(".entry").click()
    frame = visitor.page.frame_locator("iframe")
    await expect(frame.get_by_text("Hello")).to_have_css("color", "rgb(255, 0, 0)")
    assert await visitor.page.evaluate("window.hacked") is None
    async with visitor.context.expect_page() as opened:
        await frame.get_by_role("link", name="Open").click()
    beside = await opened.value
    await expect(beside.get_by_text("The link is not complete.")).to_be_visible()
    # Chromium reports that it held the script back: here that is the proof.
    visitor.complaints = [text for text in visitor.complaints if "Blocked script execution" not in text]
