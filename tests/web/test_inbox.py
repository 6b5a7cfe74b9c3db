"""What others do and say reaches people on the page: notifications, messages, suggestions; and what they put aside."""

import pytest
from playwright.async_api import expect

from banyan.app.wiring import Platform
from tests.support.platform import PASSWORD, Api, api_of
from tests.web.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def account_of(api: Api, handle: str) -> Api:
    """Who has signed up on the page, as a client of the API."""
    answer = await api.post("/v1/auth/token", {"email": f"{handle}@example.org", "password": PASSWORD})
    return Api(api.platform, api.http, answer.json())


async def test_notifications_are_counted_shown_and_read(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ben = await api.sign_up("ben")
        await visitor.sign_up("ada")
        await visitor.write_post("Who has a ladder?")
        bell = visitor.page.get_by_role("navigation", name="Inbox").get_by_role("link", name="Notifications")
        ada = await account_of(api, "ada")
        post = (await ada.get("/v1/feed")).json()["items"][0]
        await ben.post(f"/v1/posts/{post['id']}/comments", {"body": "I have one"})
        await expect(bell.locator(".badge")).to_contain_text("1")
        await bell.click()
        told = visitor.page.get_by_role("link", name="Ben commented on your post")
        await expect(told).to_contain_text("Unread.")
        # What happens meanwhile comes to the page that is open.
        await ben.put(f"/v1/posts/{post['id']}/reactions/love")
        await visitor.page.get_by_role("link", name="Ben reacted to your post").wait_for()
        await told.click()
        await expect(visitor.page.get_by_text("I have one")).to_be_visible()
        await expect(bell.locator(".badge")).to_contain_text("1")
        await bell.click()
        await visitor.button("Mark all as read").click()
        await expect(bell.locator(".badge")).to_be_hidden()
        await expect(visitor.page.get_by_role("link", name="Ben reacted to your post")).not_to_contain_text("Unread.")
    assert not await visitor.is_wider_than_the_screen()


async def test_two_people_write_to_each_other(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ben = await api.sign_up("ben")
        await visitor.sign_up("ada")
        await visitor.go("/app#/people/ben")
        await visitor.button("Message").click()
        talk = visitor.page.get_by_role("log", name="Messages")
        await visitor.field("Write a message").fill("Is the ladder free?")
        await visitor.button("Send").click()
        await expect(talk.get_by_text("Is the ladder free?")).to_be_visible()
        await expect(visitor.field("Write a message")).to_have_value("")
        (conversation,) = (await ben.get("/v1/conversations")).json()["items"]
        path = f"/v1/conversations/{conversation['id']}"
        answer = (await ben.post(f"{path}/messages", {"body": "Until Sunday <b>only</b>", "client_id": "1"})).json()
        await expect(talk.get_by_text("Until Sunday <b>only</b>")).to_be_visible()
        await expect(talk.locator(".bubble-body")).to_have_text(["Is the ladder free?", "Until Sunday <b>only</b>"])
        await ben.delete(f"/v1/messages/{answer['id']}")
        await ben.post(f"{path}/messages", {"body": "Until Monday", "client_id": "2"})
        await expect(talk.get_by_text("Until Monday")).to_be_visible()
        await expect(talk.get_by_text("Deleted message")).to_be_visible()
        await visitor.page.get_by_role("link", name="All messages").click()
        await expect(visitor.page.get_by_role("link", name="Ben Until Monday")).to_be_visible()
    assert not await visitor.is_wider_than_the_screen()


async def test_people_are_suggested_and_found(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ben, cleo = await api.sign_up("ben"), await api.sign_up("cleo")
        await ben.connect(cleo)
        await visitor.sign_up("ada")
        await (await account_of(api, "ada")).connect(ben)
        await visitor.tab("People").click()
        await visitor.page.get_by_role("link", name="Suggested").click()
        await expect(visitor.page.get_by_text("1 connection knows them")).to_be_visible()
        await visitor.button("Not now").click()
        await expect(visitor.page.get_by_role("heading", name="Nobody to suggest yet")).to_be_visible()
        await visitor.field("Handle of a person").fill("@cleo")
        await visitor.button("Find").click()
        await expect(visitor.page.get_by_role("heading", name="Cleo")).to_be_visible()


async def test_what_one_saves_is_found_again(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ben = await api.sign_up("ben")
        await ben.post("/v1/posts", {"body": "A recipe for later"})
    await visitor.sign_up("ada")
    await visitor.tab("Discover").click()
    post = visitor.post("A recipe for later")
    await post.get_by_role("button", name="More about this post").click()
    await post.get_by_role("button", name="Save", exact=True).click()
    await expect(visitor.page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    await visitor.tab("Profile").click()
    await visitor.page.get_by_role("link", name="Saved posts").click()
    await expect(visitor.post("A recipe for later")).to_be_visible()
    await visitor.post("A recipe for later").get_by_role("button", name="More about this post").click()
    await visitor.button("Saved: take it out").click()
    await visitor.page.reload()
    await expect(visitor.page.get_by_role("heading", name="Nothing saved")).to_be_visible()
