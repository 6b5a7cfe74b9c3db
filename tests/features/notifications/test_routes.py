"""Notifications over HTTP, with the worker of a running platform, and in the stream that clients read."""

from typing import Any

from tests.features.sync.test_routes import Device
from tests.support.eventually import eventually
from tests.support.platform import Api


async def told(reader: Api, number: int) -> list[dict[str, Any]]:
    """So many notifications, once the jobs have run."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = (await reader.get("/v1/notifications")).json()["items"]
        return len(found) == number

    await eventually(there)
    return found


async def test_an_inbox_is_read(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    post = (await ada.post("/v1/posts", {"body": "Hello"})).json()
    comment = (await ben.post(f"/v1/posts/{post['id']}/comments", {"body": "Hi"})).json()
    (one,) = await told(ada, 1)
    assert one["text"] == "Ben commented on your post"
    assert one["subject"] == {"type": "post", "id": post["id"]}
    assert (one["actor_count"], one["actors"][0]["handle"], one["read_at"]) == (1, "ben", None)
    assert comment["post_id"] == one["post_id"]
    assert (await ada.get("/v1/notifications/unread-count")).json() == {"unread_count": 1}
    assert (await ben.put(f"/v1/notifications/{one['id']}/read")).status_code == 404
    assert (await ada.put(f"/v1/notifications/{one['id']}/read")).status_code == 204
    assert (await ada.get("/v1/notifications/unread-count")).json() == {"unread_count": 0}
    assert (await ada.get("/v1/notifications?unread=true")).json()["items"] == []
    await ben.post(f"/v1/posts/{post['id']}/comments", {"body": "Hi"})
    newest = (await told(ada, 2))[0]
    answer = await ada.post("/v1/notifications/read-all", {"before": newest["id"]})
    assert answer.json() == {"unread_count": 0}


async def test_a_device_hears_of_notifications(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    device = Device(ada)
    await device.catch_up()
    assert device.of("notification") == device.of("unread_notifications") == []
    post = (await ada.post("/v1/posts", {"body": "Hello"})).json()
    for _ in range(2):
        await ben.post(f"/v1/posts/{post['id']}/comments", {"body": "Hi"})
        await ben.put(f"/v1/posts/{post['id']}/reactions/love")

    async def same() -> bool:
        await device.catch_up()
        items = (await ada.get("/v1/notifications")).json()["items"]
        return len(items) == 2 and device.of("notification") == sorted(items, key=lambda one: one["id"], reverse=True)

    async def done() -> bool:
        due = "SELECT count(*) FROM jobs WHERE run_at <= now()"
        return not await ada.platform.pool.work().value(due)

    # What is told after all is read would be news again.
    await eventually(done)
    await eventually(same)
    assert device.of("unread_notifications") == [{"id": ada.id, "unread_count": 2}]
    await ada.post("/v1/notifications/read-all", {})
    await device.catch_up()
    assert device.of("unread_notifications") == []
    assert all(one["read_at"] for one in device.of("notification"))
    await ada.put(f"/v1/blocks/{ben.id}")
    await device.catch_up()
    assert device.of("notification") == []


async def test_preferences_stay_where_nothing_is_said(api: Api) -> None:
    ada = await api.sign_up("ada")
    path = "/v1/notifications/preferences"
    first = (await ada.get(path)).json()
    assert first["kinds"]["comment"] == {"in_app": True, "email": "daily", "push": True}
    assert (first["quiet_hours"], first["time_zone"], first["digest_hour"]) == (None, "UTC", 8)
    kinds = (await ada.get("/v1/notifications/kinds")).json()["items"]
    assert [one["kind"] for one in kinds] == list(first["kinds"])
    assert {"kind": "mention", "title": "Mentions"} in kinds
    quiet = {"from": "22:00", "to": "07:00"}
    changes = {"kinds": {"comment": {"email": "now"}}, "quiet_hours": quiet, "time_zone": "Africa/Tunis"}
    changed = (await ada.ask("PUT", path, changes)).json()
    assert changed == first | {
        "kinds": first["kinds"] | {"comment": {"in_app": True, "email": "now", "push": True}},
        "quiet_hours": quiet,
        "time_zone": "Africa/Tunis",
    }
    # What is shown can be sent back.
    assert (await ada.ask("PUT", path, changed)).json() == changed
    assert (await ada.ask("PUT", path, {"quiet_hours": None})).json() == changed | {"quiet_hours": None}
    for wrong, field in (
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"kinds": {"nothing": {"push": True}}}, "kinds"),
        ({"kinds": {"comment": {"email": "hourly"}}}, "kinds.comment.email"),
        ({"quiet_hours": {"from": "24:00", "to": "07:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "07:00", "to": "07:00"}}, "quiet_hours"),
        ({"digest_hour": 24}, "digest_hour"),
    ):
        refused = await ada.ask("PUT", path, wrong)
        assert refused.status_code == 422, wrong
        assert refused.json()["errors"][0]["field"].startswith(field.partition(".")[0])


async def test_a_device_hears_of_conversations(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    device = Device(ada)
    await device.catch_up()
    made = (await ben.post("/v1/conversations", {"member_ids": [ada.id]})).json()
    await ben.post(f"/v1/conversations/{made['id']}/messages", {"body": "Hello", "client_id": "1"})
    await device.catch_up()
    (pointer,) = device.of("conversation")
    assert (pointer["id"], pointer["unread_count"]) == (made["id"], 1)
