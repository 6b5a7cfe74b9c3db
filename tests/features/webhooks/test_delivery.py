"""From a signal to a receiver: signed, once per webhook, tried again, given up, sent again on demand."""

import asyncio
import time
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from banyan.features.webhooks.jobs import ForgetDeliveries, SweepDeliveries
from banyan.kernel.clock import now
from tests.features.accounts.steps import jobs_done
from tests.features.webhooks.hooks import (
    deliveries,
    heard,
    house,
    make_webhook,
    publish,
    settled,
    show,
    signatures,
)
from tests.features.webhooks.receiver import answering, in_turn, never, receiving
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform
from tests.support.statements import recorded


async def test_a_signal_arrives_signed(database_url: str) -> None:
    async with receiving(answering(200, b"thanks")) as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        post_id = await publish(admin)
        (request,) = await heard(receiver, 1)
        (delivery,) = await settled(admin, webhook)
        detail = (await admin.get(f"/v1/admin/webhooks/{webhook['id']}/deliveries/{delivery['id']}")).json()
    assert request.path == "/hook?of=banyan"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == receiver.url.split("/")[2]
    assert request.headers["webhook-signature"] == signatures(webhook["secret"], request)
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert request.message == {
        "id": request.id,
        "type": "posts.PostPublished",
        "created_at": request.message["created_at"],
        "data": {"post_id": post_id, "author_id": admin.id, "list_id": None},
    }
    assert (delivery["id"], delivery["state"], delivery["attempts"], delivery["status"]) == (
        request.id,
        "delivered",
        1,
        200,
    )
    assert (delivery["response"], delivery["error"], delivery["next_try_at"]) == ("thanks", None, None)
    assert delivery["duration_ms"] >= 0 and delivery["last_try_at"]
    assert detail["payload"] == request.message


async def test_each_webhook_hears_what_it_wants_once(database_url: str) -> None:
    async with receiving() as all_ears, receiving() as picky, receiving() as deaf, house(database_url) as admin:
        await make_webhook(admin, all_ears.url, "*")
        await make_webhook(admin, picky.url, "PostDeleted", "posts.CommentWritten", "PostDeleted")
        await make_webhook(admin, deaf.url, "AccountCreated")
        post_id = await publish(admin)
        await admin.post(f"/v1/posts/{post_id}/comments", {"body": "Indeed"})
        await admin.put(f"/v1/posts/{post_id}/reactions/love")
        await admin.patch("/v1/me", {"bio": "I am"})
        await admin.delete(f"/v1/posts/{post_id}")
        await heard(all_ears, 5)
        await heard(picky, 2)
    assert sorted(one.message["type"] for one in all_ears.heard) == [
        "people.ProfileChanged",
        "posts.CommentWritten",
        "posts.PostDeleted",
        "posts.PostPublished",
        "posts.ReactionPut",
    ]
    assert {one.message["type"] for one in picky.heard} == {"posts.CommentWritten", "posts.PostDeleted"}
    assert deaf.heard == []
    assert len({one.id for one in all_ears.heard + picky.heard}) == 7


