"""Sending: what is due at one webhook, some at a time, until nothing is or others must have their turn."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from banyan import __version__
from banyan.features.webhooks.catalogue import TEST
from banyan.features.webhooks.jobs import ForgetDeliveries, SendDeliveries, SweepDeliveries
from banyan.features.webhooks.models import Due, Settled, WebhookRow
from banyan.features.webhooks.queries import deliveries
from banyan.features.webhooks.queries import webhooks as queries
from banyan.features.webhooks.service.recording import WANTED_TOPIC
from banyan.features.webhooks.settings import WebhooksSettings
from banyan.features.webhooks.signing import sign
from banyan.infra.auth.sealing import Sealer
from banyan.infra.database.work import Work
from banyan.infra.outgoing.pauses import find_pause_seconds
from banyan.infra.outgoing.sender import Outgoing, Received, Sender
from banyan.kernel.clock import now
from banyan.kernel.ids import first_id_at

log = structlog.get_logger("banyan.webhooks")

# After so long the next webhook that waits for a worker has its turn.
_TURN_SECONDS = 20.0
# Beyond a request's own limit: so much later what a killed worker had in its hands is due again.
_HOLD_MARGIN_SECONDS = 5.0
_RESPONSE_CHARS = 1000
# "Gone": the receiver wants no more (Standard Webhooks, "Operational considerations").
_GONE = 410
# So long a delivery may be overdue before the sweep takes its job for lost.
_OVERDUE = timedelta(minutes=5)
_FORGOTTEN_AT_ONCE = 5000

_TRIES = Counter("banyan_webhook_tries_total", "Tries to deliver to webhooks.", ["outcome"])
_OFF = Counter("banyan_webhooks_switched_off_total", "Webhooks switched off because they failed for too long.")
for _outcome in ("delivered", "failed", "dead"):
    _TRIES.labels(_outcome)

_UNREADABLE = "The secret cannot be read: `auth.secret` is another one now. Rotate the webhook's secret."


class Sending:
    """Runs in jobs. Requests are made outside of any transaction, between the one that takes deliveries in hand and
    the one that writes down what came of them.
    """

    def __init__(self, settings: WebhooksSettings, outgoing: Outgoing, sealer: Sealer) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._sealer = sealer

    async def send_due(self, work: Work, job: SendDeliveries) -> None:
        """Sends what is due at one webhook, then sees to it that the rest is sent when it is due.

        One worker at a time does so: signals that come meanwhile enqueue further jobs, and each would take a place.
        """
        ends = time.monotonic() + _TURN_SECONDS
        hold_seconds = self._settings.timeout_seconds + _HOLD_MARGIN_SECONDS
        until: datetime | None = None
        async with self._outgoing.open() as sender:
            while True:
                held = await queries.hold(work, job.webhook_id, until, hold_seconds)
                if held is None:
                    await self._come_back(work, job)
                    return
                webhook, until = held
                due = await self._claim(work, job, hold_seconds) if time.monotonic() < ends else []
                if not due:
                    break
                await work.commit()
                received = await asyncio.gather(*(self._send(sender, webhook, one) for one in due))
                await self._settle(work, webhook, due, received)
                await work.commit()
        # In this order: what is recorded before others may hold the webhook is seen here, the rest by them.
        await queries.release(work, job.webhook_id, until)
        next_at = await deliveries.find_next_due(work, job.webhook_id, TEST)
        if next_at is not None:
            work.enqueue(job, run_at=max(next_at, now()), key=str(job.webhook_id))

    async def _claim(self, work: Work, job: SendDeliveries, hold_seconds: float) -> list[Due]:
        at = now()
        until = at + timedelta(seconds=hold_seconds)
        return await deliveries.claim_due(work, job.webhook_id, self._settings.at_once, at, until, TEST)

    async def _come_back(self, work: Work, job: SendDeliveries) -> None:
        """Another worker is at it: if it dies, this job takes over."""
        there, busy_until = await queries.find_busy(work, job.webhook_id)
        if there:
            work.enqueue(job, run_at=busy_until or now(), key=str(job.webhook_id))

    async def sweep(self, work: Work, job: SweepDeliveries) -> None:
        """Sets going what has been due for minutes: its job was given up or dropped."""
        for webhook_id in await deliveries.list_overdue(work, now() - _OVERDUE):
            work.enqueue(SendDeliveries(webhook_id), key=str(webhook_id))

    async def forget(self, work: Work, job: ForgetDeliveries) -> None:
        """Removes what the log no longer keeps, a part at a time."""
        oldest = now() - timedelta(days=self._settings.kept_days)
        if await deliveries.delete_old(work, first_id_at(oldest), _FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE:
            work.enqueue(job)

    async def _send(self, sender: Sender, webhook: WebhookRow, due: Due) -> Received:
        body = due.body.encode()
        timestamp = int(time.time())
        keys = self._keys(webhook)
        if not keys:
            return Received(None, b"", _UNREADABLE, 0)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"Banyan/{__version__}",
            "webhook-id": str(due.id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(keys, str(due.id), timestamp, body),
        }
        return await sender.post(webhook.webhook.url, body, headers)

    def _keys(self, row: WebhookRow) -> list[bytes]:
        """Those that sign now, the newest first; none when the newest cannot be read."""
        context = row.webhook.id.bytes
        newest = self._sealer.open(row.secret, context)
        if newest is None:
            return []
        until = row.webhook.previous_secret_until
        if row.previous_secret is None or until is None or now() >= until:
            return [newest]
        previous = self._sealer.open(row.previous_secret, context)
        return [newest] if previous is None else [newest, previous]

    async def _settle(self, work: Work, row: WebhookRow, due: Sequence[Due], received: Sequence[Received]) -> None:
        at = now()
        settled = [self._judge(one, answer, at) for one, answer in zip(due, received, strict=True)]
        for one in settled:
            _TRIES.labels("failed" if one.state == "waiting" else one.state).inc()
        await deliveries.settle(work, settled)
        webhook_id = row.webhook.id
        if any(one.state == "delivered" for one in settled):
            await queries.mark_well(work, webhook_id)
            return
        await queries.mark_failing(work, webhook_id, at)
        if any(one.status == _GONE for one in settled):
            await self._switch_off(work, webhook_id, at, at, "It answered 410 Gone: it wants no more.")
        else:
            last = settled[-1]
            days = self._settings.off_after_seconds / 86_400
            failing_before = at - timedelta(seconds=self._settings.off_after_seconds)
            reason = f"No delivery has succeeded for {days:g} days. The last try: {last.error or last.status}"
            await self._switch_off(work, webhook_id, failing_before, at, reason)

    async def _switch_off(
        self, work: Work, webhook_id: UUID, failing_before: datetime, at: datetime, reason: str
    ) -> None:
        if await queries.switch_off(work, webhook_id, failing_before, at, reason):
            work.announce(WANTED_TOPIC)
            _OFF.inc()
            log.warning("webhook switched off", webhook=str(webhook_id), reason=reason)

    def _judge(self, due: Due, received: Received, at: datetime) -> Settled:
        """What one try means for its delivery."""
        answer = received.body.decode("utf-8", "replace").replace("\0", "")[:_RESPONSE_CHARS]
        status, error = received.status, received.error
        if status is not None and 200 <= status < 300:
            return Settled(due, "delivered", None, status, received.duration_ms, answer, None)
        if error is None:
            error = f"It answered {status}; anything but 200 to 299 is tried again."
        pause = find_pause_seconds(self._settings.retry_seconds, due.attempts, received.retry_after_seconds)
        if pause is None:
            return Settled(due, "dead", None, status, received.duration_ms, answer, error)
        next_try_at = at + timedelta(seconds=pause)
        return Settled(due, "waiting", next_try_at, status, received.duration_ms, answer, error)
