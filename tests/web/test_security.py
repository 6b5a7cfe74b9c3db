"""The settings that keep an account its owner's: password, address, second factor, API keys."""

import re

import httpx
import pytest
from playwright.async_api import Locator, expect

from tests.features.accounts.authenticator import Authenticator
from tests.support.platform import PASSWORD
from tests.web.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = "another long password"


async def settings_of(visitor: Visitor) -> None:
    await visitor.go("/app#/settings")
    await visitor.page.get_by_role("heading", name="Two-step sign-in").wait_for()


def part(visitor: Visitor, name: str) -> Locator:
    """One section of the settings, by its heading."""
    heading = visitor.page.get_by_role("heading", name=name, exact=True)
    return visitor.page.locator("section.card").filter(has=heading)


async def test_the_password_is_changed_in_the_settings(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await settings_of(visitor)
    password = part(visitor, "Password")
    await password.get_by_text("Change the password").click()
    await password.get_by_label("Your present password").fill("wrong one")
    await password.get_by_label("New password").fill(NEW)
    await password.get_by_role("button", name="Change password").click()
    await expect(password.get_by_role("alert")).to_contain_text("present password")
    await password.get_by_label("Your present password").fill(PASSWORD)
    await password.get_by_role("button", name="Change password").click()
    await expect(visitor.page.get_by_text("Your password is new")).to_be_visible()
    await visitor.page.reload()
    await expect(part(visitor, "Where you are signed in").get_by_text("this browser")).to_be_visible()


async def test_two_step_sign_in_is_turned_on_used_and_turned_off(visitor: Visitor) -> None:
    await visitor.page.set_viewport_size({"width": 390, "height": 844})
    await visitor.sign_up("ada")
    await settings_of(visitor)
    two_step = part(visitor, "Two-step sign-in")
    await two_step.get_by_text("Turn it on").click()
    await two_step.get_by_label("Your present password").fill(PASSWORD)
    await two_step.get_by_role("button", name="Go on").click()
    app = Authenticator((await two_step.locator("code").inner_text()).replace(" ", ""))
    link = await two_step.get_by_role("link", name="Open in an app").get_attribute("href")
    assert link is not None and link.startswith("otpauth://totp/")
    await expect(two_step.get_by_role("img", name="The secret")).to_be_visible()
    await two_step.get_by_label("Code").fill(app.code())
    await two_step.get_by_role("button", name="Turn it on").click()
    await two_step.locator(".codes").wait_for()
    codes = await two_step.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    assert not await visitor.is_wider_than_the_screen()
    await two_step.get_by_role("button", name="I have kept them").click()
    await expect(two_step.get_by_text("Recovery codes left: 10")).to_be_visible()

    await visitor.button("Sign out").click()
    await visitor.field("E-mail").fill("ada@example.org")
    await visitor.field("Password").fill(PASSWORD)
    await visitor.button("Sign in").click()
    await visitor.field("Code").fill(codes[0])
    await visitor.button("Sign in").click()
    await visitor.field("Write a post").wait_for()

    await settings_of(visitor)
    await expect(two_step.get_by_text("Recovery codes left: 9")).to_be_visible()
    await two_step.get_by_text("Turn it off").first.click()
    off = two_step.locator("details[open]")
    await off.get_by_label("Your present password").fill(PASSWORD)
    await off.get_by_label("Code").fill(app.code())
    await off.get_by_role("button", name="Turn it off").click()
    await expect(two_step.get_by_text("Off.")).to_be_visible()


async def test_an_api_key_is_made_used_and_ended(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await settings_of(visitor)
    keys = part(visitor, "API keys")
    await keys.get_by_text("Make a key").first.click()
    await keys.get_by_label("What it is for").fill("Weather robot")
    await keys.get_by_label("Scopes").fill("posts:all")
    await keys.get_by_role("button", name="Make a key").click()
    await expect(keys.get_by_text("Choose from").first).to_be_visible()
    await keys.get_by_label("Scopes").fill("people:read, posts:write")
    await keys.get_by_role("button", name="Make a key").click()
    key = await keys.get_by_role("status").locator("code").inner_text()
    await expect(keys.get_by_role("listitem").filter(has_text="Weather robot")).to_contain_text("not used yet")
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=visitor.server_url, headers=headers, timeout=300) as robot:
        assert (await robot.get("/v1/me")).json()["handle"] == "ada"
        await keys.get_by_role("button", name="End").click()
        await expect(keys.get_by_text("None.")).to_be_visible()
        assert (await robot.get("/v1/me")).status_code == 401


async def test_the_address_is_changed_by_a_link(visitor: Visitor) -> None:
    await visitor.sign_up("ada")
    await settings_of(visitor)
    email = part(visitor, "E-mail")
    await email.get_by_text("Change the address").click()
    await email.get_by_label("New e-mail address").fill("moved@example.org")
    await email.get_by_label("Your present password").fill(PASSWORD)
    await email.get_by_role("button", name="Change address").click()
    await expect(visitor.page.get_by_text("Open the link in the mail")).to_be_visible()
    await visitor.go("/confirm-email")
    await expect(visitor.page.get_by_text(re.compile("not complete"))).to_be_visible()
    token = await visitor.mailed_token("moved@example.org")
    await visitor.go("/")
    await visitor.go(f"/confirm-email#token={token}")
    await expect(visitor.page.get_by_text("moved@example.org")).to_be_visible()
    assert "token" not in visitor.page.url
    await settings_of(visitor)
    await expect(part(visitor, "E-mail").get_by_text("Confirmed.")).to_be_visible()
