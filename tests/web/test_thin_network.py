"""What a person notices of lost answers, expired tokens and ended sessions: as little as possible."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Route, expect

from banyan.app.wiring import Platform
from tests.support.eventually import eventually
from tests.web.visitor import Visitor, visiting

Handler = Callable[[Route], Awaitable[None]]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def losing_the_first_answer() -> tuple[Handler, list[str]]:
    """The server does what it is asked; of its first answer nothing arrives. Also the keys it was asked with."""
    keys: list[str] = []

    async def handle(route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    return handle, keys


def forgive_lost_connections(visitor: Visitor) -> None:
    """Chromium reports every connection that a test cut."""
    visitor.complaints = [text for text in visitor.complaints if "net::ERR_" not in text]


async def test_a_lost_answer_does_not_post_twice(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    handle, keys = losing_the_first_answer()
    await visitor.page.route("**/v1/posts", handle)
    await visitor.write_post("Only once, please")
    # The socket may show the post before the second answer does.
    await eventually(lambda: len(keys) == 2)
    assert keys[0] == keys[1]
    await visitor.page.reload()
    await expect(visitor.post("Only once, please")).to_have_count(1)
    forgive_lost_connections(visitor)


async def test_pressing_again_after_a_long_outage_does_not_post_twice(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    keys: list[str] = []

    async def handle(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fetch()
        await route.abort("connectionreset")

    await visitor.page.route("**/v1/posts", handle)
    await visitor.field("Write a post").fill("Patience")
    await visitor.button("Post").click()
    await expect(visitor.page.get_by_role("alert")).to_contain_text("cannot be reached")
    await expect(visitor.field("Write a post")).to_have_value("Patience")
    await visitor.page.unroute("**/v1/posts")
    await visitor.button("Post").click()
    await expect(visitor.post("Patience")).to_have_count(1)
    await visitor.page.reload()
    await expect(visitor.post("Patience")).to_have_count(1)
    assert len(set(keys)) == 1
    forgive_lost_connections(visitor)


async def test_a_lost_refresh_keeps_the_session(visitor: Visitor) -> None:
    """The refresh token was used, its successor never arrived: the same key gets another."""
    await visitor.sign_up("ada")
    handle, keys = losing_the_first_answer()
    await visitor.page.route("**/v1/auth/refresh", handle)
    await visitor.page.reload()
    await visitor.field("Write a post").wait_for()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    forgive_lost_connections(visitor)


async def test_a_tab_closed_while_refreshing_keeps_the_session(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    used = 0

    async def handle(route: Route) -> None:
        nonlocal used
        await route.fetch()
        used += 1
        await route.abort("connectionreset")

    await visitor.page.route("**/v1/auth/refresh", handle)
    await visitor.page.reload(wait_until="commit")
    await eventually(lambda: used > 0)
    other = await visitor.context.new_page()
    visitor.watch(other)
    await visitor.page.close()
    await other.goto(f"{visitor.server_url}/app")
    await expect(other.get_by_label("Write a post")).to_be_visible()
    forgive_lost_connections(visitor)


async def test_tabs_that_start_together_all_stay_signed_in(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    tabs = [visitor.page, await visitor.context.new_page(), await visitor.context.new_page()]
    for tab in tabs:
        await tab.goto(f"{visitor.server_url}/app", wait_until="commit")
    for tab in tabs:
        await expect(tab.get_by_label("Write a post")).to_be_visible()
    for tab in tabs:
        await tab.reload()
        await expect(tab.get_by_label("Write a post")).to_be_visible()


async def test_a_refused_token_is_renewed_and_the_call_repeated(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    refused = 0

    async def refuse_once(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            await route.fulfill(status=401, json={"status": 401, "code": "unauthorized", "detail": "Expired."})
        else:
            await route.continue_()

    await visitor.page.route("**/v1/posts?audience=public", refuse_once)
    await visitor.tab("Discover").click()
    await expect(visitor.page.get_by_role("heading", name="Nothing public yet")).to_be_visible()
    assert refused == 2


async def test_a_session_ended_elsewhere_leads_to_the_sign_in(visitor: Visitor, browser: Browser) -> None:
    await visitor.sign_up("ada")
    async with visiting(browser, visitor.server_url) as other:
        await other.go("/app")
        await other.sign_in("ada")
        await other.tab("Settings").click()
        await other.button("End all other sessions").click()
        await expect(other.page.get_by_role("status").filter(has_text="All other sessions have ended.")).to_be_visible()
    await visitor.page.reload()
    await expect(visitor.page.get_by_role("heading", name="Welcome back")).to_be_visible()


async def test_signing_out_in_one_tab_signs_out_all(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    other = await visitor.context.new_page()
    visitor.watch(other)
    await other.goto(f"{visitor.server_url}/app")
    await expect(other.get_by_label("Write a post")).to_be_visible()
    await visitor.tab("Settings").click()
    await visitor.button("Sign out").click()
    await expect(other.get_by_role("heading", name="Welcome back")).to_be_visible()


async def test_an_outage_is_said_and_can_be_tried_again(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.page.route("**/v1/posts?audience=public", lambda route: route.abort("connectionrefused"))
    await visitor.tab("Discover").click()
    await expect(visitor.page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    await visitor.page.unroute("**/v1/posts?audience=public")
    await visitor.button("Try again").click()
    await expect(visitor.page.get_by_role("heading", name="Nothing public yet")).to_be_visible()
    forgive_lost_connections(visitor)


async def test_without_a_secure_context_everything_works(platform: Platform, visitor: Visitor) -> None:
    """On http://192.168.1.5 there are no Web Locks, no clipboard and no crypto.randomUUID."""
    await visitor.context.add_init_script(
        "delete Crypto.prototype.randomUUID; delete Navigator.prototype.locks; delete Navigator.prototype.clipboard"
    )
    await visitor.sign_up("ada")
    assert await visitor.page.evaluate("navigator.locks === undefined && crypto.randomUUID === undefined")
    await visitor.write_post("From the local network")
    await visitor.page.reload()
    await expect(visitor.post("From the local network")).to_have_count(1)
    await visitor.go("/docs")
    await visitor.page.get_by_role("button", name="Copy").first.click()
    await expect(visitor.page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
