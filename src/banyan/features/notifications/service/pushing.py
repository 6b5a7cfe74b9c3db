"""Push: at once, never in quiet hours, and never of what has been read or may not be seen any more.

What is to be pushed waits in a table of its own, a row per notification and device. Jobs take what is due in batches,
look at what may be told at that moment, and send it outside of any transaction.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from banyan.features.notifications.jobs import CloseUnlisted, SendPushes, SweepPushes
from banyan.features.notifications.models import Channels, PushDue, StoredPreferences, Told
from banyan.features.notifications.queries import devices, pushes
from banyan.features.notifications.service.letters import Letter, Letters, Written
from banyan.features.notifications.service.quiet import quiet_until
from banyan.infra.database.work import Work
from banyan.infra.outgoing.pauses import find_pause_seconds
from banyan.infra.push.message import Outcome, PushService
from banyan.infra.push.settings import PushSettings
from banyan.kernel.clock import now

log = structlog.get_logger("banyan.push")

# What happens within so long is told at once.
_COLLECT = timedelta(seconds=1)
# What no inbox shows collapses for so long after it was pushed first.
_COLLAPSED = timedelta(hours=1)
# After so long the next lane that waits for a worker has its turn.
_TURN_SECONDS = 20.0
# Beyond a request's own limit: so much later what a killed worker had in its hands is due again.
_HOLD_MARGIN_SECONDS = 10.0
_TROUBLED = ".troubled"
_PUSHED_EVERY = timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=30)
_OVERDUE = timedelta(minutes=5)
_FORGOTTEN_AT_ONCE = 2000

_PUSHES = Counter(
    "banyan_pushes_total", "Tries to push to devices, and pushes that were not wanted any more.", ["service", "outcome"]
)
for _service in ("web", "fcm", "apns"):
    for _outcome in ("sent", "gone", "refused", "failed", "dropped"):
        _PUSHES.labels(_service, _outcome)


class Pushing:
    """One push per notification and device at a time; the next one replaces it on the device."""

    def __init__(
        self,
        settings: PushSettings,
        services: Mapping[str, PushService],
        letters: Letters,
    ) -> None:
        self._settings = settings
        self._services = services
        self._letters = letters

    async def plan(
        self, work: Work, told: Sequence[Told], ways: dict[UUID, Channels], chosen: dict[UUID, StoredPreferences]
    ) -> None:
        """What is to be pushed of what has been told, and when."""
        if not self._services:
            return
        at = now() + _COLLECT
        due = [
            (one.item_id, one.person_id, _awake(chosen.get(one.person_id), at))
            for one in told
            if ways[one.person_id].push
        ]
        if due:
            for lane, due_at in (await pushes.plan(work, due, list(self._services))).items():
                work.enqueue(SendPushes(lane), run_at=due_at, key=lane)

    async def send_due(self, work: Work, job: SendPushes) -> None:
        """Sends what is due on one lane, then sees to it that the rest is sent when it is due."""
        service = self._services.get(job.lane.removesuffix(_TROUBLED))
        if service is None:
            return
        ends = time.monotonic() + _TURN_SECONDS
        seconds = self._settings.timeout_seconds + _HOLD_MARGIN_SECONDS
        held: datetime | None = None
        while True:
            until = await pushes.hold(work, job.lane, held, seconds)
            if until is None:
                # Another worker is at it: if it dies, this job takes over.
                work.enqueue(job, run_at=await pushes.find_busy(work, job.lane) or now(), key=job.lane)
                return
            held = until
            due = await self._claim(work, job.lane, seconds) if time.monotonic() < ends else []
            if not due:
                break
            written = await self._letters.write(work, due)
            # From here on what is sent is out of any transaction: what is due stays due until it is settled.
            await work.commit()
            outcomes = await service.send_all([letter.shipment for letter in written.ready])
            await self._settle(work, job.lane, due, written, outcomes)
            await work.commit()
        # In this order: what is put in line before others may hold the lane is seen here, the rest by them.
        await pushes.release(work, job.lane, held)
        next_at = await pushes.find_next_due(work, job.lane)
        if next_at is not None:
            work.enqueue(job, run_at=max(next_at, now()), key=job.lane)

    async def sweep(self, work: Work, job: SweepPushes) -> None:
        """Sets going what has been due for minutes: its job was given up or dropped."""
        for lane, due_at in (await pushes.list_lanes(work)).items():
            if due_at < now() - _OVERDUE and lane.removesuffix(_TROUBLED) in self._services:
                work.enqueue(SendPushes(lane), key=lane)

    async def close_unlisted(self, work: Work, job: CloseUnlisted) -> None:
        """What happens from here on is told anew."""
        await pushes.close_unlisted(work, job.item_id, now())

    async def forget(self, work: Work) -> bool:
        """Removes devices that nothing has reached for long, a part at a time; whether there may be more."""
        since = now() - _GIVEN_UP_AFTER
        return await devices.delete_failing(work, since, _FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE

    async def _claim(self, work: Work, lane: str, hold_seconds: float) -> list[PushDue]:
        at = now()
        return await pushes.claim_due(work, lane, self._settings.at_once, at, at + timedelta(seconds=hold_seconds))

    async def _settle(
        self, work: Work, lane: str, due: Sequence[PushDue], written: Written, outcomes: Sequence[Outcome]
    ) -> None:
        """Writes down what came of each."""
        at = now()
        service = lane.removesuffix(_TROUBLED)
        by_result: dict[str, list[tuple[Letter, Outcome]]] = {}
        for letter, outcome in zip(written.ready, outcomes, strict=True):
            by_result.setdefault(outcome.result, []).append((letter, outcome))
            _PUSHES.labels(service, outcome.result).inc()
            if outcome.result == "refused":
                log.warning("push refused", service=service, reason=outcome.reason)
        later = [(one, lane, until, 0) for one, until in written.asleep]
        for letter, outcome in by_result.get("failed", ()):
            pauses, attempts = self._settings.retry_seconds, letter.due.attempts
            pause = find_pause_seconds(pauses, attempts, outcome.retry_after_seconds)
            if pause is not None:
                later.append((letter.due, service + _TROUBLED, at + timedelta(seconds=pause), attempts))
        waiting = {(one.item_id, one.device_id) for one, *_ in later}
        done = [one for one in due if (one.item_id, one.device_id) not in waiting]
        _PUSHES.labels(service, "dropped").inc(len(due) - len(written.ready) - len(written.asleep))

        sent = [letter for letter, _ in by_result.get("sent", ())]
        await self._note_sent(work, sent, at)
        gone = [
            (letter.due.device_id, outcome.gone_since or letter.shipment.to.known_since)
            for letter, outcome in by_result.get("gone", ())
        ]
        gone += [(device_id, at) for device_id in written.ended]
        if gone:
            await devices.delete_gone(work, gone)
        failing = [letter.due.device_id for result in ("failed", "refused") for letter, _ in by_result.get(result, ())]
        if failing:
            await devices.mark_failing(work, failing, at)
        if done:
            await pushes.finish(work, done, at + _COLLECT)
        if later:
            await pushes.put_off(work, later)
            for other, due_at in _earliest(later).items():
                if other != lane:
                    work.enqueue(SendPushes(other), run_at=due_at, key=other)

    async def _note_sent(self, work: Work, sent: Sequence[Letter], at: datetime) -> None:
        if not sent:
            return
        await pushes.mark_pushed(work, list({letter.due.item_id for letter in sent}), at)
        await devices.mark_pushed(work, [letter.due.device_id for letter in sent], at, at - _PUSHED_EVERY)
        for item_id in {letter.due.item_id for letter in sent if letter.unlisted}:
            work.enqueue(CloseUnlisted(item_id), run_at=at + _COLLAPSED, key=str(item_id))


def _awake(stored: StoredPreferences | None, at: datetime) -> datetime:
    """`at`, or the end of the quiet hours in which it lies."""
    return (quiet_until(stored, at) if stored else None) or at


def _earliest(later: Sequence[tuple[PushDue, str, datetime, int]]) -> dict[str, datetime]:
    """By lane."""
    found: dict[str, datetime] = {}
    for _, lane, due_at, _ in later:
        found[lane] = min(found.get(lane, due_at), due_at)
    return found
