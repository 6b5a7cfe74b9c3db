"""Short ways to talk."""

from itertools import count
from typing import Any

from tests.support.platform import Api

_numbers = count()


async def direct(person: Api, other: Api) -> str:
    """The id of the conversation of two."""
    made = await person.post("/v1/conversations", {"member_ids": [other.id]})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def group(owner: Api, *others: Api, title: str | None = "Group") -> str:
    made = await owner.post("/v1/conversations", {"member_ids": [one.id for one in others], "title": title})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def say(person: Api, conversation_id: str, body: str, **more: str) -> dict[str, Any]:
    """A message, under a client_id of its own unless one is given."""
    sent = {"body": body, "client_id": f"c{next(_numbers)}", **more}
    answer = await person.post(f"/v1/conversations/{conversation_id}/messages", sent)
    assert answer.status_code == 201, answer.text
    message: dict[str, Any] = answer.json()
    return message


async def history(person: Api, conversation_id: str) -> list[dict[str, Any]]:
    """All messages, oldest first, page by page."""
    found: list[dict[str, Any]] = []
    path = f"/v1/conversations/{conversation_id}/messages"
    page = (await person.get(f"{path}?after=0&limit=100")).json()
    while True:
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        page = (await person.get(f"{path}?limit=100&cursor={page['next_cursor']}")).json()
