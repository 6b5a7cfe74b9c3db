"""The API documentation, rendered in the browser from the document that the API serves."""

import re

import httpx
import msgspec
import pytest
from playwright.async_api import Browser, Locator, expect

from tests.support.platform import PASSWORD
from tests.web.visitor import DESKTOP, Visitor, visiting

METHODS = {"get", "post", "put", "patch", "delete"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Document(msgspec.Struct):
    """As much of the OpenAPI document as these tests look at."""

    paths: dict[str, dict[str, object]]


async def operations(server_url: str) -> list[str]:
    """`POST /v1/posts` and so on, as the document lists them."""
    async with httpx.AsyncClient(timeout=300) as http:
        answer = await http.get(f"{server_url}/openapi.json")
    paths = msgspec.json.decode(answer.content, type=Document).paths
    return [f"{method.upper()} {path}" for path, item in paths.items() for method in METHODS & item.keys()]


def operation(visitor: Visitor, name: str) -> Locator:
    return visitor.page.locator(".operation").filter(has=visitor.page.get_by_role("heading", name=name, exact=True))


async def test_every_operation_is_there_with_its_answers_and_command(visitor: Visitor) -> None:
    await visitor.go("/docs")
    sections = visitor.page.locator(".operation")
    await expect(sections.first).to_be_visible()
    shown = await sections.locator(".address").all_text_contents()
    wanted = [name.replace(" ", "") for name in await operations(visitor.server_url)]
    assert sorted(shown) == sorted(wanted)
    commands = await sections.evaluate_all("nodes => nodes.map((node) => node.querySelector('pre').textContent)")
    assert all(command.startswith("curl") for command in commands)
    folds = await sections.evaluate_all("nodes => nodes.map((node) => node.querySelectorAll('summary').length)")
    assert min(folds) >= 2
    await visitor.page.locator("details").evaluate_all("nodes => nodes.forEach((node) => (node.open = true))")
    await expect(visitor.page.get_by_text("undefined")).to_have_count(0)
    await expect(visitor.page.get_by_text("[object")).to_have_count(0)
    assert not await visitor.is_wider_than_the_screen()


async def test_try_it_sends_what_the_command_says(browser: Browser, server_url: str) -> None:
    async with visiting(browser, server_url, DESKTOP) as visitor:
        await visitor.sign_up("ada")
        await visitor.go("/docs")
        publish = operation(visitor, "Publish a post")
        await publish.get_by_text("Try it").click()
        await publish.get_by_role("button", name="Send").click()
        await expect(publish.locator(".commands")).to_contain_text("401 ")

        sign_in = visitor.page.locator("#sign-in")
        await sign_in.get_by_label("E-mail").fill("ada@example.org")
        await sign_in.get_by_label("Password").fill(PASSWORD)
        await sign_in.get_by_role("button", name="Sign in").click()
        await expect(visitor.page.get_by_role("heading", name="Signed in as @ada")).to_be_visible()

        await publish.get_by_label("Body (JSON)").fill('{"body": "It\'s me", "audience": "self"}')
        await publish.get_by_role("button", name="Send").click()
        await expect(publish.locator(".commands")).to_contain_text("201 ")
        await expect(publish.locator(".commands")).to_contain_text('"body": "It\'s me"')
        command = await publish.locator("pre").first.text_content() or ""
        key = re.search(r"Idempotency-Key: ([0-9a-f]{32})'", command)
        assert key
        assert command == " \\\n  ".join(
            [
                f'curl -X POST "{server_url}/v1/posts"',
                '-H "Authorization: Bearer $TOKEN"',
                f"-H 'Idempotency-Key: {key[1]}'",
                "-H 'Content-Type: application/json'",
                """-d '{"body": "It'\\''s me", "audience": "self"}'""",
            ]
        )
        await sign_in.get_by_role("button", name="Forget it").click()
        await expect(sign_in.get_by_label("Password")).to_be_visible()


async def test_parameters_go_into_the_address(visitor: Visitor) -> None:
    await visitor.go("/docs")
    person = visitor.page.locator(".operation").filter(has_text="/v1/people/{handle}/posts")
    await expect(person.locator("pre").first).to_contain_text("/v1/people/$HANDLE/posts")
    await person.get_by_text("Try it").click()
    await person.get_by_label("handle (path)").fill("nobody/here")
    await person.get_by_label("limit (query)").fill("5")
    await expect(person.locator("pre").first).to_contain_text("/v1/people/nobody%2Fhere/posts?limit=5")
    await person.get_by_role("button", name="Send").click()
    await expect(person.locator(".commands")).to_contain_text("404 ")


async def test_the_filter_narrows_contents_and_text(browser: Browser, server_url: str) -> None:
    async with visiting(browser, server_url, DESKTOP) as visitor:
        await visitor.go("/docs")
        await visitor.page.locator(".operation").first.wait_for()
        await visitor.page.keyboard.press("/")
        await visitor.page.keyboard.type("put posts reactions")
        shown = visitor.page.locator(".operation:not([hidden])")
        await expect(shown).to_have_count(1)
        await expect(visitor.page.locator("#found")).to_contain_text(f"1 of {len(await operations(server_url))}")
        await visitor.page.get_by_role("navigation", name="Operations").get_by_role("link").first.click()
        await expect(shown.first.get_by_role("heading").first).to_be_focused()


async def test_a_link_to_an_operation_opens_there(visitor: Visitor) -> None:
    await visitor.go("/docs")
    section = visitor.page.locator(".operation").last
    anchor = await section.get_attribute("id")
    await visitor.go("/")
    await visitor.go(f"/docs#{anchor}")
    await expect(section.get_by_role("heading").first).to_be_focused()
    await expect(section).to_be_in_viewport()
