"""schemathesis holds the running API to the document that it serves: every check but one, all phases.

`positive_data_acceptance` is left out: it knows nothing of rules such as "not with oneself" or "this link is used".
The same requests are made in every run. To look further, run it by hand with more examples and a seed of your own.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.platform import PASSWORD, Api, api_of, running_platform, serving, settings_for

# About 1,400 requests signed in and 500 without an account: 20 s of CPU.
_EXAMPLES = 8


@dataclass(frozen=True)
class House:
    """A platform on a port with something in it, and what is in it as schemathesis takes it."""

    url: str
    dictionaries: str
    # "GET /v1/posts" and so on: what needs no account.
    open_operations: list[str]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    # Among the made-up sign-ins are wrong ones for the account that signs in again and again.
    settings = settings_for(database_url, accounts={"lockout_failures": 1000})
    async with running_platform(settings) as platform, serving(platform) as url, api_of(platform) as api:
        yield House(url, await _furnish(api), await _find_open_operations(api))


async def _furnish(api: Api) -> str:
    """Two connected people with posts and comments; half of the generated requests are about them."""
    ada, bola, carl = [await api.sign_up(handle) for handle in ("ada", "bola", "carl")]
    connection = await ada.connect(bola)
    asked = await carl.post("/v1/connections", {"person_id": ada.id})
    posts = []
    for author in (ada, bola):
        for audience in ("public", "connections", "self") * 3:
            published = await author.post("/v1/posts", {"body": "Hello @ada #Ladder", "audience": audience})
            posts.append(published.json()["id"])
    comments = []
    for author in (ada, bola) * 3:
        written = await author.post(f"/v1/posts/{posts[0]}/comments", {"body": "Indeed"})
        comments.append(written.json()["id"])
    lists = [(await ada.post("/v1/lists", {"name": name})).json()["id"] for name in ("Friends", "Family")]
    values = {
        "post_id": posts,
        "comment_id": comments,
        "handle": ["ada", "bola"],
        "person_id": [bola.id, carl.id],
        "connection_id": [connection, asked.json()["id"]],
        "list_id": lists,
        "kind": ["like", "love"],
        "tag": ["ladder", "échelle"],
    }
    # What is too long for an address is refused before anything reads it.
    refusals = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429, "5xx"]
    lines = [f"[checks]\nnegative_data_rejection.expected-statuses = {json.dumps(refusals)}\n"]
    lines += [f"[dictionaries.{name}]\nvalues = {json.dumps(known)}\n" for name, known in values.items()]
    lines.append("[parameters]\n")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}\n' for name in values]
    return "".join(lines)


async def _find_open_operations(api: Api) -> list[str]:
    paths = (await api.get("/openapi.json")).json()["paths"]
    return [
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if {} in operation["security"]
    ]


# Signs in anew whenever a request has ended the session.
_SIGNED_IN = f"""
[auth.dynamic.openapi.bearer]
path = "/v1/auth/token"
payload = {{ email = "ada@example.org", password = "{PASSWORD}" }}
extract_selector = "/access_token"
retry_on = [401]
"""


async def _hold_to_word(house: House, folder: Path, config: str, *options: str) -> None:
    """Runs schemathesis in a process of its own. Fails with its report."""
    file = folder / "schemathesis.toml"
    file.write_text(house.dictionaries + config)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(file)]
    command += ["run", f"{house.url}/openapi.json", "--exclude-checks", "positive_data_acceptance"]
    command += ["--max-examples", str(_EXAMPLES), "--generation-deterministic", "--continue-on-failure", "--no-color"]
    # A busy machine may take longer than the ten seconds that it waits by itself.
    command += ["--request-timeout", "300"]
    command += options
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        report = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, report
    assert "Authentication Error" not in report and "❌" not in report, report


async def test_signed_in(house: House, tmp_path: Path) -> None:
    await _hold_to_word(house, tmp_path, _SIGNED_IN)


async def test_without_an_account(house: House, tmp_path: Path) -> None:
    # The other routes answer 401: the matrix and the run above see to that.
    options = [option for name in house.open_operations for option in ("--include-name", name)]
    await _hold_to_word(house, tmp_path, "", *options)
