"""Apple's service: one HTTP/2 connection for all, a signed token, stable ids, and what its reasons mean."""

from datetime import UTC, datetime

import pytest

from banyan.infra.push.apns import Apns
from tests.infra.push.apple import KEY, KEY_ID, TEAM_ID, TOPIC, Apple, apple
from tests.infra.push.messages import to_app

TOKEN = "ab" * 32


def service(at: Apple) -> Apns:
    return Apns(KEY, KEY_ID, TEAM_ID, TOPIC, at.url, 10)


async def test_many_go_over_one_connection_with_ids_that_stay() -> None:
    async with apple() as there:
        apns = service(there)
        shipments = [to_app(f"{number:064x}", badge=number, urgency="low") for number in range(30)]
        assert [one.result for one in await apns.send_all(shipments)] == ["sent"] * 30
        assert (await apns.send_all(shipments[:1]))[0].result == "sent"
        assert there.connections == 1
        first, again = there.pushed[0], there.pushed[-1]
        message = shipments[0].message
        for one in (first, again):
            assert one.headers["apns-id"] == str(message.id)
            assert one.headers["apns-collapse-id"] == message.tag
            assert (one.headers["apns-priority"], one.headers["apns-push-type"]) == ("5", "alert")
        assert first.body["aps"] == {
            "alert": {"title": "Testville", "body": message.body},
            "thread-id": "comment",
            "sound": "default",
            "badge": 0,
        }
        assert first.body["url"] == "/app#/notifications"
        await apns.close()


async def test_without_a_time_to_wait_it_is_not_kept() -> None:
    async with apple() as there:
        apns = service(there)
        await apns.send_all([to_app(TOKEN, ttl_seconds=0)])
        assert there.pushed[0].headers["apns-expiration"] == "0"
        assert "badge" not in there.pushed[0].body["aps"]
        await apns.close()


@pytest.mark.parametrize(
    ("status", "said", "result"),
    [
        (410, {"reason": "Unregistered"}, "gone"),
        (400, {"reason": "BadDeviceToken"}, "gone"),
        (400, {"reason": "DeviceTokenNotForTopic"}, "gone"),
        (400, {"reason": "BadMessageId"}, "refused"),
        (403, {"reason": "InvalidProviderToken"}, "refused"),
        (403, {"reason": "ExpiredProviderToken"}, "failed"),
        (429, {"reason": "TooManyRequests"}, "failed"),
        (503, {"reason": "ServiceUnavailable"}, "failed"),
    ],
)
async def test_what_apple_answers_decides(status: int, said: dict[str, str], result: str) -> None:
    async with apple() as there:
        there.answers[TOKEN] = (status, said)
        apns = service(there)
        (outcome,) = await apns.send_all([to_app(TOKEN)])
        assert outcome.result == result and said["reason"] in outcome.reason
        await apns.close()


async def test_apple_says_since_when_a_token_is_gone() -> None:
    async with apple() as there:
        there.answers[TOKEN] = (410, {"reason": "Unregistered", "timestamp": 1_800_000_000_000})
        apns = service(there)
        (outcome,) = await apns.send_all([to_app(TOKEN)])
        assert outcome.gone_since == datetime.fromtimestamp(1_800_000_000, UTC)
        await apns.close()


async def test_a_service_that_is_away_is_tried_again_later() -> None:
    async with apple() as there:
        apns = service(there)
    (outcome,) = await apns.send_all([to_app(TOKEN)])
    assert outcome.result == "failed" and outcome.reason.startswith("No answer")
    await apns.close()


def test_tokens_of_devices_are_hexadecimal() -> None:
    apns = Apns(KEY, KEY_ID, TEAM_ID, TOPIC, "https://api.push.apple.com", 10)
    assert apns.check(TOKEN) is None
    for wrong in ("", "ab", "../../3/device/" + TOKEN, TOKEN + "\r\n", "z" * 64):
        assert apns.check(wrong) is not None
