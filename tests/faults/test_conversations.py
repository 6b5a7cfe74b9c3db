"""kill -9 of `banyan up` (API, sockets and worker), of its PostgreSQL and of both, while fifty pairs talk: every
message answered 201 is in the history once and in the conversation's log once, in the order in which it was written.
"""

import asyncio
import os
import random
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct, field

from tests.faults.test_kill import Killer
from tests.support.banyan import House
from tests.support.platform import PASSWORD

KILLS = int(os.environ.get("BANYAN_TEST_MESSAGE_KILLS", "6"))
SEED = int(os.environ.get("BANYAN_TEST_SEED", random.SystemRandom().randrange(10**6)))
_PAIRS = 50
_PER_SECOND = 200
_CALM_SECONDS = (0.3, 1.5)
_RETRY_SECONDS = 0.1


class Speaker(Struct):
    """One of a pair, with the ids of what was answered, in the order of writing."""

    token: str
    id: UUID
    conversation_id: str = ""
    answered: list[UUID] = field(default_factory=list)
    retries: int = 0


class Talk:
    """Everybody writes at their pace; what has no answer is sent again under its client_id until it has one."""

    def __init__(self, house: House, http: httpx.AsyncClient) -> None:
        self._house = house
        self._http = http
        self.speakers: list[Speaker] = []
        self.over = False

    async def gather(self) -> None:
        """Sign-ups and conversations, before anything is killed."""
        for pair in range(_PAIRS):
            two = [await self._sign_up(f"pair_{pair}_{side}") for side in "ab"]
            made = await self._post(two[0], "/v1/conversations", {"member_ids": [str(two[1].id)]})
            for speaker in two:
                speaker.conversation_id = made.json()["id"]
            self.speakers += two

    async def speak(self, speaker: Speaker) -> None:
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
            except httpx.TransportError:
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
        return await self._http.post(f"{self._house.url}{path}", json=body, headers=headers)

    async def _sign_up(self, handle: str) -> Speaker:
        body = {"email": f"{handle}@example.org", "password": PASSWORD, "handle": handle, "display_name": handle}
        answer = await self._http.post(f"{self._house.url}/v1/accounts", json=body)
        assert answer.status_code == 201, answer.text
        return Speaker(answer.json()["access_token"], UUID(answer.json()["account"]["id"]))


async def test_fifty_pairs_lose_nothing_and_say_nothing_twice(house: House) -> None:
    print(f"BANYAN_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    killer = Killer(house, draw)
    await house.start()
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=2 * _PAIRS)) as http:
        talk = Talk(house, http)
        await talk.gather()
        tasks = [asyncio.create_task(talk.speak(speaker)) for speaker in talk.speakers]
        for kill in range(KILLS):
            await asyncio.sleep(draw.uniform(*_CALM_SECONDS))
            await killer.strike(("banyan", "postgres", "both")[kill % 3])
        await asyncio.sleep(_CALM_SECONDS[1])
        talk.over = True
        await asyncio.gather(*tasks)
    print(f"{killer}; {sum(len(one.answered) for one in talk.speakers)} messages")
    assert sum(speaker.retries for speaker in talk.speakers) > 0
    await _check(house, talk.speakers)
    assert await house.stop() == 0


async def _check(house: House, speakers: list[Speaker]) -> None:
    async with house.connected() as connection:
        rows = await connection.fetch(
            "SELECT conversation_id, seq, id, author_id FROM messaging_messages ORDER BY conversation_id, seq"
        )
        logged = await connection.fetch("SELECT log_id, seq, body FROM streams_events ORDER BY log_id, seq")
    for place in {speaker.conversation_id for speaker in speakers}:
        said = [row for row in rows if str(row["conversation_id"]) == place]
        assert [row["seq"] for row in said] == list(range(1, len(said) + 1))
        events = [row for row in logged if str(row["log_id"]) == place]
        assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
        told = [msgspec.json.decode(row["body"])["message_id"] for row in events]
        assert told == [str(row["id"]) for row in said]
        for speaker in speakers:
            if speaker.conversation_id == place:
                mine = [row["id"] for row in said if row["author_id"] == speaker.id]
                assert mine == speaker.answered
