"""A worker is killed while it tells a crowd and pushes: everybody is told once, and the push comes under its ids."""

import asyncio
from pathlib import Path
from typing import Any

from banyan.infra.push.keys import make_private_key
from banyan.kernel.ids import new_id
from tests.features.notifications.test_crowd import CROWD
from tests.features.webhooks.receiver import answering, never, receiving
from tests.infra.push.browser import Browser
from tests.support.banyan import PATIENCE_SECONDS, Installation
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for

_PUSH: dict[str, Any] = {"vapid_key": make_private_key(), "allow_http": True, "allow_networks": ["127.0.0.0/8"]}
_SETTINGS = {
    "BANYAN_PUSH__VAPID_KEY": _PUSH["vapid_key"],
    "BANYAN_PUSH__ALLOW_HTTP": "true",
    "BANYAN_PUSH__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    "BANYAN_PUSH__TIMEOUT_SECONDS": "5",
    "BANYAN_JOBS__LEASE_SECONDS": "1",
    "BANYAN_JOBS__POLL_SECONDS": "0.2",
}


async def _gather_crowd(ada: Api, first: Api) -> str:
    """A conversation of the town: ada, one who is looked at, and so many others that ten jobs tell them."""
    third = await first.sign_up("third")
    made = await ada.post("/v1/conversations", {"member_ids": [first.id, third.id], "title": "Town"})
    conversation_id = str(made.json()["id"])
    async with ada.platform.pool.connection() as connection:
        await connection.execute(
            """INSERT INTO messaging_members (conversation_id, person_id, read_seq, joined_at)
               SELECT $1, unnest($2::uuid[]), 0, now()""",
            conversation_id,
            [new_id() for _ in range(CROWD - 2)],
        )
    return conversation_id


async def _count(api: Api) -> tuple[int, int]:
    async with api.platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT count(*), count(DISTINCT person_id) FROM notifications_items")
    assert row is not None
    return row[0], row[1]


async def test_a_killed_worker_tells_nobody_twice(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, push=_PUSH)
    async with receiving(never) as receiver, running_platform(settings) as platform, api_of(platform) as api:
        # Written here, told by processes of their own.
        await asyncio.gather(platform.worker.stop(), platform.outgoing_worker.stop())
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        browser = Browser(receiver)
        made = await ben.post("/v1/push/subscriptions", browser.subscription())
        assert made.status_code == 201, made.text
        conversation_id = await _gather_crowd(ada, ben)
        sent = await ada.post(f"/v1/conversations/{conversation_id}/messages", {"body": "Hello", "client_id": "1"})
        assert sent.status_code == 201, sent.text
        installation = Installation(tmp_path, database_url, _SETTINGS)
        try:
            worker = await installation.start("worker")

            async def in_the_middle() -> bool:
                return (await _count(api))[0] > 0

            await eventually(in_the_middle, PATIENCE_SECONDS)
            worker.child.kill()
            await installation.start("worker")
            await eventually(lambda: len(browser.heard) > 0, PATIENCE_SECONDS)
            # In its hands at this moment, without an answer.
            installation.kill()
            receiver.answer = answering(201)
            held = len(browser.heard)
            await installation.start("worker")

            async def everybody() -> bool:
                return (await _count(api))[0] >= CROWD and len(browser.heard) > held

            await eventually(everybody, PATIENCE_SECONDS)
        finally:
            installation.kill()
        assert await _count(api) == (CROWD, CROWD)
        key = (await api.get("/v1/push/key")).json()["public_key"]
        told = browser.messages(key)
        assert {one["push_id"] for one in told} == {told[0]["push_id"]}
        assert told[0]["body"] == "Ada wrote to you"
        inbox = (await ben.get("/v1/notifications")).json()["items"]
        assert [one["id"] for one in inbox] == [told[0]["id"]]
