"""Recording: a signal becomes one delivery for each webhook that wants it, exactly once."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from banyan.features.webhooks.catalogue import EVERY
from banyan.features.webhooks.jobs import SendDeliveries
from banyan.features.webhooks.models import Message
from banyan.features.webhooks.queries import webhooks as queries
from banyan.features.webhooks.queries.deliveries import insert_deliveries
from banyan.infra.bus import Bus
from banyan.infra.cache import Cache
from banyan.infra.database.work import Connection, Work
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from banyan.kernel.signals import Signal, kind_of

# Announced when a webhook was made, changed, switched off or deleted.
WANTED_TOPIC = "webhooks.wanted"
# Changes are announced; this only bounds what a lost announcement can do.
_TTL_SECONDS = 60.0


class Recording:
    """Remembers what webhooks want, so that a signal that none wants costs nothing at all.

    A change holds in this process from its commit on, in others within a second.
    """

    def __init__(self) -> None:
        self._wanted: Cache[str, frozenset[str]] = Cache(max_entries=1, ttl_seconds=_TTL_SECONDS)

    def listen(self, bus: Bus) -> None:
        """Drops what the bus says is outdated."""
        bus.subscribe(WANTED_TOPIC, lambda keys: self._wanted.clear())
        bus.on_reset(self._wanted.clear)

    async def is_wanted(self, name: str, connection: Connection) -> bool:
        """Whether any active webhook is subscribed to signals of this name."""
        wanted = self._wanted.find("")
        if wanted is None:
            wanted = await self._wanted.get("", lambda: queries.list_wanted(connection))
        return name in wanted or EVERY in wanted

    async def record(self, work: Work, signal: Signal) -> None:
        """Called once per signal, in the transaction of a job."""
        name = kind_of(type(signal))
        webhooks = await queries.list_subscribed(work, [name, EVERY])
        await self._record(work, webhooks, name, msgspec.json.encode(signal))

    async def record_one(self, work: Work, webhook_id: UUID, name: str, data: bytes) -> UUID | None:
        """One delivery to one webhook; None when it is gone."""
        recorded = await self._record(work, [webhook_id], name, data)
        return recorded.get(webhook_id)

    async def _record(self, work: Work, webhooks: Collection[UUID], name: str, data: bytes) -> dict[UUID, UUID]:
        """The delivery's id by the webhook's."""
        if not webhooks:
            return {}
        at = now()
        decoded = msgspec.json.decode(data, type=dict)
        messages = {webhook_id: Message(new_id(), name, at, decoded) for webhook_id in webhooks}
        deliveries = [
            (message.id, webhook_id, msgspec.json.encode(message).decode()) for webhook_id, message in messages.items()
        ]
        there = await insert_deliveries(work, deliveries, name, at)
        for webhook_id in there:
            work.enqueue(SendDeliveries(webhook_id), key=str(webhook_id))
        return {webhook_id: messages[webhook_id].id for webhook_id in there}
