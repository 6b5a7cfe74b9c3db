"""The dev mailbox on a real database, and mail as jobs of the caller's transaction."""

import pytest

from banyan.infra.database.pool import Pool
from banyan.infra.mail.mailbox import Mailbox
from banyan.infra.mail.mailer import Mailer, SendMail
from banyan.infra.mail.message import MailMessage
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Memory
from tests.support.statements import recorded


def mail(number: int) -> SendMail:
    return SendMail(new_id(), MailMessage("ada@example.org", f"Mail {number}", "Text", "<p>Text</p>"))


async def test_newest_first_page_by_page(pool: Pool) -> None:
    mailbox = Mailbox(max_messages=100)
    async with pool.work() as work:
        for number in range(5):
            await mailbox.deliver(work, mail(number))
    work = pool.work()
    first = await mailbox.list_messages(work, 3, None)
    assert [message.subject for message in first.items] == ["Mail 4", "Mail 3", "Mail 2"]
    assert first.items[0].to == "ada@example.org"
    second = await mailbox.list_messages(work, 3, first.next_cursor)
    assert [message.subject for message in second.items] == ["Mail 1", "Mail 0"]
    assert second.next_cursor is None
    with pytest.raises(Invalid):
        await mailbox.list_messages(work, 3, "rubbish")


async def test_only_the_newest_are_kept(pool: Pool) -> None:
    mailbox = Mailbox(max_messages=3)
    for number in range(6):
        async with pool.work() as work:
            await mailbox.deliver(work, mail(number))
    page = await mailbox.list_messages(pool.work(), 10, None)
    assert [message.subject for message in page.items] == ["Mail 5", "Mail 4", "Mail 3"]


async def test_a_job_tried_twice_leaves_one_mail(pool: Pool) -> None:
    mailbox = Mailbox(max_messages=3)
    job = mail(1)
    for _ in range(2):
        async with pool.work() as work:
            await mailbox.deliver(work, job)
    assert len((await mailbox.list_messages(pool.work(), 10, None)).items) == 1


async def test_mail_leaves_with_the_commit_only(pool: Pool) -> None:
    memory = Memory()
    pool.attach(memory)
    mailer = Mailer(Mailbox(max_messages=3))
    message = mail(1).message
    work = pool.work()
    mailer.send(work, message)
    await work.rollback()
    assert memory.waiting == []
    async with pool.work() as work:
        async with recorded(pool) as statements:
            mailer.send(work, message)
        assert statements == []
    (job,) = memory.waiting
    assert isinstance(job, SendMail)
    assert job.message == message
