"""Fifty pairs who talk over HTTP, whatever happens to the servers; what has no answer is sent again until it has."""

import asyncio
import random
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg
import httpx
import msgspec
from msgspec import Struct, field

from tests.support.platform import PASSWORD

PAIRS = 50
_PER_SECOND = 200
_RETRY_SECONDS = 0.1


class Speaker(Struct):
    """One of a pair, with the ids of what was answered, in the order of writing."""

    token: str
    id: UUID
    conversation_id: str = ""
    answered: list[UUID] = field(default_factory=list)
    retries: int = 0


class Talk:
    """Everybody writes at their pace; what has no answer is sent again under its client_id. `find_url` names the server
    to ask.
    """

    def __init__(self, find_url: Callable[[], str], http: httpx.AsyncClient) -> None:
        self._find_url = find_url
        self._http = http
        self.speakers: list[Speaker] = []
        self.over = False

    async def gather(self) -> None:
        """Sign-ups and conversations, before anything is killed."""
        for pair in range(PAIRS):
            two = [await self._sign_up(f"pair_{pair}_{side}") for side in "ab"]
            made = await self._post(two[0], "/v1/conversations", {"member_ids": [str(two[1].id)]})
            for speaker in two:
                speaker.conversation_id = made.json()["id"]
            self.speakers += two

    async def speak(self, speaker: Speaker) -> None:
        """Until it is over."""
        pause = len(self.speakers) / _PER_SECOND
        await asyncio.sleep(random.uniform(0, pause))
        path = f"/v1/conversations/{speaker.conversation_id}/messages"
        while not self.over:
            number = str(len(speaker.answered))
            answer = await self._until_answered(speaker, path, {"body": f"Number {number}", "client_id": number})
            speaker.answered.append(UUID(answer["id"]))
            await asyncio.sleep(pause)

    async def _until_answered(self, speaker: Speaker, path: str, body: object) -> dict[str, str]:
        while True:
            try:
                answer = await self._post(speaker, path, body)
            except (httpx.TransportError, AttributeError):
                # The latter of anyio under httpx: the server died right after it took the connection.
                speaker.retries += 1
            else:
                if answer.status_code == 201:
                    said: dict[str, str] = answer.json()
                    return said
                assert answer.status_code == 503, answer.text
                speaker.retries += 1
            await asyncio.sleep(_RETRY_SECONDS)

    async def _post(self, speaker: Speaker, path: str, body: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {speaker.token}"}
        return await self._http.post(f"{self._find_url()}{path}", json=body, headers=headers)

    async def _sign_up(self, handle: str) -> Speaker:
        body = {"email": f"{handle}@example.org", "password": PASSWORD, "handle": handle, "display_name": handle}
        answer = await self._http.post(f"{self._find_url()}/v1/accounts", json=body)
        assert answer.status_code == 201, answer.text
        return Speaker(answer.json()["access_token"], UUID(answer.json()["account"]["id"]))


async def check_kept(connection: asyncpg.Connection, speakers: Sequence[Speaker]) -> dict[str, list[str]]:
    """Everything answered is in the history once and in the log once, in the order of writing. The ids of messages by
    conversation, in their order.
    """
    rows = await connection.fetch(
        "SELECT conversation_id, seq, id, author_id FROM messaging_messages ORDER BY conversation_id, seq"
    )
    logged = await connection.fetch("SELECT log_id, seq, body FROM streams_events ORDER BY log_id, seq")
    kept: dict[str, list[str]] = {}
    for place in {speaker.conversation_id for speaker in speakers}:
        said = [row for row in rows if str(row["conversation_id"]) == place]
        assert [row["seq"] for row in said] == list(range(1, len(said) + 1))
        events = [row for row in logged if str(row["log_id"]) == place]
        assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
        told = [msgspec.json.decode(row["body"])["message_id"] for row in events]
        assert told == [str(row["id"]) for row in said]
        kept[place] = told
        for speaker in speakers:
            if speaker.conversation_id == place:
                mine = [row["id"] for row in said if row["author_id"] == speaker.id]
                assert mine == speaker.answered
    return kept
