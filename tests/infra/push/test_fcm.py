"""Firebase: a token for many messages, what a message says, and what its answers mean."""

import msgspec
import pytest

from banyan.infra.push.fcm import Fcm, ServiceAccount
from tests.features.webhooks.receiver import Answer, answering
from tests.infra.push.google import Google, google, refusing
from tests.infra.push.messages import to_app


def service(at: Google) -> Fcm:
    return Fcm(msgspec.json.decode(at.account(), type=ServiceAccount), at.origin, 10)


async def test_many_messages_go_with_one_token() -> None:
    async with google() as there:
        fcm = service(there)
        shipments = [to_app(f"token-{number}", urgency="high" if number else "low") for number in range(5)]
        assert [one.result for one in await fcm.send_all(shipments)] == ["sent"] * 5
        assert (there.tokens_given, len(there.accepted)) == (1, 5)
        by_token = {one["token"]: one for one in there.accepted}
        sent, message = by_token["token-1"], shipments[1].message
        assert sent["notification"] == {"title": "Testville", "body": message.body}
        assert sent["data"]["push_id"] == str(message.id) and sent["data"]["url"] == "/app#/notifications"
        assert sent["android"] == {
            "collapse_key": message.tag,
            "ttl": "3600s",
            "priority": "HIGH",
            "notification": {"tag": message.tag},
        }
        assert by_token["token-0"]["android"]["priority"] == "NORMAL"
        await fcm.close()


WRONG_TOKEN = (
    b'{"error":{"status":"INVALID_ARGUMENT","details":['
    b'{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"},'
    b'{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token"}]}]}}'
)


@pytest.mark.parametrize(
    ("answer", "result", "retry_after"),
    [
        (refusing(404, "UNREGISTERED"), "gone", None),
        (refusing(403, "SENDER_ID_MISMATCH"), "gone", None),
        (answering(400, WRONG_TOKEN), "gone", None),
        (refusing(400, "INVALID_ARGUMENT"), "refused", None),
        (refusing(429, "QUOTA_EXCEEDED", "Retry-After: 60"), "failed", 60),
        (refusing(503, "UNAVAILABLE"), "failed", None),
        (answering(500, b"<html>"), "failed", None),
    ],
)
async def test_what_firebase_answers_decides(answer: Answer, result: str, retry_after: float | None) -> None:
    async with google() as there:
        there.answer = answer
        fcm = service(there)
        (outcome,) = await fcm.send_all([to_app("token")])
        assert (outcome.result, outcome.retry_after_seconds) == (result, retry_after)
        await fcm.close()


async def test_a_token_that_is_taken_no_more_is_renewed() -> None:
    async with google() as there:
        fcm = service(there)
        await fcm.send_all([to_app("token")])
        there.tokens_given = 7
        (outcome,) = await fcm.send_all([to_app("token")])
        assert outcome.result == "failed"
        (outcome,) = await fcm.send_all([to_app("token")])
        assert (outcome.result, there.tokens_given) == ("sent", 8)
        await fcm.close()


@pytest.mark.parametrize("answer", [answering(400, b'{"error":"invalid_grant"}'), answering(200, b"what?")])
async def test_without_a_token_all_is_tried_again_later(answer: Answer) -> None:
    async with google() as there:
        there.token_answer = answer
        fcm = service(there)
        outcomes = await fcm.send_all([to_app("a"), to_app("b")])
        assert [one.result for one in outcomes] == ["failed", "failed"]
        assert outcomes[0].reason.startswith("No access token.")
        assert there.accepted == []
        await fcm.close()
