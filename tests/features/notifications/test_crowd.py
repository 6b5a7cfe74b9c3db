"""Telling very many people: by batches of jobs, each once, whatever is tried again."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from banyan.features.notifications.jobs import TellMany
from banyan.features.notifications.service.telling import TOLD_AT_ONCE
from banyan.infra.database.pool import Pool
from banyan.infra.database.work import Work
from banyan.infra.declare import Gone, KindText, Notice, NotificationKind
from banyan.kernel.ids import new_id
from banyan.kernel.signals import Signal
from tests.features.notifications.square import Square
from tests.support.statements import recorded

CROWD = 5000


class BellRung(Signal, frozen=True):
    """Somebody has rung the bell of the town."""

    bell_id: UUID
    by_id: UUID


class Bell:
    """A kind that tells everybody on a list."""

    def __init__(self, people: Sequence[UUID]) -> None:
        self.people = sorted(people)

    async def notice(self, work: Work, signal: BellRung) -> Notice:
        return Notice(subject_id=signal.bell_id, source_id=signal.bell_id, actor_id=signal.by_id)

    async def visible(self, work: Work, viewer_id: UUID, subjects: Sequence[UUID]) -> Sequence[UUID]:
        return subjects

    async def recipients(self, work: Work, notice: Notice, after: UUID | None, limit: int) -> list[UUID]:
        return [one for one in self.people if after is None or one > after][:limit]

    def kind(self) -> NotificationKind[BellRung]:
        texts = {"en": KindText("Bells", "{actors} rang the bell", "{actors} rang the bell")}
        return NotificationKind("bell", BellRung, "bell", self.notice, self.visible, texts, recipients=self.recipients)


@pytest.fixture
def bell() -> Bell:
    return Bell([new_id() for _ in range(CROWD)])


async def test_five_thousand_are_told_by_ten_jobs(pool: Pool, bell: Bell) -> None:
    square = Square(pool, bell.kind())
    ada = await square.person("ada")
    bell.people = sorted([*bell.people[1:], ada])
    rung = BellRung(new_id(), new_id())
    async with square.work() as work:
        work.emit(rung)
    batches = 0
    while square.memory.waiting:
        job = square.memory.waiting.pop(0)
        async with recorded(pool) as statements, square.work() as work:
            await square.run(work, job)
        assert len([statement for statement in statements if "notifications_" in statement]) <= 3
        # A try that was cut off after it had written everything but its end.
        async with square.work() as work:
            await square.run(work, job)
            await work.rollback()
        batches += 1
    assert batches == CROWD // TOLD_AT_ONCE + 2
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_items") == CROWD
        assert await work.value("SELECT count(DISTINCT person_id) FROM notifications_events") == CROWD
    assert await square.texts(ada) == ["Somebody rang the bell"]
    # Again from the start, as if nothing of it were known: nobody is told twice.
    async with square.work() as work:
        work.enqueue(TellMany("bell", Notice(subject_id=rung.bell_id, source_id=rung.bell_id, actor_id=rung.by_id)))
    await square.drain()
    async with square.work() as work:
        assert await work.value("SELECT sum(actor_count) FROM notifications_items") == CROWD
        await square.parts.telling.forget_all(work, [Gone(source_id=rung.bell_id)])
    await square.drain()
    async with square.work() as work:
        assert await work.value("SELECT count(*) FROM notifications_items") == 0


async def test_a_kind_that_is_declared_no_longer_is_passed_over(pool: Pool, bell: Bell) -> None:
    bell.people = bell.people[:3]
    square = Square(pool, bell.kind())
    async with square.work() as work:
        work.emit(BellRung(new_id(), new_id()))
    await square.drain()
    later = Square(pool)
    assert (await later.inbox(bell.people[0]), await later.unread(bell.people[0])) == ([], 0)
    async with later.work() as work:
        notice = Notice(subject_id=new_id(), source_id=new_id(), actor_id=new_id())
        await later.parts.telling.tell_many(work, TellMany("bell", notice))
