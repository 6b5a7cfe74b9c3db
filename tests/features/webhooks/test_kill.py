"""A worker is killed between taking a delivery in hand and the answer: it is delivered all the same, under its id."""

import asyncio
from pathlib import Path

from tests.features.webhooks.hooks import house, make_webhook, publish, settled
from tests.features.webhooks.receiver import answering, never, receiving
from tests.support.banyan import PATIENCE_SECONDS, Installation
from tests.support.eventually import eventually

_SETTINGS = {
    "BANYAN_WEBHOOKS__ALLOW_HTTP": "true",
    "BANYAN_WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    "BANYAN_WEBHOOKS__TIMEOUT_SECONDS": "2",
    "BANYAN_JOBS__LEASE_SECONDS": "1",
    "BANYAN_JOBS__POLL_SECONDS": "0.2",
}


async def test_a_killed_worker_loses_no_delivery(database_url: str, tmp_path: Path) -> None:
    async with receiving(never) as receiver, house(database_url) as admin:
        # Made and published here, sent by processes of their own.
        await asyncio.gather(admin.platform.worker.stop(), admin.platform.outgoing_worker.stop())
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        installation = Installation(tmp_path, database_url, _SETTINGS)
        try:
            worker = await installation.start("worker")
            await publish(admin)
            await eventually(lambda: receiver.at_once == 1, PATIENCE_SECONDS)
            worker.child.kill()
            receiver.answer = answering(204)
            await installation.start("worker")
            await eventually(lambda: len(receiver.heard) == 2, PATIENCE_SECONDS)
            (delivery,) = await settled(admin, webhook)
        finally:
            installation.kill()
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    assert (delivery["id"], delivery["state"], delivery["attempts"]) == (first.id, "delivered", 2)
