"""What an installation declares of posts and people: asked for, refused in words, shown to whoever may see it."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from banyan.app.wiring import Platform
from tests.support.platform import Api, api_of, running_platform, settings_for
from tests.web.test_inbox import account_of
from tests.web.visitor import Visitor, visiting

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTRIBUTES: dict[str, Any] = {
    "posts": {
        "thing_colour": {"type": "choice", "choices": ["red", "dark blue"], "required": True, "description": "Of it."},
        "price": {"type": "integer", "minimum": 0, "maximum": 500},
        "weight": {"type": "number"},
        "washed": {"type": "boolean"},
        "until": {"type": "date"},
        "shop": {"type": "string", "max_chars": 8},
        "note": {"type": "string", "audience": "self"},
    },
    "people": {
        "shirt_size": {"type": "choice", "choices": ["S", "M", "L"], "required": True},
        "allergies": {"type": "string", "audience": "self", "max_chars": 8},
    },
}


@pytest_asyncio.fixture(loop_scope="module")
async def platform(database_url: str, listener: socket.socket) -> AsyncIterator[Platform]:
    address = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/socket"
    settings = settings_for(database_url, realtime={"url": address}, attributes=ATTRIBUTES)
    async with running_platform(settings) as platform:
        yield platform


async def attributes_of(reader: Api) -> dict[str, Any]:
    """Those of the newest post of Ada."""
    found: dict[str, Any] = (await reader.get("/v1/people/ada/posts")).json()["items"][0]["attributes"]
    return found


async def begin_to_write(visitor: Visitor, text: str) -> None:
    await visitor.field("Write a post").fill(text)
    await visitor.field("Price").wait_for()


async def edit(visitor: Visitor, post: Locator) -> None:
    await post.get_by_role("button", name="Change this post").click()
    await post.get_by_role("button", name="Edit").click()
    await post.get_by_label("Price").wait_for()


async def save(post: Locator) -> None:
    await post.get_by_role("button", name="Save", exact=True).click()
    await expect(post.get_by_label("Text of the post")).to_be_hidden()


async def test_a_post_is_written_with_them(
    platform: Platform, visitor: Visitor, browser: Browser, server_url: str
) -> None:
    async with api_of(platform) as api:
        await visitor.sign_up("ada")
        await expect(visitor.field("Price")).to_have_count(0)
        await begin_to_write(visitor, "A bicycle")
        assert not await visitor.is_wider_than_the_screen()
        colour = visitor.field("Thing colour · required")
        await expect(visitor.page.get_by_text("Of it.", exact=True)).to_be_visible()
        await visitor.button("Post").click()
        # The browser itself asks for what is required, and for a price that may be.
        assert await colour.evaluate("box => box.matches(':invalid')")
        await colour.select_option("dark blue")
        await visitor.field("Price").fill("501")
        await visitor.button("Post").click()
        assert await visitor.field("Price").evaluate("box => box.matches(':invalid')")
        await expect(visitor.page.get_by_role("article")).to_have_count(0)
        await visitor.field("Price").fill("0")
        await visitor.field("Weight").fill("12.5")
        await visitor.field("Washed").select_option("No")
        await visitor.field("Until").fill("2026-12-05")
        await visitor.field("Note").fill("<b>Mine</b>")
        await visitor.button("Post").click()
        line = "Thing colour: dark blue · Price: 0 · Weight: 12.5 · Washed: No · Until: 5 Dec 2026"
        await expect(visitor.post("A bicycle").get_by_text(line)).to_have_text(
            f"{line} · Note: <b>Mine</b> (only you see it)"
        )
        expected = {"thing_colour": "dark blue", "price": 0, "weight": 12.5, "washed": False, "until": "2026-12-05"}
        ada, ben = await account_of(api, "ada"), await api.sign_up("ben")
        assert await attributes_of(ada) == expected | {"note": "<b>Mine</b>"}
        assert await attributes_of(ben) == expected
        assert not await visitor.is_wider_than_the_screen()

        # The next post begins without any.
        await expect(visitor.field("Price")).to_have_count(0)
        await begin_to_write(visitor, "A saddle")
        await expect(colour).to_have_value("")
        await expect(visitor.field("Until")).to_have_value("")
        await colour.select_option("red")
        await visitor.button("Post").click()
        await expect(visitor.post("A saddle").get_by_text("Thing colour: red")).to_have_text("Thing colour: red")
        assert await attributes_of(ben) == {"thing_colour": "red"}

    async with visiting(browser, server_url) as guest:
        for page in ("/", "/app#/discover"):
            await guest.go(page)
            await expect(guest.post("A bicycle").get_by_text(line)).to_have_text(line)


async def test_a_refusal_stands_at_the_field(platform: Platform, visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await begin_to_write(visitor, "A bicycle")
    await visitor.field("Thing colour · required").select_option("red")
    shop = visitor.field("Shop")
    await shop.fill("Far too long")
    await visitor.button("Post").click()
    await expect(visitor.page.get_by_text("At most 8 characters.", exact=True)).to_be_visible()
    await expect(shop).to_have_attribute("aria-invalid", "true")
    await expect(shop).to_be_focused()
    await expect(visitor.page.get_by_role("alert")).to_have_text("Something is not as this community asks for it.")
    await shop.fill("Wheels")
    await visitor.button("Post").click()
    await expect(visitor.post("A bicycle").get_by_text("Shop: Wheels")).to_be_visible()


async def test_who_could_not_be_asked_in_time_hears_what_is_missing(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.page.route("**/v1/community", lambda route: route.fulfill(status=404))
    await visitor.page.reload()
    await visitor.field("Write a post").fill("A bicycle")
    await visitor.button("Post").click()
    await expect(visitor.page.get_by_role("alert")).to_contain_text("attributes.thing_colour: This is required.")
    await visitor.page.unroute("**/v1/community")
    # Pressed again the page asks again, and has the fields.
    await visitor.button("Post").click()
    await expect(visitor.field("Thing colour · required")).to_be_focused()
    await expect(visitor.page.get_by_text("This is required.", exact=True)).to_be_visible()
    await visitor.field("Thing colour · required").select_option("red")
    await visitor.button("Post").click()
    await expect(visitor.post("A bicycle").get_by_text("Thing colour: red")).to_be_visible()


async def test_a_draft_has_its_fields_at_once(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await begin_to_write(visitor, "A bicycle")
    await visitor.page.reload()
    await expect(visitor.field("Write a post")).to_have_value("A bicycle")
    await expect(visitor.field("Price")).to_be_visible()


async def test_an_edit_changes_what_was_touched(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        await visitor.sign_up("ada")
        ada = await account_of(api, "ada")
        attributes = {"thing_colour": "red", "price": 5, "washed": True, "until": "2026-12-05"}
        answer = await ada.post("/v1/posts", {"body": "A bicycle", "attributes": attributes})
        assert answer.status_code == 201, answer.text
        await visitor.go("/app#/people/ada")
        post = visitor.page.get_by_role("article")
        await edit(visitor, post)
        assert not await visitor.is_wider_than_the_screen()
        await expect(post.get_by_label("Thing colour")).to_have_value("red")
        await expect(post.get_by_label("Washed").locator("option:checked")).to_have_text("Yes")
        await expect(post.get_by_label("Until")).to_have_value("2026-12-05")
        # Meanwhile elsewhere: what stands in a field that nobody touches does not undo it.
        await ada.patch(f"/v1/posts/{answer.json()['id']}", {"attributes": {"until": "2026-12-06"}})
        await post.get_by_label("Price").fill("")
        await post.get_by_label("Washed").select_option("No")
        await post.get_by_label("Shop").fill("Far too long")
        await post.get_by_role("button", name="Save", exact=True).click()
        await expect(post.get_by_text("At most 8 characters.", exact=True)).to_be_visible()
        await expect(post.get_by_label("Shop")).to_be_focused()
        await post.get_by_label("Shop").fill("Wheels")
        await save(post)
        expected = {"thing_colour": "red", "washed": False, "until": "2026-12-06", "shop": "Wheels"}
        assert await attributes_of(ada) == expected
        line = "Thing colour: red · Washed: No · Until: 6 Dec 2026 · Shop: Wheels"
        await expect(post.get_by_text("Thing colour")).to_have_text(line)

        # What is required may change, and not go.
        await edit(visitor, post)
        await post.get_by_label("Thing colour").select_option("")
        await post.get_by_role("button", name="Save", exact=True).click()
        assert await post.get_by_label("Thing colour").evaluate("box => box.matches(':invalid')")
        await post.get_by_label("Thing colour").select_option("dark blue")
        await save(post)
        assert await attributes_of(ada) == expected | {"thing_colour": "dark blue"}


async def test_a_person_says_them_in_the_profile(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        await visitor.sign_up("ada")
        ben = await api.sign_up("ben")
        saved = visitor.page.get_by_role("status").filter(has_text="Profile saved.")
        profile = visitor.page.locator("form").filter(has=visitor.field("Your name"))
        go = profile.get_by_role("button", name="Save", exact=True)
        await visitor.tab("Settings").click()
        size = visitor.page.get_by_label("Shirt size")
        await size.select_option("M")
        await visitor.field("Allergies").fill("Peanuts, nuts")
        await go.click()
        await expect(profile.get_by_text("At most 8 characters.", exact=True)).to_be_visible()
        await visitor.field("Allergies").fill("Peanuts")
        await go.click()
        await expect(saved).to_be_visible()
        # And back: compared with what there is now, not with what there was when the page came.
        for chosen in ("S", "M"):
            await size.select_option(chosen)
            async with visitor.page.expect_response(lambda answer: answer.request.method == "PATCH") as patched:
                await go.click()
            assert (await (await patched.value).json())["attributes"] == {"shirt_size": chosen, "allergies": "Peanuts"}
        assert (await ben.get("/v1/people/ada")).json()["attributes"] == {"shirt_size": "M"}
        await visitor.go("/app#/people/ada")
        line = "Shirt size: M · Allergies: Peanuts (only you see it)"
        await expect(visitor.page.get_by_text("Shirt size")).to_have_text(line)
        assert not await visitor.is_wider_than_the_screen()
