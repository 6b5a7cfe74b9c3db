"""Keeping webhooks: what is taken and what is refused, secrets that nobody finds, races."""

import asyncio
import base64
import json

import pytest

from banyan.app.webhooks import SIGNALS
from banyan.features.messaging import signals as messaging_signals
from banyan.features.people import signals as people_signals
from banyan.features.posts import signals as posts_signals
from banyan.kernel.signals import Signal, kind_of
from tests.features.accounts.steps import code
from tests.features.webhooks.hooks import heard, house, make_webhook, publish, settled, show, signatures
from tests.features.webhooks.receiver import receiving
from tests.support.eventually import eventually

URL = "https://hooks.example.com/banyan"
# Of no business to anybody outside.
KEPT_INSIDE = {
    people_signals.ListMemberAdded,
    people_signals.ListMemberRemoved,
    people_signals.ListDeleted,
    people_signals.ConnectionAsked,
    posts_signals.HiddenCommentDeleted,
    messaging_signals.ConversationRead,
    messaging_signals.MessageSent,
}


def test_every_signal_is_told_or_kept_inside_on_purpose() -> None:
    ours = {signal for signal in Signal.__subclasses__() if signal.__module__.startswith("banyan.features.")}
    assert set(SIGNALS) | KEPT_INSIDE == ours


async def test_the_catalogue_has_the_schema_of_each(database_url: str) -> None:
    async with house(database_url) as admin:
        items = (await admin.get("/v1/admin/webhook-signals")).json()["items"]
    assert [item["name"] for item in items] == sorted(kind_of(signal) for signal in SIGNALS)
    (comment,) = [item for item in items if item["name"] == "posts.CommentWritten"]
    assert comment["description"] == "A comment stands under a post."
    assert set(comment["schema"]["properties"]) == {"comment_id", "post_id", "author_id"}
    assert all("$ref" not in json.dumps(item["schema"]) for item in items)


async def test_a_webhook_is_made_changed_and_deleted(database_url: str) -> None:
    async with house(database_url) as admin:
        made = await make_webhook(admin, URL, "PostPublished", "posts.PostDeleted", "posts.PostPublished")
        assert made["signals"] == ["posts.PostDeleted", "posts.PostPublished"]
        assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
        shown = await show(admin, made)
        assert "secret" not in shown and shown == {name: made[name] for name in shown}
        path = f"/v1/admin/webhooks/{made['id']}"
        changed = await admin.patch(path, {"signals": ["*", "posts.PostDeleted"], "description": " For the bot "})
        assert (changed.json()["signals"], changed.json()["description"]) == (["*"], "For the bot")
        assert (await admin.get("/v1/admin/webhooks")).json()["items"] == [changed.json()]
        assert (await admin.delete(path)).status_code == 204
        for answer in (await admin.get(path), await admin.delete(path), await admin.patch(path, {})):
            assert code(answer) == (404, "webhook_not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://hooks.example.com/", "signals": ["*"]}, "url"),
        ({"url": "https://10.0.0.1/", "signals": ["*"]}, "url"),
        ({"url": "https://[::1]/", "signals": ["*"]}, "url"),
        ({"url": "https://0x7f.1/", "signals": ["*"]}, "url"),
        ({"url": "https://user:pass@hooks.example.com/", "signals": ["*"]}, "url"),
        ({"url": "ftp://hooks.example.com/", "signals": ["*"]}, "url"),
        ({"url": "hooks", "signals": ["*"]}, "url"),
        ({"url": "https://xn--/", "signals": ["*"]}, "url"),
        ({"url": URL, "signals": []}, "signals"),
        ({"url": URL, "signals": ["posts.PostEaten"]}, "signals"),
        ({"url": URL, "signals": ["*"], "description": "x" * 201}, "description"),
        ({"url": URL, "signals": ["*"], "secret": "mine"}, "secret"),
    ],
)
async def test_what_cannot_be_is_refused(database_url: str, body: dict[str, object], field: str) -> None:
    async with house(database_url, allow_http=False, allow_networks=[]) as admin:
        refused = await admin.post("/v1/admin/webhooks", body)
        assert refused.status_code == 422, refused.text
        assert [error["field"].partition("[")[0] for error in refused.json()["errors"]] == [field]


