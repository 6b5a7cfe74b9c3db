"""Whom one writes for, and whom one reads less: lists of connections, and people muted."""

import pytest
from playwright.async_api import Locator, expect

from banyan.app.wiring import Platform
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of
from tests.web.test_inbox import account_of
from tests.web.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


def rows(visitor: Visitor, label: str) -> Locator:
    return visitor.page.get_by_role("list", name=label, exact=True).get_by_role("listitem")


def said(visitor: Visitor, text: str) -> Locator:
    return visitor.page.get_by_role("status").filter(has_text=text)


async def connected(api: Api, visitor: Visitor) -> tuple[Api, Api, Api]:
    """Ada, who visits, and her connections."""
    await visitor.sign_up("ada")
    ada = await account_of(api, "ada")
    ben, cleo = await api.sign_up("ben"), await api.sign_up("cleo")
    await ada.connect(ben)
    await ada.connect(cleo)
    return ada, ben, cleo


async def bodies(reader: Api) -> list[str]:
    return [post["body"] for post in (await reader.get("/v1/people/ada/posts")).json()["items"]]


async def test_a_list_is_made_filled_and_written_for(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        _, ben, cleo = await connected(api, visitor)

        await visitor.tab("People").click()
        await visitor.page.get_by_role("link", name="Lists", exact=True).click()
        await expect(visitor.page.get_by_role("heading", name="No lists yet")).to_be_visible()
        assert not await visitor.is_wider_than_the_screen()
        await visitor.field("Name of a new list").fill("Familly <b>")
        await visitor.button("Make it").click()
        await expect(visitor.page.get_by_role("heading", name="Familly <b>")).to_be_visible()
        await visitor.page.get_by_text("Nobody yet.").wait_for()
        await rows(visitor, "Your other connections").filter(has_text="Ben").get_by_role("button").click()
        await expect(said(visitor, "Ben is on the list.")).to_be_visible()
        await expect(rows(visitor, "On the list")).to_have_count(1)
        await expect(visitor.button("Put on")).to_be_focused()
        await visitor.button("Put on").click()
        await expect(visitor.page.get_by_text("No other connections.")).to_be_visible()
        # Off, on and off again: whoever was here before may come back.
        for _ in range(2):
            await rows(visitor, "On the list").filter(has_text="Cleo").get_by_role("button").click()
            await expect(rows(visitor, "Your other connections")).to_have_count(1)
            await visitor.button("Put on").click()
            await expect(rows(visitor, "On the list")).to_have_count(2)
        await rows(visitor, "On the list").filter(has_text="Cleo").get_by_role("button").click()
        await expect(said(visitor, "Cleo is off the list.")).to_be_visible()
        await visitor.button("Change this list").click()
        await visitor.button("Rename").click()
        await visitor.field("Name of the list").fill("Family")
        await visitor.button("Save").click()
        await expect(visitor.page.get_by_role("heading", name="Family", exact=True)).to_be_visible()
        await visitor.page.reload()
        await expect(rows(visitor, "On the list")).to_have_text([r"BBen @benTake off"])
        await expect(rows(visitor, "Your other connections")).to_have_text([r"CCleo @cleoPut on"])
        assert not await visitor.is_wider_than_the_screen()

        await visitor.tab("Home").click()
        await visitor.page.get_by_text("A list").click()
        await visitor.field("Which list").select_option("Family")
        await visitor.field("Write a post").fill("Dinner on Sunday")
        await visitor.button("Post").click()
        await visitor.post("Dinner on Sunday").get_by_title("A list").wait_for()
        assert await bodies(ben) == ["Dinner on Sunday"]
        assert await bodies(cleo) == []
        # The next one is for the same list, unless one says otherwise.
        await visitor.page.reload()
        await expect(visitor.field("Which list").locator("option:checked")).to_have_text("Family")
        assert not await visitor.is_wider_than_the_screen()

        await visitor.page.go_back()
        await visitor.page.get_by_role("link", name="All lists").click()
        await visitor.page.get_by_role("link", name="Family 1 person").click()
        await visitor.button("Change this list").click()
        await visitor.button("Delete").click()
        await visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(visitor.page.get_by_role("heading", name="No lists yet")).to_be_visible()
        assert await bodies(ben) == []


async def test_without_a_list_nothing_is_posted_for_one(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.page.get_by_text("A list").click()
    await expect(visitor.page.get_by_text("You have no list yet.")).to_be_visible()
    await visitor.field("Write a post").fill("For whom?")
    await visitor.button("Post").click()
    # The browser itself asks for a choice.
    assert await visitor.field("Which list").evaluate("box => box.matches(':invalid')")
    await visitor.page.get_by_role("group", name="Who may read it").get_by_text("Only me").click()
    await expect(visitor.field("Which list")).to_be_hidden()
    await visitor.button("Post").click()
    await visitor.post("For whom?").get_by_title("Only me").wait_for()
    await expect(visitor.page.get_by_role("article")).to_have_count(1)


async def test_whom_a_post_is_for_is_changed_afterwards(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ada, ben, cleo = await connected(api, visitor)
        family = (await ada.post("/v1/lists", {"name": "Family"})).json()["id"]
        await ada.put(f"/v1/lists/{family}/members/{ben.id}")
        await visitor.write_post("Dinner at ours", "Connections")
        post = visitor.page.get_by_role("article")
        assert await bodies(cleo) == ["Dinner at ours"]

        async def edit() -> Locator:
            await post.get_by_role("button", name="Change this post").click()
            await post.get_by_role("button", name="Edit").click()
            return post.get_by_role("group", name="Who may read it")

        async def save() -> None:
            await post.get_by_role("button", name="Save", exact=True).click()
            await expect(post.get_by_label("Text of the post")).to_be_hidden()

        choice = await edit()
        await expect(choice.get_by_label("Connections")).to_be_checked()
        await choice.get_by_text("A list").click()
        await post.get_by_label("Which list").select_option("Family")
        assert not await visitor.is_wider_than_the_screen()
        await save()
        await expect(post.get_by_title("A list")).to_be_visible()
        await expect(post.get_by_role("button", name="Change this post")).to_be_focused()
        assert [await bodies(reader) for reader in (ben, cleo)] == [["Dinner at ours"], []]

        # The list that it is for stands in the form, also after it is gone: then only the text changes.
        await edit()
        await expect(post.get_by_label("Which list").locator("option:checked")).to_have_text("Family")
        await ada.delete(f"/v1/lists/{family}")
        await visitor.page.reload()
        choice = await edit()
        await post.get_by_label("Text of the post").fill("Dinner at ours, at eight")
        await save()
        await expect(visitor.page.get_by_text("Dinner at ours, at eight", exact=True)).to_be_visible()
        await expect(post.get_by_text("· edited")).to_be_visible()
        assert await bodies(ben) == []

        choice = await edit()
        await choice.get_by_text("Everybody").click()
        await expect(post.get_by_label("Which list")).to_be_hidden()
        await save()
        await expect(post.get_by_title("Everybody")).to_be_visible()
        assert await bodies(cleo) == ["Dinner at ours, at eight"]
        # What the next post will be for is another matter.
        await expect(
            visitor.page.get_by_role("group", name="Who may read it").get_by_label("Connections")
        ).to_be_checked()


async def test_who_is_muted_stays_out_of_the_feed(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        await visitor.sign_up("ada")
        ben = await api.sign_up("ben")
        ada = await account_of(api, "ada")
        await ada.connect(ben)
        await ben.post("/v1/posts", {"body": "My cat again", "audience": "connections"})

        async def is_there() -> bool:
            return bool((await ada.get("/v1/feed")).json()["items"])

        await eventually(is_there)
        await visitor.go("/app#/people/ben")
        await visitor.button("More about this person").click()
        await visitor.button("Mute").click()
        await expect(said(visitor, "Posts by Ben stay out of your feed.")).to_be_visible()
        await visitor.button("More about this person").click()
        await visitor.button("Unmute").click()
        await expect(said(visitor, "Ben is not muted any more.")).to_be_visible()
        await visitor.button("More about this person").click()
        await visitor.button("Mute").click()
        await expect(said(visitor, "Posts by Ben stay out of your feed.")).to_be_visible()
        await visitor.page.reload()
        await visitor.button("More about this person").click()
        await expect(visitor.button("Unmute")).to_be_visible()
        await visitor.go("/app#/feed")
        await visitor.page.reload()
        await expect(visitor.page.get_by_role("heading", name="Your feed is still quiet")).to_be_visible()
        await visitor.tab("Settings").click()
        await visitor.button("Unmute").click()
        await expect(said(visitor, "Ben is not muted any more.")).to_be_visible()
        await visitor.go("/app#/feed")
        await visitor.page.reload()
        await expect(visitor.post("My cat again")).to_be_visible()
