"""Keys and accounts that cannot be used are refused at the start, by name and without their value."""

from typing import Any

import pytest

from banyan.infra.settings import BadSettings
from tests.infra.push.apple import KEY
from tests.infra.push.google import Google
from tests.support.platform import settings_for


@pytest.mark.parametrize(
    ("push", "named"),
    [
        ({"vapid_key": "secret-value"}, "push.vapid_key"),
        ({"contact": "secret-value"}, "push.contact"),
        ({"fcm": {"service_account": "secret-value"}}, "push.fcm.service_account"),
        (
            {"fcm": {"service_account": '{"project_id":"p","client_email":"e","private_key":"secret-value"}'}},
            "push.fcm",
        ),
        ({"apns": {"key": "secret-value", "key_id": "K", "team_id": "T", "topic": "t"}}, "push.apns.key"),
        ({"allow_networks": ["secret-value/99"]}, "push.allow_networks"),
        ({"retry_seconds": [0]}, "push.retry_seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(push: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings_for("postgresql://localhost/none", push=push)
    assert named in str(refused.value)
    assert "allow" in named or "secret-value" not in str(refused.value)


def test_what_can_be_used_is_taken() -> None:
    apns = {"key": KEY, "key_id": "K", "team_id": "T", "topic": "org.example.town"}
    push = {"vapid_key": KEY, "fcm": {"service_account": Google().account()}, "apns": apns}
    assert settings_for("postgresql://localhost/none", push=push).push.fcm is not None
