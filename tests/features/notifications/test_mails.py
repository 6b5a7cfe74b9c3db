"""Mail of notifications: at once or once a day, never in quiet hours, with a way out."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from banyan.features.notifications.jobs import MailDigest, MailNotification
from banyan.features.notifications.models import ChannelChanges, EmailTime, PreferenceChanges, QuietHours
from banyan.infra.mail.mailer import SendMail
from banyan.infra.mail.smtp import compose
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from tests.features.notifications.square import Square
from tests.support.eventually import eventually
from tests.support.platform import MAILBOX_KEY, Api

NOW = PreferenceChanges(kinds={"comment": ChannelChanges(email="now"), "reaction": ChannelChanges(email="now")})


def written(square: Square) -> list[SendMail]:
    """The mails that wait for their transport."""
    mails = [job for job in square.memory.waiting if isinstance(job, SendMail)]
    square.memory.waiting[:] = [job for job in square.memory.waiting if not isinstance(job, SendMail)]
    return mails


async def run(square: Square, *, without: type | tuple[type, ...] = ()) -> list[SendMail]:
    """All jobs but those `without`; the mails that they have written."""
    mails: list[SendMail] = []
    while square.memory.waiting:
        mails += written(square)
        left = [job for job in square.memory.waiting if not isinstance(job, without)]
        if not left:
            break
        square.memory.waiting.remove(left[0])
        async with square.work() as work:
            await square.run(work, left[0])
    return mails


async def test_a_mail_now_tells_of_all_that_is_there_by_then(square: Square) -> None:
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    await square.prefer(ada, NOW)
    post = await square.publish(ada)
    await square.comment(ben, post.id)
    await square.comment(cleo, post.id)
    assert await run(square, without=MailNotification) == []
    (mail,) = await run(square)
    assert (mail.message.to, mail.message.subject) == ("ada@example.org", "Cleo and Ben commented on your post")
    # While it is unread no further mail comes; what happens after reading is mailed anew.
    await square.comment(cleo, post.id)
    assert await run(square) == []
    await square.read_all(ada)
    await square.comment(cleo, post.id)
    assert [one.message.subject for one in await run(square)] == ["Cleo commented on your post"]


async def test_no_mail_comes_of_what_was_read_or_may_not_be_seen(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    await square.prefer(ada, NOW)
    post = await square.publish(ada)
    await square.comment(ben, post.id)
    assert await run(square, without=MailNotification) == []
    await square.read_all(ada)
    assert await run(square) == []
    await square.react(ben, post.id)
    assert await run(square, without=MailNotification) == []
    await square.block(ada, ben)
    assert await run(square) == []


async def test_an_address_that_is_not_proven_gets_none(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    async with square.work() as work:
        await work.write("UPDATE accounts_accounts SET email_verified_at = NULL WHERE id = $1", ada)
    await square.prefer(ada, NOW)
    await square.comment(ben, (await square.publish(ada)).id)
    assert await run(square) == []


async def test_quiet_hours_hold_mail_back(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    at = now()
    hours = QuietHours(f"{at - timedelta(hours=1):%H:%M}", f"{at + timedelta(hours=2):%H:%M}")
    await square.prefer(ada, PreferenceChanges(kinds=NOW.kinds, quiet_hours=hours))
    await square.comment(ben, (await square.publish(ada)).id)
    assert await run(square, without=MailNotification) == []
    job = next(job for job in square.memory.waiting if isinstance(job, MailNotification))
    square.memory.waiting.clear()
    async with square.work() as work:
        await square.run(work, job)
    # Put off, not sent.
    assert square.memory.waiting == [job]
    await square.prefer(ada, PreferenceChanges(quiet_hours=None))
    assert len(await run(square)) == 1


async def test_a_digest_tells_of_a_day_once(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    post = await square.publish(ada)
    await square.comment(ben, post.id)
    await square.ask(ben, ada)
    await square.react(ben, post.id)
    assert await run(square, without=MailDigest) == []
    (mail, *more) = await run(square)
    assert more == []
    assert mail.message.subject == "What is new at Testville"
    assert "• Ben would like to connect with you\n• Ben commented on your post" in mail.message.text
    async with square.work() as work:
        work.enqueue(MailDigest(ada))
    assert await run(square) == []


async def test_what_only_mail_tells_of_is_told_again_after_the_mail(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    only_mail = ChannelChanges(in_app=False, push=False, email="now")
    await square.prefer(ada, PreferenceChanges(kinds={"comment": only_mail}))
    post = await square.publish(ada)
    for _ in range(2):
        await square.comment(ben, post.id)
        assert len(await run(square)) == 1
    assert await square.inbox(ada) == []


async def test_who_changes_their_mind_about_mail_misses_nothing(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    post = await square.publish(ada)
    # What waits for the digest is mailed at once after all, and the other way round.
    ways: tuple[tuple[EmailTime, EmailTime], ...] = (("daily", "now"), ("now", "daily"))
    for first, then in ways:
        await square.prefer(ada, _only_mail(first))
        await square.comment(ben, post.id)
        assert await run(square, without=(MailDigest, MailNotification)) == []
        await square.prefer(ada, _only_mail(then))
        assert len(await run(square)) == 1
    # A mail that could not be sent is made up for by the next one.
    await square.prefer(ada, _only_mail("now"))
    async with square.work() as work:
        await work.write("UPDATE accounts_accounts SET email_verified_at = NULL WHERE id = $1", ada)
    await square.comment(ben, post.id)
    assert await run(square) == []
    async with square.work() as work:
        await work.write("UPDATE accounts_accounts SET email_verified_at = now() WHERE id = $1", ada)
    await square.comment(ben, post.id)
    assert len(await run(square)) == 1


def _only_mail(email: EmailTime) -> PreferenceChanges:
    return PreferenceChanges(kinds={"comment": ChannelChanges(in_app=False, push=False, email=email)})


async def test_one_click_ends_mails_of_a_kind(square: Square) -> None:
    ada, ben = await square.person("ada"), await square.person("ben")
    await square.prefer(ada, NOW)
    await square.comment(ben, (await square.publish(ada)).id)
    (mail,) = await run(square)
    made = message_from_bytes(compose(mail, "house@banyan.test", "The House").as_bytes(), policy=default)
    assert made["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = str(made["List-Unsubscribe"]).replace("\n", "").strip("<> ")
    assert url == mail.message.unsubscribe_url
    token = url.partition("token=")[2]
    assert f"http://banyan.test/unsubscribe#token={token}" in mail.message.text
    for wrong in ("", "x", token[:-4], "mention" + token.removeprefix("comment"), token + "\0"):
        with pytest.raises(Invalid):
            async with square.work() as work:
                await square.parts.mailing.unsubscribe(work, wrong)
    async with square.work() as work:
        await square.parts.mailing.unsubscribe(work, token)
    async with square.work() as work:
        kinds = (await square.parts.book.get_preferences(work, ada)).kinds
    assert (kinds["comment"].email, kinds["reaction"].email, kinds["comment"].in_app) == ("off", "now", True)


async def test_a_mail_program_unsubscribes_over_http(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    async with api.platform.pool.connection() as connection:
        await connection.execute("UPDATE accounts_accounts SET email_verified_at = now()")
    path = "/v1/notifications/preferences"
    await ada.ask("PUT", path, {"kinds": {"comment": {"email": "now"}}})
    post = (await ada.post("/v1/posts", {"body": "Hello"})).json()
    await ben.post(f"/v1/posts/{post['id']}/comments", {"body": "Hi"})
    texts: list[str] = []

    async def mailed() -> bool:
        page = (await api.get("/dev/mailbox/messages", x_mailbox_key=MAILBOX_KEY)).json()
        texts[:] = [mail["text"] for mail in page["items"] if mail["subject"] == "Ben commented on your post"]
        return bool(texts)

    await eventually(mailed)
    token = texts[0].partition("#token=")[2].split()[0]
    answer = await api.http.post(
        f"/v1/notifications/unsubscribe?token={token}",
        content=b"List-Unsubscribe=One-Click",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 204, answer.text
    assert (await ada.get(path)).json()["kinds"]["comment"]["email"] == "off"
