"""What happens appears on the pages by itself, and they say honestly when it does not."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, WebSocket, expect

from banyan.app.wiring import Platform
from tests.support.platform import PASSWORD, api_of
from tests.web.visitor import DESKTOP, Visitor, visiting

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Hides the page from its scripts, as another tab in front of it does.
_HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def cut_all(platform: Platform, topic: str) -> None:
    for connection in list(platform.realtime.hub.channels[topic].members):
        connection.cut("restarting", reconnect=True, after_seconds=0.1)


async def test_public_posts_come_to_the_landing_page(platform: Platform, browser: Browser, server_url: str) -> None:
    async with visiting(browser, server_url, DESKTOP) as visitor, api_of(platform) as api:
        ada = await api.sign_up("ada")
        await ada.post("/v1/posts", {"body": "Already here"})
        await visitor.go("/")
        await visitor.post("Already here").wait_for()
        await expect(visitor.page.locator("#live")).to_contain_text("Live")
        head = await visitor.page.locator(".newest-head").bounding_box()
        first = (await ada.post("/v1/posts", {"body": "Who has a ladder?"})).json()
        await ada.post("/v1/posts", {"body": "Not for all", "audience": "connections"})
        await expect(visitor.post("Who has a ladder?")).to_be_visible()
        await expect(visitor.page.locator("#fresh")).to_have_text(" · 1 new post")
        # What is said beside the heading takes no more room than before.
        assert await visitor.page.locator(".newest-head").bounding_box() == head
        await keep_picture(visitor, "landing")
        await ada.patch(f"/v1/posts/{first['id']}", {"body": "Who has a long ladder?"})
        await expect(visitor.post("Who has a long ladder?")).to_be_visible()
        await ada.delete(f"/v1/posts/{first['id']}")
        await expect(visitor.page.get_by_role("article")).to_have_count(1)
        assert await visitor.post("Not for all").count() == 0


async def test_what_one_reads_stays_in_place(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ada = await api.sign_up("ada")
        for number in range(20):
            await ada.post("/v1/posts", {"body": f"Post number {number}."})
        await visitor.go("/")
        read = visitor.post("Post number 5.")
        await read.scroll_into_view_if_needed()
        await expect(visitor.page.locator("#live")).to_contain_text("Live")
        before = await read.bounding_box()
        await ada.post("/v1/posts", {"body": "Something new\n\nin several lines"})
        await visitor.post("Something new").wait_for()
        after = await read.bounding_box()
    assert before is not None and after is not None
    assert abs(before["y"] - after["y"]) < 2


async def test_a_hidden_page_asks_nothing_until_it_is_seen(platform: Platform, visitor: Visitor) -> None:
    asked: list[str] = []
    async with api_of(platform) as api:
        ada = await api.sign_up("ada")
        await visitor.go("/")
        await expect(visitor.page.locator("#live")).to_contain_text("Live")
        await visitor.page.wait_for_load_state("networkidle")
        await visitor.page.evaluate(_HIDE, True)
        visitor.page.on("request", lambda request: asked.append(request.url))
        await ada.post("/v1/posts", {"body": "Unseen"})
        # A second post of another page shows that the first one has been told by then.
        other = await visitor.context.new_page()
        visitor.watch(other)
        await other.goto(visitor.server_url)
        await other.get_by_role("article").filter(has_text="Unseen").wait_for()
        assert asked == [] and await visitor.post("Unseen").count() == 0
        await visitor.page.evaluate(_HIDE, False)
        await visitor.post("Unseen").wait_for()


async def test_a_lost_socket_is_said_and_mended(platform: Platform, visitor: Visitor) -> None:
    states: list[str] = []
    async with api_of(platform) as api:
        ada = await api.sign_up("ada")
        edited = (await ada.post("/v1/posts", {"body": "Who has a ladder?"})).json()
        deleted = (await ada.post("/v1/posts", {"body": "Never mind"})).json()
        await visitor.go("/")
        await visitor.post("Never mind").wait_for()
        await expect(visitor.page.locator("#live")).to_contain_text("Live")

        def note(state: str) -> None:
            states.append(state)

        await visitor.page.expose_function("noteState", note)
        await visitor.page.evaluate(
            """() => new MutationObserver(([change]) => noteState(change.target.textContent))
                .observe(document.getElementById("state"), { childList: true })"""
        )
        cut_all(platform, "posts:public")
        # Of what is edited and deleted meanwhile no event tells.
        await ada.patch(f"/v1/posts/{edited['id']}", {"body": "Found a ladder"})
        await ada.delete(f"/v1/posts/{deleted['id']}")
        await ada.post("/v1/posts", {"body": "Said meanwhile"})
        await visitor.post("Said meanwhile").wait_for()
        await visitor.post("Found a ladder").wait_for()
        await expect(visitor.post("Never mind")).to_have_count(0)
        await expect(visitor.page.locator("#state")).to_have_text("Live")
    assert states[:2] == ["Not live", "Live"]


async def test_the_feed_offers_new_posts(platform: Platform, visitor: Visitor) -> None:
    sockets: list[WebSocket] = []

    def keep(socket: WebSocket) -> None:
        sockets.append(socket)

    visitor.page.on("websocket", keep)
    async with api_of(platform) as api:
        ben = await api.sign_up("ben")
        await visitor.sign_up("ada")
        await visitor.write_post("My own")
        ada = await api.post("/v1/auth/token", {"email": "ada@example.org", "password": PASSWORD})
        ada_id = ada.json()["account"]["id"]
        asked = await ben.post("/v1/connections", {"person_id": ada_id})
        # The request is counted as it comes, and so is its notification.
        await expect(visitor.tab("People").locator(".badge")).to_contain_text("1")
        await expect(visitor.page).to_have_title("(1) Home · Banyan")
        token = {"authorization": f"Bearer {ada.json()['access_token']}"}
        await api.post(f"/v1/connections/{asked.json()['id']}/accept", **token)
        await expect(visitor.tab("People").locator(".badge")).to_be_hidden()
        await expect(visitor.page).to_have_title("Home · Banyan")
        before = await visitor.post("My own").bounding_box()
        await ben.post("/v1/posts", {"body": "Hello Ada", "audience": "connections"})
        await visitor.button("1 new post").wait_for()
        assert await visitor.post("My own").bounding_box() == before
        await keep_picture(visitor, "feed")
        await visitor.button("1 new post").click()
        await expect(visitor.post("Hello Ada")).to_be_visible()
        await visitor.tab("Settings").click()
        await visitor.button("Sign out").click()
        await expect(visitor.page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert len(sockets) == 1 and sockets[0].is_closed()


async def keep_picture(visitor: Visitor, name: str) -> None:
    """For whoever wants to look: into the folder that the environment names."""
    folder = os.environ.get("BANYAN_TEST_PICTURES")
    if folder:
        await visitor.page.screenshot(path=Path(folder) / f"{name}.png")
