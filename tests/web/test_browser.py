"""The main path as people walk it: two browsers, one community."""

import pytest
from playwright.async_api import Browser, Locator, expect

from banyan.app.wiring import Platform
from tests.support.eventually import eventually
from tests.support.platform import api_of
from tests.web.visitor import DESKTOP, Visitor, visiting

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_two_people_meet(browser: Browser, visitor: Visitor, server_url: str) -> None:
    ada = visitor
    await ada.sign_up("ada")
    await expect(ada.page.get_by_role("heading", name="Your feed is still quiet")).to_be_visible()
    await ada.write_post("Good morning, Yaba!", "Connections")
    await expect(ada.page.get_by_role("heading", name="Your feed is still quiet")).to_be_hidden()
    await react(ada.post("Good morning"), "love")

    async with visiting(browser, server_url, DESKTOP) as bola:
        await bola.sign_up("bola")
        await bola.go("/app#/people/ada")
        await expect(bola.page.get_by_text("No posts that you may read.")).to_be_visible()
        await bola.button("Connect").click()
        await expect(bola.button("Take back request")).to_be_visible()

        await ada.tab("People").click()
        await ada.page.get_by_role("link", name="Requests", exact=True).click()
        await ada.button("Accept").click()
        await expect(ada.page.get_by_role("status").filter(has_text="You and Bola are connected.")).to_be_visible()

        await sees_in_feed(bola, "Good morning, Yaba!")
        await bola.post("Good morning").get_by_role("button", name="0 comments").click()
        await bola.field("Write a comment").fill("Good morning, Ada!")
        await bola.button("Send").click()
        await expect(bola.post("Good morning").get_by_role("button", name="1 comment")).to_be_visible()
        assert not await bola.is_wider_than_the_screen()

    await ada.tab("Home").click()
    await ada.post("Good morning").get_by_role("button", name="1 comment").click()
    await expect(ada.page.get_by_text("Good morning, Ada!")).to_be_visible()
    assert not await ada.is_wider_than_the_screen()

    await ada.tab("Settings").click()
    await ada.button("Sign out").click()
    await expect(ada.page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await ada.page.reload()
    await ada.sign_in("ada")
    pressed = ada.post("Good morning").get_by_role("button", name="love, 1")
    await expect(pressed).to_have_attribute("aria-pressed", "true")


async def react(post: Locator, kind: str) -> None:
    await post.get_by_role("button", name="React").click()
    await post.get_by_role("group", name="Reactions").get_by_role("button", name=kind).click()
    await expect(post.get_by_role("button", name=f"{kind}, 1")).to_have_attribute("aria-pressed", "true")


async def sees_in_feed(visitor: Visitor, text: str) -> None:
    """Accepting fills the feed by a job: looking again, it is there."""

    async def there() -> bool:
        await visitor.go("/app#/feed")
        await visitor.page.reload()
        await visitor.field("Write a post").wait_for()
        await visitor.page.locator("section.list:not([aria-busy])").first.wait_for()
        return bool(await visitor.post(text).count())

    await eventually(there)


async def test_a_reaction_is_replaced_and_taken_back(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.write_post("Rain is coming")
    post = visitor.post("Rain is coming")
    await react(post, "wow")
    await react(post, "sad")
    await expect(post.get_by_role("button", name="wow, 1")).to_be_hidden()
    await post.get_by_role("button", name="sad, 1").click()
    await expect(post.get_by_role("button", name="sad, 1")).to_be_hidden()
    await visitor.page.wait_for_load_state("networkidle")
    await visitor.page.reload()
    await visitor.post("Rain is coming").wait_for()
    await expect(visitor.post("Rain is coming").locator(".chip[aria-pressed]")).to_have_count(0)


async def test_own_posts_are_edited_and_deleted(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await visitor.write_post("Lost: a catt")
    await visitor.button("Change this post").click()
    await visitor.post("Lost").get_by_role("button", name="Edit").click()
    await visitor.field("Text of the post").fill("Lost: a cat")
    await visitor.button("Save").click()
    await expect(visitor.page.get_by_text("Lost: a cat", exact=True)).to_be_visible()
    await visitor.button("Change this post").click()
    await visitor.post("Lost").get_by_role("button", name="Delete").click()
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(visitor.page.get_by_role("heading", name="Your feed is still quiet")).to_be_visible()


async def test_refusals_stand_at_the_field(visitor: Visitor) -> None:
    await visitor.go("/app#/sign-up")
    await visitor.fill_sign_up("a!")
    await visitor.button("Make my account").click()
    await expect(visitor.field("Handle")).to_have_attribute("aria-invalid", "true")
    await expect(visitor.field("Handle")).to_be_focused()
    await visitor.go("/app#/sign-in")
    await visitor.field("E-mail").fill("nobody@example.org")
    await visitor.field("Password").fill("wrong password")
    await visitor.button("Sign in").click()
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert await visitor.page.get_by_role("alert").inner_text() != ""


async def test_what_is_sent_twice_at_once_goes_once(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await visitor.field("Write a post").fill("Is anybody here?")
    await send_twice(visitor.field("Write a post"))
    await visitor.post("Is anybody here?").wait_for()
    await visitor.post("Is anybody here?").get_by_role("button", name="0 comments").click()
    await visitor.field("Write a comment").fill("I am.")
    await send_twice(visitor.field("Write a comment"))
    await expect(visitor.post("Is anybody here?").get_by_role("button", name="1 comment")).to_be_visible()
    await expect(visitor.field("Write a comment")).to_have_value("")
    assert [url.rpartition("/")[2] for url in sent] == ["posts", "comments"]


async def send_twice(box: Locator) -> None:
    await box.evaluate("({ form }) => { form.requestSubmit(); form.requestSubmit(); }")


async def test_going_back_finds_the_place(platform: Platform, visitor: Visitor) -> None:
    async with api_of(platform) as api:
        ada = await api.sign_up("ada")
        for number in range(23):
            await ada.post("/v1/posts", {"body": f"Post number {number}."})
    await visitor.go("/app")
    await visitor.sign_in("ada")
    await visitor.button("Load more").click()
    await expect(visitor.page.get_by_role("article")).to_have_count(23)
    oldest = visitor.post("Post number 0.")
    await oldest.scroll_into_view_if_needed()
    before = await visitor.page.evaluate("scrollY")
    await oldest.locator(".name").click()
    await visitor.page.get_by_role("heading", name="Ada").wait_for()
    await visitor.page.go_back()
    await expect(visitor.page.get_by_role("article")).to_have_count(23)
    assert before > 1000

    async def is_there_again() -> bool:
        return bool(abs(await visitor.page.evaluate("scrollY") - before) < 5)

    # Scrolled once all is shown.
    await eventually(is_there_again)


async def test_profile_sessions_and_blocks(browser: Browser, visitor: Visitor, server_url: str) -> None:
    async with visiting(browser, server_url) as bola:
        await bola.sign_up("bola")
        await bola.write_post("I sell umbrellas")
    await visitor.sign_up("ada")
    await visitor.go("/app#/people/bola")
    await visitor.button("More about this person").click()
    await visitor.button("Block").click()
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Block").click()
    await visitor.field("Write a post").wait_for()
    await visitor.tab("Discover").click()
    await expect(visitor.page.get_by_role("heading", name="Nothing public yet")).to_be_visible()

    await visitor.tab("Settings").click()
    await visitor.button("Unblock").click()
    await expect(visitor.page.get_by_text("Nobody.")).to_have_count(2)
    await visitor.field("About you").fill("Teacher\nin Yaba")
    await visitor.button("Save").click()
    await expect(visitor.page.get_by_role("status").filter(has_text="Profile saved.")).to_be_visible()
    await expect(visitor.page.get_by_text("· this browser")).to_be_visible()
    await visitor.tab("Profile").click()
    await expect(visitor.page.get_by_text("Teacher in Yaba")).to_be_visible()


async def test_anybody_reads_and_nobody_is_asked_to_run_foreign_markup(visitor: Visitor, browser: Browser) -> None:
    markup = '<img src=x onerror="alert(1)"> & <b>bold</b> https://example.org/a?b=1.'
    async with visiting(browser, visitor.server_url) as ada:
        await ada.sign_up("ada")
        await ada.write_post(markup)
    await visitor.go("/")
    await expect(visitor.page.get_by_text(markup)).to_be_visible()
    await expect(visitor.page.get_by_role("link", name="https://example.org/a?b=1")).to_be_visible()
    await expect(visitor.page.locator("[data-count=posts]")).not_to_have_text("–")
    await visitor.page.get_by_role("link", name="0 comments").click()
    await expect(visitor.page.get_by_role("article")).to_have_count(1)
    await expect(visitor.button("React")).to_have_count(0)


async def test_an_unknown_address_gets_a_page(visitor: Visitor) -> None:
    answer = await visitor.page.goto(f"{visitor.server_url}/no/such/page")
    assert answer is not None and answer.status == 404
    await expect(visitor.page.get_by_role("heading", name="This branch ends here")).to_be_visible()