async def test_nothing_is_told_of_a_post_that_only_its_author_sees(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        ben = await admin.sign_up("ben")
        post_id = await publish(admin)
        comment = (await ben.post(f"/v1/posts/{post_id}/comments", {"body": "Indeed"})).json()["id"]
        await jobs_done(admin)
        await make_webhook(admin, receiver.url, "*")
        await admin.patch(f"/v1/posts/{post_id}", {"audience": "self"})
        note = (await admin.post(f"/v1/posts/{post_id}/comments", {"body": "Mine", "parent_id": comment})).json()["id"]
        await admin.patch(f"/v1/comments/{note}", {"body": "Mine alone"})
        await admin.put(f"/v1/posts/{post_id}/reactions/love")
        await admin.delete(f"/v1/posts/{post_id}/reactions/love")
        assert (await admin.delete(f"/v1/comments/{note}")).status_code == 204
        assert (await admin.delete(f"/v1/comments/{comment}")).status_code == 204
        await admin.delete(f"/v1/posts/{post_id}")
        await admin.patch("/v1/me", {"bio": "I am"})
        await eventually(lambda: any(one.message["type"] == "people.ProfileChanged" for one in receiver.heard))
        await jobs_done(admin)
    # That it is no longer for others is told.
    assert sorted(one.message["type"] for one in receiver.heard) == ["people.ProfileChanged", "posts.PostEdited"]


async def test_what_nobody_wants_leaves_no_row(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        await make_webhook(admin, receiver.url, "posts.PostDeleted")
        await admin.patch("/v1/me", {"bio": "One"})
        async with recorded(admin.platform.pool) as statements:
            await admin.patch("/v1/me", {"bio": "Two"})
        assert not any("INSERT INTO jobs" in statement for statement in statements)
        assert receiver.heard == []


async def test_a_failing_receiver_is_tried_again_until_it_hears(database_url: str) -> None:
    answers = in_turn(answering(500, b"not now"), answering(302, b"", "Location: http://127.0.0.1:1/"), answering(200))
    async with receiving(answers) as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await publish(admin)
        requests = await heard(receiver, 3)
        (delivery,) = await settled(admin, webhook)
        well = await show(admin, webhook)
    assert len({one.id for one in requests}) == 1
    assert len({one.body for one in requests}) == 1
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert well["failing_since"] is None and well["active"]


async def test_it_is_given_up_in_the_end_and_may_be_sent_again(database_url: str) -> None:
    async with receiving(answering(503, b"closed")) as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await publish(admin)
        (dead,) = await settled(admin, webhook)
        assert (dead["state"], dead["attempts"], dead["status"], dead["response"]) == ("dead", 4, 503, "closed")
        assert "503" in dead["error"] and dead["next_try_at"] is None
        assert (await show(admin, webhook))["failing_since"] is not None
        assert [one["id"] for one in await deliveries(admin, webhook, "?state=dead")] == [dead["id"]]
        assert await deliveries(admin, webhook, "?state=waiting") == []
        receiver.answer = answering(204)
        replayed = await admin.post(f"/v1/admin/webhooks/{webhook['id']}/deliveries/{dead['id']}/replay")
        assert (replayed.status_code, replayed.json()["state"]) == (202, "waiting")
        (delivered,) = await settled(admin, webhook)
    assert (delivered["id"], delivered["state"], delivered["attempts"]) == (dead["id"], "delivered", 1)
    assert len({one.id for one in receiver.heard}) == 1 and len(receiver.heard) == 5


async def test_nobody_listens(database_url: str) -> None:
    async with house(database_url, retry_seconds=[60]) as admin:
        webhook = await make_webhook(admin, "http://127.0.0.1:1/", "posts.PostPublished")
        await publish(admin)

        async def tried() -> bool:
            return any(one["error"] for one in await deliveries(admin, webhook))

        await eventually(tried)
        (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("waiting", None, 1)
    assert delivery["error"].startswith("No connection")
    assert delivery["next_try_at"] > delivery["last_try_at"]


async def test_a_receiver_that_says_when_to_come_back_is_believed(database_url: str) -> None:
    answer = answering(429, b"", "Retry-After: 3600")
    async with receiving(answer) as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await publish(admin)

        async def tried() -> bool:
            return any(one["status"] for one in await deliveries(admin, webhook))

        await eventually(tried)
        waits = await admin.platform.pool.work().value(
            "SELECT next_try_at - last_try_at FROM webhooks_deliveries WHERE webhook_id = $1", webhook["id"]
        )
    assert timedelta(seconds=3599) < waits < timedelta(seconds=3700)


async def test_slow_and_endless_answers_are_cut_off_and_hold_up_nobody(database_url: str) -> None:
    async def endless(_heard: object) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 200_000

    async with (
        receiving(never) as slow,
        receiving(endless) as huge,
        receiving() as quick,
        # Two more tries soon, for what a busy machine did not send in time.
        house(database_url, timeout_seconds=3, retry_seconds=[1, 1, 600]) as admin,
    ):
        slow_one = await make_webhook(admin, slow.url, "posts.PostPublished")
        huge_one = await make_webhook(admin, huge.url, "posts.PostPublished")
        quick_one = await make_webhook(admin, quick.url, "posts.PostPublished")
        for _ in range(30):
            await publish(admin)
        await settled(admin, quick_one, 20)
        assert all(one["state"] == "waiting" for one in await deliveries(admin, slow_one, "?limit=100"))
        delivered = await settled(admin, huge_one, 20)
        assert {one["response"] for one in delivered if one["state"] == "delivered"} == {"x" * 1000}
        assert slow.most_at_once <= 8

        async def given_up() -> bool:
            return any("within 3 s" in (one["error"] or "") for one in await deliveries(admin, slow_one, "?limit=100"))

        await eventually(given_up)


async def test_a_webhook_without_success_is_switched_off(database_url: str) -> None:
    async with receiving(answering(500)) as receiver, house(database_url, off_after_seconds=0.01) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        with capture_logs() as logs:
            await publish(admin)

            async def is_off() -> bool:
                return not (await show(admin, webhook))["active"]

            await eventually(is_off)
        off = await show(admin, webhook)
        assert "500" in off["disabled_reason"] and off["disabled_at"] and off["failing_since"]
        assert [one["webhook"] for one in logs if one["event"] == "webhook switched off"] == [webhook["id"]]
        # What comes meanwhile is not recorded, what waited goes out once it is on again.
        waiting = len(await deliveries(admin, webhook))
        await publish(admin)
        receiver.answer = answering(204)
        on = await admin.patch(f"/v1/admin/webhooks/{webhook['id']}", {"active": True})
        assert (on.json()["active"], on.json()["disabled_reason"], on.json()["failing_since"]) == (True, None, None)
        log = await settled(admin, webhook)
    assert len(log) == waiting == 1 and log[0]["state"] == "delivered"


async def test_gone_means_no_more(database_url: str) -> None:
    async with receiving(answering(410)) as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await publish(admin)

        async def is_off() -> bool:
            return not (await show(admin, webhook))["active"]

        await eventually(is_off)
        assert "410" in (await show(admin, webhook))["disabled_reason"]
        # The pause after the failure is over by then: nothing is sent to a webhook that is off but a test.
        await asyncio.sleep(0.2)
        await heard(receiver, 1)
        receiver.answer = answering(204)
        await admin.post(f"/v1/admin/webhooks/{webhook['id']}/test")
        requests = await heard(receiver, 2)
    assert requests[1].message["type"] == "webhooks.Test"


async def test_another_process_hears_of_a_new_webhook_within_a_second(database_url: str) -> None:
    async with (
        receiving() as receiver,
        house(database_url) as admin,
        running_platform(admin.platform.settings, "api") as second,
        api_of(second) as api,
    ):
        other = Api(second, api.http, admin.signed_in)
        await publish(other)
        await make_webhook(admin, receiver.url, "posts.PostPublished")

        async def arrived() -> bool:
            await publish(other)
            return bool(receiver.heard)

        await eventually(arrived)


async def test_what_lost_its_job_is_set_going_again(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        pool = admin.platform.pool
        async with pool.work() as work:
            await work.write(
                """INSERT INTO webhooks_deliveries (id, webhook_id, signal, body, created_at, next_try_at)
                   VALUES (gen_random_uuid(), $1, 'posts.PostPublished', '{}', now(), now() - interval '1 hour')""",
                webhook["id"],
            )
            work.enqueue(SweepDeliveries())
        await heard(receiver, 1)


@pytest.mark.parametrize("kept", [True, False])
async def test_the_log_is_kept_for_thirty_days(database_url: str, kept: bool) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await publish(admin)
        (delivery,) = await settled(admin, webhook)
        age = timedelta(days=29 if kept else 31)
        old = int((now() - age).timestamp() * 1000)
        async with admin.platform.pool.work() as work:
            await work.write(
                "UPDATE webhooks_deliveries SET id = ($1 || substr(id::text, 14))::uuid WHERE id = $2",
                f"{old >> 16:08x}-{old & 0xFFFF:04x}",
                delivery["id"],
            )
            work.enqueue(ForgetDeliveries())

        async def forgotten() -> bool:
            return not await admin.platform.pool.work().value("SELECT count(*) FROM jobs WHERE run_at < now()")

        await eventually(forgotten)
        assert len(await deliveries(admin, webhook)) == (1 if kept else 0)
