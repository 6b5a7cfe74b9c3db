"""Push to devices: told at once and replaced on the device, kept from those who may or would not hear it any more."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from banyan.app.notifications import build_push
from banyan.features.notifications.errors import DeviceNotFound, PushUnavailable, SubscriptionNotFound
from banyan.features.notifications.jobs import CloseUnlisted, SendPushes, SweepPushes
from banyan.features.notifications.models import (
    ChannelChanges,
    NewDevice,
    NewSubscription,
    PreferenceChanges,
    QuietHours,
)
from banyan.infra.database.pool import Pool
from banyan.infra.push.keys import make_private_key
from banyan.infra.push.settings import PushSettings
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.features.notifications.square import Square
from tests.features.notifications.test_crowd import CROWD, Bell, BellRung
from tests.features.webhooks.receiver import Heard, Receiver, answering, in_turn, never, receiving
from tests.infra.push.apple import Apple, apple
from tests.infra.push.browser import Browser
from tests.infra.push.google import Google, google, refusing
from tests.support.statements import recorded

EQUIPPED = 250

LOCAL: dict[str, Any] = {
    "vapid_key": make_private_key(),
    "allow_http": True,
    "allow_networks": ["127.0.0.0/8"],
}


def square_with(pool: Pool, **settings: Any) -> Square:
    return Square(pool, push=build_push(PushSettings.model_validate(LOCAL | settings), "Testville", "ops@example.org"))


@asynccontextmanager
async def everywhere(pool: Pool) -> AsyncIterator[tuple[Square, Receiver, Google, Apple]]:
    """A square with all three services."""
    async with receiving(answering(201)) as receiver, google() as firebase, apple() as apns:
        fcm = {"service_account": firebase.account(), "url": firebase.origin}
        square = square_with(pool, fcm=fcm, apns=apns.settings())
        yield square, receiver, firebase, apns
        await square.parts.push.close()


def read(square: Square, browser: Browser) -> list[str]:
    """What the browser was told."""
    return [one["body"] for one in browser.messages(square.parts.devices.get_key().public_key)]


async def in_line(square: Square) -> list[tuple[str, datetime, int]]:
    async with square.work() as work:
        rows = await work.rows("SELECT lane, due_at, attempts FROM notifications_pushes ORDER BY due_at")
        return [(row[0], row[1], row[2]) for row in rows]


async def test_every_device_is_told_at_once(pool: Pool) -> None:
    async with everywhere(pool) as (square, receiver, firebase, apns):
        ada, ben = await square.person("ada"), await square.person("ben")
        browser = Browser(receiver)
        await square.browse(ada, browser)
        await square.install(ada, "fcm", "firebase-token")
        await square.install(ada, "apns", "ab" * 32)
        post = await square.publish(ada)
        await square.comment(ben, post.id)
        await square.push()
        text = "Ben commented on your post"
        assert read(square, browser) == [text]
        assert [one["notification"]["body"] for one in firebase.accepted] == [text]
        (pushed,) = apns.pushed
        assert (pushed.body["aps"]["alert"]["body"], pushed.body["aps"]["badge"]) == (text, 1)
        (item,) = await square.inbox(ada)
        told = browser.messages(square.parts.devices.get_key().public_key)[0]
        assert (told["id"], told["url"]) == (str(item.id), f"/app#/posts/{post.id}")
        # Once told, nothing waits.
        await square.push()
        assert (len(browser.heard), await in_line(square)) == (1, [])


async def test_what_goes_on_replaces_what_was_told(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        people = [await square.person(name) for name in ("ada", "ben", "cleo", "dan")]
        browser = Browser(receiver)
        await square.browse(people[0], browser)
        post = await square.publish(people[0])
        for person in people[1:3]:
            await square.comment(person, post.id)
        # Both within the time that is collected: one push.
        await square.push()
        assert read(square, browser) == ["Cleo and Ben commented on your post"]
        told_at = now()
        await square.comment(people[3], post.id)
        await square.drain()
        # The next one waits, and each further one longer.
        ((_, due_at, _),) = await in_line(square)
        assert due_at > told_at + timedelta(seconds=5)
        await square.push()
        assert read(square, browser)[1:] == ["Dan and 2 others commented on your post"]
        first, second = browser.messages(square.parts.devices.get_key().public_key)
        assert first["tag"] == second["tag"] and first["push_id"] != second["push_id"]
        assert browser.heard[0].headers["topic"] == browser.heard[1].headers["topic"]


async def test_what_may_not_be_seen_is_not_told(pool: Pool) -> None:
    """Everything is asked when it is sent: what was read, hidden, or switched off since then is no news."""
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
        browser = Browser(receiver)
        await square.browse(ada, browser)
        post = await square.publish(ada)
        await square.comment(ben, post.id)
        await square.drain()
        await square.read_all(ada)
        await square.push()
        await square.comment(ben, post.id)
        await square.drain()
        await square.block(ada, ben)
        await square.push()
        await square.comment(cleo, post.id)
        await square.drain()
        await square.prefer(ada, PreferenceChanges(kinds={"comment": ChannelChanges(push=False)}))
        await square.push()
        # Nothing of it waits, and nothing was told.
        assert (browser.heard, await in_line(square)) == ([], [])
        await square.comment(cleo, post.id)
        await square.drain()
        assert await in_line(square) == []


async def test_a_deleted_post_takes_its_pushes_along(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben = await square.person("ada"), await square.person("ben")
        await square.browse(ada, Browser(receiver))
        post = await square.publish(ada)
        await square.comment(ben, post.id)
        await square.drain()
        async with square.work() as work:
            await square.posts.delete_post(work, ada, post.id)
        await square.push()
        assert (receiver.heard, await in_line(square)) == ([], [])


async def test_quiet_hours_hold_pushes_back(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben = await square.person("ada"), await square.person("ben")
        browser = Browser(receiver)
        await square.browse(ada, browser)
        post = await square.publish(ada)
        at = now()
        hours = QuietHours(f"{at - timedelta(hours=1):%H:%M}", f"{at + timedelta(hours=2):%H:%M}")
        # A digest in quiet hours would come back for ever, where jobs do not wait for their time.
        no_mail = {"comment": ChannelChanges(email="off")}
        await square.prefer(ada, PreferenceChanges(quiet_hours=hours, kinds=no_mail))
        await square.comment(ben, post.id)
        await square.drain()
        ((_, due_at, _),) = await in_line(square)
        assert due_at > now() + timedelta(hours=1)
        # Also where they have begun after it was put in line.
        await square.push()
        ((_, due_at, attempts),) = await in_line(square)
        assert due_at > now() + timedelta(hours=1) and (browser.heard, attempts) == ([], 0)
        await square.prefer(ada, PreferenceChanges(quiet_hours=None))
        await square.push()
        assert read(square, browser) == ["Ben commented on your post"]


async def test_an_ended_session_hears_nothing(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben = await square.person("ada"), await square.person("ben")
        mine, lost = Browser(receiver, "mine"), Browser(receiver, "lost")
        await square.browse(ada, mine)
        session_id = await square.session(ada)
        await square.browse(ada, lost, session_id)
        await square.comment(ben, (await square.publish(ada)).id)
        await square.drain()
        async with square.work() as work:
            await work.write("UPDATE accounts_sessions SET ended_at = now() WHERE id = $1", session_id)
        async with square.work() as work:
            page = await square.parts.devices.list_subscriptions(work, ada, 10, None)
            assert [one.endpoint for one in page.items] == [mine.endpoint]
        await square.push()
        assert (len(mine.heard), lost.heard) == (1, [])
        async with square.work() as work:
            left = await work.rows("SELECT address FROM notifications_devices WHERE person_id = $1", ada)
            assert [row["address"] for row in left] == [mine.endpoint]


async def test_addresses_that_are_gone_are_forgotten(pool: Pool) -> None:
    async with everywhere(pool) as (square, receiver, firebase, apns):
        ada, ben = await square.person("ada"), await square.person("ben")
        receiver.answer, firebase.answer = answering(410), refusing(404, "UNREGISTERED")
        back, gone = "cd" * 32, "ef" * 32
        at = int(now().timestamp() * 1000)
        # One app was removed, and installed again since then; the other one was not.
        apns.answers |= {
            back: (410, {"reason": "Unregistered", "timestamp": at - 60_000}),
            gone: (410, {"reason": "Unregistered", "timestamp": at + 60_000}),
        }
        await square.browse(ada, Browser(receiver))
        await square.install(ada, "fcm", "firebase-token")
        kept = await square.install(ada, "apns", back)
        await square.install(ada, "apns", gone)
        await square.comment(ben, (await square.publish(ada)).id)
        await square.push()
        assert (len(receiver.heard), len(firebase.accepted), await in_line(square)) == (1, 1, [])
        async with square.work() as work:
            assert (await square.parts.devices.list_subscriptions(work, ada, 10, None)).items == []
            assert [one.id for one in (await square.parts.devices.list_devices(work, ada, 10, None)).items] == [kept]


async def test_a_service_in_trouble_is_tried_again_apart_from_the_others(pool: Pool) -> None:
    async with receiving(in_turn(answering(503, b"", "Retry-After: 300"), answering(500), answering(201))) as receiver:
        square = square_with(pool)
        ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
        browser = Browser(receiver)
        await square.browse(ada, browser)
        post = await square.publish(ada)
        await square.comment(ben, post.id)
        await square.push()
        ((lane, due_at, attempts),) = await in_line(square)
        # The service asked for patience: what was in line is not due before.
        assert (lane, attempts, len(browser.heard)) == ("web.troubled", 1, 1)
        assert due_at > now() + timedelta(seconds=200)
        # What comes meanwhile is told with it.
        await square.comment(cleo, post.id)
        await square.push()
        assert len(browser.heard) == 2
        await square.push()
        texts = ["Ben commented on your post", *["Cleo and Ben commented on your post"] * 2]
        assert read(square, browser) == texts
        told = browser.messages(square.parts.devices.get_key().public_key)
        # A try that only repeats has the same id.
        assert told[1] == told[2] != told[0]
        assert [lane for lane, *_ in await in_line(square)] in ([], ["web.troubled"])
        async with square.work() as work:
            assert await work.value("SELECT failing_since FROM notifications_devices") is None


async def test_after_the_last_try_it_is_given_up_and_later_the_device_too(pool: Pool) -> None:
    async with receiving(answering(500)) as receiver:
        square = square_with(pool, retry_seconds=[1, 1])
        ada, ben = await square.person("ada"), await square.person("ben")
        await square.browse(ada, Browser(receiver))
        await square.comment(ben, (await square.publish(ada)).id)
        for _ in range(5):
            await square.push()
        assert (len(receiver.heard), await in_line(square)) == (3, [])
        async with square.work() as work:
            assert not await square.parts.pushing.forget(work)
            assert await work.value("SELECT count(*) FROM notifications_devices") == 1
            await work.write("UPDATE notifications_devices SET failing_since = failing_since - interval '31 days'")
        async with square.work() as work:
            await square.parts.pushing.forget(work)
            assert await work.write_value("SELECT count(*) FROM notifications_devices") == 0


async def test_a_worker_that_dies_leaves_its_pushes_to_the_next(pool: Pool) -> None:
    """Cut off while the service has the push in its hands: it is told again, under the same ids."""
    async with receiving(never) as receiver:
        square = square_with(pool)
        ada, ben = await square.person("ada"), await square.person("ben")
        browser = Browser(receiver)
        await square.browse(ada, browser)
        await square.comment(ben, (await square.publish(ada)).id)
        await square.drain()
        async with square.work() as work:
            await work.write("UPDATE notifications_pushes SET due_at = now()")

        async def send() -> None:
            async with square.work() as work:
                await square.parts.pushing.send_due(work, SendPushes("web"))

        worker = asyncio.create_task(send())
        while not browser.heard:
            await asyncio.sleep(0.01)
        # While one has the lane another one finds nothing to do, and will look again when the first may be dead.
        await send()
        assert len(browser.heard) == 1 and SendPushes("web") in square.memory.waiting
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        ((_, due_at, attempts),) = await in_line(square)
        assert attempts == 1 and due_at > now()
        async with square.work() as work:
            await work.write("UPDATE notifications_push_lanes SET busy_until = now() - interval '1 second'")
        receiver.answer = answering(201)
        await square.push()
        first, second = browser.messages(square.parts.devices.get_key().public_key)
        assert first == second
        assert await in_line(square) == []


async def test_what_happens_while_it_is_told_is_told_too(pool: Pool) -> None:
    square = square_with(pool)
    ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
    post = await square.publish(ada)

    async def answer(heard: Heard) -> bytes:
        if len(receiver.heard) == 1:
            await square.comment(cleo, post.id)
            await square.drain()
        return await answering(201)(heard)

    async with receiving(answer) as receiver:
        browser = Browser(receiver)
        await square.browse(ada, browser)
        await square.comment(ben, post.id)
        await square.push()
        await square.push()
        assert read(square, browser) == ["Ben commented on your post", "Cleo and Ben commented on your post"]
        assert await in_line(square) == []


async def test_what_only_pushes_tell_collapses_for_an_hour(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
        browser = Browser(receiver)
        await square.browse(ada, browser)
        await square.prefer(ada, PreferenceChanges(kinds={"comment": ChannelChanges(in_app=False, email="off")}))
        post = await square.publish(ada)
        await square.comment(ben, post.id)
        await square.push()
        closing = [job for job in square.memory.waiting if isinstance(job, CloseUnlisted)]
        square.memory.waiting.clear()
        (job,) = closing
        async with square.work() as work:
            await square.parts.pushing.close_unlisted(work, job)
        assert await square.inbox(ada) == []
        await square.comment(cleo, post.id)
        await square.push()
        assert read(square, browser) == ["Ben commented on your post", "Cleo commented on your post"]


async def test_the_sweep_finds_what_was_left_behind(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben = await square.person("ada"), await square.person("ben")
        await square.browse(ada, Browser(receiver))
        await square.comment(ben, (await square.publish(ada)).id)
        await square.drain()
        square.push_jobs.clear()
        async with square.work() as work:
            await work.write("UPDATE notifications_pushes SET due_at = now() - interval '10 minutes'")
        async with square.work() as work:
            await square.parts.pushing.sweep(work, SweepPushes())
        assert square.memory.waiting == [SendPushes("web")]


async def test_one_browser_is_one_subscription_and_belongs_to_who_was_last(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada, ben, cleo = [await square.person(name) for name in ("ada", "ben", "cleo")]
        browser = Browser(receiver)
        first = await square.browse(ada, browser)
        assert await square.browse(ada, browser) == first
        await square.comment(cleo, (await square.publish(ada)).id)
        await square.drain()
        # Ben signs in on the same device: what waits for Ada is not for him.
        assert await square.browse(ben, browser) != first
        await square.push()
        assert browser.heard == []
        with pytest.raises(SubscriptionNotFound):
            async with square.work() as work:
                await square.parts.devices.unsubscribe_endpoint(work, ada, browser.endpoint)
        async with square.work() as work:
            await square.parts.devices.unsubscribe_endpoint(work, ben, browser.endpoint)


async def test_the_longest_unseen_device_gives_way(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool, max_devices=2)
        ada = await square.person("ada")
        browsers = [Browser(receiver, str(number)) for number in range(3)]
        for browser in (browsers[0], browsers[1], browsers[0], browsers[2]):
            await square.browse(ada, browser)
        async with square.work() as work:
            page = await square.parts.devices.list_subscriptions(work, ada, 10, None)
        assert {one.endpoint for one in page.items} == {browsers[0].endpoint, browsers[2].endpoint}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "http://10.0.0.1/push"}, "endpoint"),
        ({"endpoint": "push"}, "endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": "A" * 22}}, "keys.p256dh"),
        ({"keys": {"p256dh": "ä", "auth": "A" * 22}}, "keys.p256dh"),
        ({"keys": {"auth": "AAAA"}}, "keys.auth"),
    ],
)
async def test_subscriptions_are_checked(pool: Pool, change: dict[str, Any], field: str) -> None:
    square = square_with(pool)
    ada = await square.person("ada")
    good = Browser(Receiver(answering(201))).subscription() | {"endpoint": "https://push.example.net/1"}
    wrong = good | change
    wrong["keys"] = good["keys"] | change.get("keys", {})
    with pytest.raises(Invalid) as refused:
        async with square.work() as work:
            new = msgspec.convert(wrong, NewSubscription)
            await square.parts.devices.subscribe(work, ada, await square.session(ada), "Test", new)
    assert refused.value.fields[0].field == field


async def test_what_is_not_set_up_is_not_offered(square: Square) -> None:
    ada = await square.person("ada")
    with pytest.raises(PushUnavailable):
        square.parts.devices.get_key()
    with pytest.raises(PushUnavailable):
        await square.install(ada, "fcm", "token")
    with pytest.raises(DeviceNotFound):
        async with square.work() as work:
            await square.parts.devices.remove_device(work, ada, UUID(int=1))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"service": "web", "token": "x"}, NewDevice)


async def test_nothing_of_a_deleted_person_is_left(pool: Pool) -> None:
    async with receiving(answering(201)) as receiver:
        square = square_with(pool)
        ada = await square.person("ada")
        browser = Browser(receiver)
        await square.browse(ada, browser)
        async with square.work() as work:
            exported = await square.parts.own.list_subscriptions(work, ada, None)
            assert [one.endpoint for one in exported.items] == [browser.endpoint]
            assert (await square.parts.own.list_devices(work, ada, None)).items == []
        async with square.work() as work:
            while await square.parts.own.erase(work, ada):
                pass
            assert await work.write_value("SELECT count(*) FROM notifications_devices") == 0


async def test_a_crowd_is_put_in_line_by_batches_and_each_device_is_told_once(pool: Pool) -> None:
    """5,000 people are told, 250 of them on a device: nothing but the batches asks the database."""
    async with apple() as apns:
        bell = Bell([new_id() for _ in range(CROWD)])
        push = build_push(PushSettings.model_validate({"apns": apns.settings()}), "Testville", "ops@example.org")
        square = Square(pool, bell.kind(), push=push)
        await _equip(square, bell.people[:: CROWD // EQUIPPED])
        async with square.work() as work:
            work.emit(BellRung(new_id(), new_id()))
        while square.memory.waiting:
            async with recorded(pool) as statements, square.work() as work:
                await square.run(work, square.memory.waiting.pop(0))
            assert len([statement for statement in statements if "notifications_" in statement]) <= 4
        assert len(await in_line(square)) == EQUIPPED
        # One job for all that wait on a lane, whoever has put it in line.
        assert set(square.push_jobs) == {SendPushes("apns")}
        await square.push()
        assert len({one.token for one in apns.pushed}) == len(apns.pushed) == EQUIPPED
        assert await in_line(square) == []
        await push.close()


async def _equip(square: Square, people: Sequence[UUID]) -> None:
    """Accounts, sessions and a device for each, at once."""
    async with square.work() as work:
        await work.write(
            """INSERT INTO accounts_accounts (id, email, email_key, password_hash, role, language, created_at)
               SELECT id, id::text, id::text, 'x', 'member', 'en', now() FROM unnest($1::uuid[]) AS id""",
            people,
        )
        await work.write(
            """INSERT INTO accounts_sessions (id, account_id, expires_at, user_agent, ip, refresh_digests)
               SELECT id, id, now() + interval '1 day', 'Test', '127.0.0.1', '{}' FROM unnest($1::uuid[]) AS id""",
            people,
        )
        await work.write(
            """INSERT INTO notifications_devices (id, person_id, session_id, service, address, address_digest, p256dh,
                   auth, user_agent, created_at, seen_at)
               SELECT id, id, id, 'apns', replace(id::text, '-', ''), sha256(id::text::bytea), '', '', 'Test', now(),
                   now() FROM unnest($1::uuid[]) AS id""",
            people,
        )
