"""Messages and addresses for tests of push services."""

from typing import Any

from msgspec import structs

from banyan.infra.push.message import Address, PushMessage, Shipment
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.infra.push.browser import Browser

_FIRST = new_id()


def message(**changes: Any) -> PushMessage:
    made = PushMessage(
        id=new_id(),
        tag=_FIRST.hex,
        title="Testville",
        body="Ada and 4 others commented on your post",
        url="/app#/notifications",
        kind="comment",
        notification_id=_FIRST,
        urgency="normal",
        ttl_seconds=3600,
    )
    return structs.replace(made, **changes)


def to_app(token: str, **changes: Any) -> Shipment:
    return Shipment(Address(address=token, known_since=now()), message(**changes))


def to_browser(browser: Browser, **changes: Any) -> Shipment:
    address = Address(address=browser.endpoint, p256dh=browser.point, auth=browser.auth, known_since=now())
    return Shipment(address, message(**changes))
