"""What tests of webhooks do again and again."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.features.webhooks.receiver import Heard, Receiver
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for

# Quick where production is patient; this machine may be asked.
QUICK: dict[str, Any] = {
    "allow_http": True,
    "allow_networks": ["127.0.0.0/8"],
    "retry_seconds": [0.05, 0.05, 0.05],
    "timeout_seconds": 20,
}


@asynccontextmanager
async def house(database_url: str, **webhooks: Any) -> AsyncIterator[Api]:
    """A platform whose webhooks may reach this machine; its admin."""
    settings = settings_for(database_url, webhooks=QUICK | webhooks, jobs={"poll_seconds": 0.2, "lease_seconds": 20})
    async with running_platform(settings) as platform, api_of(platform) as api:
        yield await api.sign_up_admin()


async def make_webhook(admin: Api, url: str, *signals: str) -> dict[str, Any]:
    made = await admin.post("/v1/admin/webhooks", {"url": url, "signals": list(signals or ("*",))})
    assert made.status_code == 201, made.text
    webhook: dict[str, Any] = made.json()
    return webhook


async def publish(author: Api, body: str = "Hello") -> str:
    published = await author.post("/v1/posts", {"body": body})
    assert published.status_code == 201, published.text
    return str(published.json()["id"])


async def heard(receiver: Receiver, count: int) -> list[Heard]:
    """What has come in, once it is that much; a little later it is no more."""
    await eventually(lambda: len(receiver.heard) >= count)
    assert len(receiver.heard) == count
    return receiver.heard


async def deliveries(admin: Api, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = await admin.get(f"/v1/admin/webhooks/{webhook['id']}/deliveries{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def settled(admin: Api, webhook: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """The log, once so many are delivered or given up."""
    found: list[dict[str, Any]] = []

    async def done() -> bool:
        found[:] = await deliveries(admin, webhook)
        return len([one for one in found if one["state"] != "waiting"]) >= count

    await eventually(done)
    return found


async def show(admin: Api, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.get(f"/v1/admin/webhooks/{webhook['id']}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def signatures(secret: str, heard: Heard) -> str:
    """One signature as a receiver computes it from the specification alone."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
