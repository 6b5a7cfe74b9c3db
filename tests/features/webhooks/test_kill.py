"""A worker is killed between taking a delivery in hand and the answer: it is delivered all the same, under its id."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.features.webhooks.hooks import house, make_webhook, publish, settled
from tests.features.webhooks.receiver import answering, never, receiving
from tests.support.banyan import PATIENCE_SECONDS, Installation
from tests.support.eventually import eventually
from tests.support.platform import Api

_SETTINGS = {
    "BANYAN_WEBHOOKS__ALLOW_HTTP": "true",
    "BANYAN_WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    # So long that a busy machine never takes a live worker for a dead one, or an answer for none.
    "BANYAN_WEBHOOKS__TIMEOUT_SECONDS": "20",
    "BANYAN_JOBS__LEASE_SECONDS": "20",
    "BANYAN_JOBS__POLL_SECONDS": "0.2",
}

_HOLDS = {"webhooks_webhooks": "busy_until", "webhooks_deliveries": "next_try_at", "jobs": "lease_until"}


async def let_holds_run_out(admin: Api) -> None:
    """As if the half minute had passed in which the dead worker may still be at it."""
    async with admin.platform.pool.connection() as connection:
        held = [
            await connection.fetchval(f"SELECT max({moment}) - now() FROM {table}") for table, moment in _HOLDS.items()
        ]
        assert max(held) < timedelta(seconds=30)
        await connection.execute(
            """UPDATE webhooks_webhooks SET busy_until = now();
               UPDATE webhooks_deliveries SET next_try_at = now();
               UPDATE jobs SET lease_until = now() WHERE state = 'running'"""
        )


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
            await let_holds_run_out(admin)
            receiver.answer = answering(204)
            await installation.start("worker")
            await eventually(lambda: len(receiver.heard) == 2, PATIENCE_SECONDS)
            (delivery,) = await settled(admin, webhook)
        finally:
            installation.kill()
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    assert (delivery["id"], delivery["state"], delivery["attempts"]) == (first.id, "delivered", 2)
