"""The people whose sockets this process holds, as the database is told of them."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from uuid import UUID

import structlog
from msgspec import Struct
from prometheus_client import Counter, Gauge

from banyan.infra.background import Background
from banyan.infra.database.work import Work
from banyan.infra.presence import queries
from banyan.infra.presence.models import BEAT_SECONDS, GRACE_SECONDS, LEASE_SECONDS
from banyan.kernel.errors import BanyanError
from banyan.kernel.ids import new_id

log = structlog.get_logger("banyan.presence")

# The realtime topic under which a person's presence is looked at; their id follows.
PRESENCE = "presence"

_TURN_SECONDS = 0.25
_RETRY_SECONDS = 1.0
# Of one transaction.
_BATCH = 1000
# A process that dies is seen at the next beat; messages that were lost are found by a look that often.
_LOOK_SECONDS = LEASE_SECONDS
# While somebody stays; a crash of the database forgets no more than that.
_NOTED_EVERY_SECONDS = 300.0

_PEOPLE = Gauge("banyan_presence_people", "People with sockets in this process.")
_CHANGES = Counter("banyan_presence_changes_total", "People who came or went, as written to the database.")
_FAILURES = Counter("banyan_presence_failures_total", "Writes of presence that failed; each is repeated.")


class Changed(Struct, frozen=True):
    """Published for whoever looks: what it is now is read."""


class Roll(Background):
    """Who comes and goes is written in batches, four times a second; the lease under which all are believed is renewed
    by one row every few seconds. `look` is called when anybody's presence may have changed unheard.
    """

    def __init__(self, new_work: Callable[[], Work], look: Callable[[], None]) -> None:
        self._new_work = new_work
        self._look = look
        self._id = new_id()
        self._here: set[UUID] = set()
        # Those who are in the database otherwise than here.
        self._coming: set[UUID] = set()
        # Who has no socket any more, since when by the monotonic clock; they go after a while.
        self._leaving: dict[UUID, float] = {}
        self._living: set[UUID] = set()
        self._leased = False
        self._holding = False
        self._beaten_at = 0.0
        self._looked_at = 0.0
        self._noted_at = time.monotonic()
        _PEOPLE.set_function(lambda: len(self._here))

    def arrive(self, person_id: UUID) -> None:
        """Their first socket in this process."""
        self._leaving.pop(person_id, None)
        if person_id not in self._here:
            self._here.add(person_id)
            self._coming.add(person_id)

    def depart(self, person_id: UUID) -> None:
        """Their last socket is gone."""
        if person_id in self._here and not self._holding:
            self._leaving[person_id] = time.monotonic()

    def hold(self) -> None:
        """The process is about to stop: whoever goes from now on was sent away, and comes back elsewhere."""
        self._holding = True

    async def stop(self) -> None:
        """Everybody was seen until now. Their lease runs out by itself: who comes back elsewhere was never away."""
        await super().stop()
        with suppress(BanyanError):
            async with self._new_work() as work:
                await queries.note_seen(work, self._id)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            try:
                await self.turn()
            except Exception as error:
                _FAILURES.inc()
                if not isinstance(error, BanyanError):
                    log.exception("presence cannot be written")
                await asyncio.sleep(_RETRY_SECONDS)

    async def turn(self) -> None:
        """Writes what changed and renews the lease when it is time. Raises for the database's sake."""
        if not self._leased or time.monotonic() - self._beaten_at > BEAT_SECONDS:
            await self._beat()
        await self._write_coming()
        await self._write_going()

    async def _beat(self) -> None:
        async with self._new_work() as work:
            if self._leased:
                self._leased = await queries.beat(work, self._id)
            if not self._leased:
                # New, or taken for dead: nothing that was written is sure to be there.
                self._coming |= self._here
                await queries.begin_lease(work, self._id)
            if time.monotonic() - self._noted_at > _NOTED_EVERY_SECONDS:
                await queries.note_seen(work, self._id)
                self._noted_at = time.monotonic()
            living = await queries.list_living(work)
        self._leased = True
        self._beaten_at = time.monotonic()
        died, self._living = self._living - living, living
        if died or self._beaten_at - self._looked_at > _LOOK_SECONDS:
            self._looked_at = self._beaten_at
            self._look()

    async def _write_coming(self) -> None:
        while self._coming:
            batch = list(islice(self._coming, _BATCH))
            async with self._new_work() as work:
                await queries.add_people(work, self._id, batch)
                _tell(work, batch)
            self._coming.difference_update(batch)
            _CHANGES.inc(len(batch))

    async def _write_going(self) -> None:
        due = time.monotonic() - GRACE_SECONDS
        going = [person_id for person_id, since in self._leaving.items() if since < due]
        for start in range(0, len(going), _BATCH):
            # They may have come back while the batch before was written.
            batch = [person_id for person_id in going[start : start + _BATCH] if person_id in self._leaving]
            for person_id in batch:
                del self._leaving[person_id]
                self._here.discard(person_id)
            try:
                async with self._new_work() as work:
                    await queries.remove_people(work, self._id, batch, GRACE_SECONDS)
                    _tell(work, batch)
            except BaseException:
                self._take_back(batch, due)
                raise
            _CHANGES.inc(len(batch))

    def _take_back(self, batch: Iterable[UUID], since: float) -> None:
        """They are still in the database, but for those who came back meanwhile and are about to be written anyway."""
        for person_id in batch:
            if person_id not in self._here:
                self._here.add(person_id)
                self._leaving[person_id] = since - 1


def _tell(work: Work, person_ids: Iterable[UUID]) -> None:
    for person_id in person_ids:
        work.publish(f"{PRESENCE}:{person_id}", Changed())