async def test_there_are_not_more_than_may_be(database_url: str) -> None:
    async with house(database_url, max_webhooks=3) as admin:
        body = {"url": URL, "signals": ["*"]}
        answers = await asyncio.gather(*(admin.post("/v1/admin/webhooks", body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers if answer.status_code == 409} == {"too_many_webhooks"}


async def test_the_secret_lies_nowhere_as_it_is(database_url: str) -> None:
    async with house(database_url) as admin:
        body = {"url": URL, "signals": ["*"]}
        first = await admin.post("/v1/admin/webhooks", body, idempotency_key="a")
        again = await admin.post("/v1/admin/webhooks", body, idempotency_key="a")
        assert first.json() == again.json()
        path = f"/v1/admin/webhooks/{first.json()['id']}/rotate-secret"
        rotated = await admin.post(path, idempotency_key="b")
        repeated = await admin.post(path, idempotency_key="b")
        assert rotated.json() == repeated.json() and rotated.json()["secret"] != first.json()["secret"]
        async with admin.platform.pool.connection() as connection:
            rows = [
                *await connection.fetch("SELECT w::text FROM webhooks_webhooks w"),
                *await connection.fetch("SELECT k::text, convert_from(body, 'UTF8') FROM http_idempotency_keys k"),
            ]
            assert await connection.fetchval("SELECT count(*) FROM webhooks_webhooks") == 1
            stored = await connection.fetchval("SELECT secret FROM webhooks_webhooks")
    for answer in (first, rotated):
        secret = answer.json()["secret"]
        key = base64.b64decode(secret.removeprefix("whsec_"))
        assert secret not in str(rows) and key.hex() not in str(rows) and key not in stored


async def test_after_a_rotation_both_secrets_sign_for_a_while(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        rotated = (await admin.post(f"/v1/admin/webhooks/{webhook['id']}/rotate-secret")).json()
        await publish(admin)
        (request,) = await heard(receiver, 1)
        assert request.headers["webhook-signature"].split() == [
            signatures(rotated["secret"], request),
            signatures(webhook["secret"], request),
        ]
        async with admin.platform.pool.connection() as connection:
            await connection.execute("UPDATE webhooks_webhooks SET previous_until = now()")
        await publish(admin)
        (_, newest) = await heard(receiver, 2)
        assert newest.headers["webhook-signature"] == signatures(rotated["secret"], newest)


async def test_a_secret_of_another_key_is_said_to_be_unreadable(database_url: str) -> None:
    async with receiving() as receiver, house(database_url, retry_seconds=[60]) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        async with admin.platform.pool.connection() as connection:
            await connection.execute("UPDATE webhooks_webhooks SET secret = sha256('other') || sha256('key')")
        await publish(admin)

        async def tried() -> bool:
            log = (await admin.get(f"/v1/admin/webhooks/{webhook['id']}/deliveries")).json()["items"]
            return bool(log) and "auth.secret" in (log[0]["error"] or "")

        await eventually(tried)
        assert receiver.heard == []


async def test_a_test_goes_to_a_webhook_that_is_off(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        webhook = await make_webhook(admin, receiver.url, "posts.PostPublished")
        await admin.patch(f"/v1/admin/webhooks/{webhook['id']}", {"active": False})
        await publish(admin)
        sent = await admin.post(f"/v1/admin/webhooks/{webhook['id']}/test")
        assert (sent.status_code, sent.json()["state"], sent.json()["signal"]) == (202, "waiting", "webhooks.Test")
        (request,) = await heard(receiver, 1)
        (delivery,) = await settled(admin, webhook)
    assert request.message["data"] == {"text": "This is a test."}
    assert delivery["id"] == sent.json()["id"] == request.id


async def test_a_delivery_belongs_to_its_webhook(database_url: str) -> None:
    async with receiving() as receiver, house(database_url) as admin:
        one, other = await make_webhook(admin, receiver.url), await make_webhook(admin, receiver.url)
        delivery_id = (await admin.post(f"/v1/admin/webhooks/{one['id']}/test")).json()["id"]
        path = f"/v1/admin/webhooks/{other['id']}/deliveries/{delivery_id}"
        for answer in (await admin.get(path), await admin.post(f"{path}/replay")):
            assert code(answer) == (404, "delivery_not_found")
