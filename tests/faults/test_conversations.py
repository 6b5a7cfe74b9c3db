"""kill -9 of `banyan up` (API, sockets and worker), of its PostgreSQL and of both, while fifty pairs talk: every
message answered 201 is in the history once and in the conversation's log once, in the order in which it was written.
"""

import asyncio
import os
import random

import httpx

from tests.faults.talk import PAIRS, Talk, check_kept
from tests.faults.test_kill import Killer
from tests.support.banyan import House

KILLS = int(os.environ.get("BANYAN_TEST_MESSAGE_KILLS", "6"))
SEED = int(os.environ.get("BANYAN_TEST_SEED", random.SystemRandom().randrange(10**6)))
_CALM_SECONDS = (0.3, 1.5)


async def test_fifty_pairs_lose_nothing_and_say_nothing_twice(house: House) -> None:
    print(f"BANYAN_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    killer = Killer(house, draw)
    await house.start()
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=2 * PAIRS)) as http:
        talk = Talk(lambda: house.url, http)
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
    async with house.connected() as connection:
        await check_kept(connection, talk.speakers)
    assert await house.stop() == 0
