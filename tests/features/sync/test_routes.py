"""`/v1/sync` over HTTP: what a client is told of posts and connections, and what it costs."""

from typing import Any

import httpx

from tests.features.accounts.steps import jobs_done
from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.statements import recorded


class Device:
    """An app that keeps what `/v1/sync` tells it."""

    def __init__(self, api: Api, limit: int = 500) -> None:
        self.api = api
        self.limit = limit
        self.next: str | None = None
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}

    async def ask(self) -> httpx.Response:
        since = f"&since={self.next}" if self.next else ""
        return await self.api.get(f"/v1/sync?limit={self.limit}{since}")

    async def catch_up(self) -> None:
        while True:
            answer = await self.ask()
            assert answer.status_code == 200, answer.text
            page = answer.json()
            if page["reset"]:
                self.kept.clear()
            for item in page["items"]:
                key = (item["kind"], item["id"])
                if item["op"] == "delete":
                    assert item["value"] is None
                    self.kept.pop(key, None)
                else:
                    assert item["value"]["id"] == item["id"]
                    self.kept[key] = item["value"]
            self.next = page["next"]
            if not page["items"]:
                return

    @property
    def kinds(self) -> set[str]:
        """Of what is kept, but for what jobs tell, which comes when it comes."""
        return {kind for kind, _ in self.kept} - {"notification", "unread_notifications"}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Newest first."""
        return [self.kept[key] for key in sorted(self.kept, reverse=True) if key[0] == kind]


async def feed(reader: Api) -> list[dict[str, Any]]:
    answer = await reader.get("/v1/feed?limit=100")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_device_has_what_the_feed_shows(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    connection_id = await ada.connect(ben)
    device = Device(ada, limit=2)
    await device.catch_up()
    published = [(await ben.post("/v1/posts", {"body": f"{n}", "audience": "connections"})).json() for n in range(5)]

    async def arrived() -> bool:
        return len(await feed(ada)) == 5

    await eventually(arrived)
    post_id = published[0]["id"]
    await ada.put(f"/v1/posts/{post_id}/reactions/love")
    await ben.post(f"/v1/posts/{post_id}/comments", {"body": "Well"})
    await ben.patch(f"/v1/posts/{published[1]['id']}", {"body": "Changed"})
    await ben.patch("/v1/me", {"display_name": "Benjamin"})
    await device.catch_up()
    assert device.of("post") == await feed(ada)
    assert device.of("post")[0]["author"]["display_name"] == "Benjamin"
    assert [(one["id"], one["state"]) for one in device.of("connection")] == [(connection_id, "connected")]
    assert device.of("connection")[0]["person"]["display_name"] == "Benjamin"

    await ben.delete(f"/v1/posts/{published[2]['id']}")
    await ben.patch(f"/v1/posts/{published[3]['id']}", {"audience": "self"})
    await device.catch_up()
    assert [post["id"] for post in device.of("post")] == [published[n]["id"] for n in (4, 1, 0)]

    await ben.put(f"/v1/blocks/{ada.id}")
    await device.catch_up()
    assert device.kinds == set()


async def test_requests_for_a_connection_are_told_to_both(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    devices = [Device(ada), Device(ben)]
    for device in devices:
        await device.catch_up()
    asked = (await ada.post("/v1/connections", {"person_id": ben.id})).json()
    for device, state in zip(devices, ("sent", "received"), strict=True):
        await device.catch_up()
        assert [(one["id"], one["state"]) for one in device.of("connection")] == [(asked["id"], state)]
    await ben.post(f"/v1/connections/{asked['id']}/decline")
    for device in devices:
        await device.catch_up()
        assert device.kinds == set()


async def test_lists_are_told_to_their_owner(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.connect(ben)
    device, other = Device(ada), Device(ben)
    await device.catch_up()
    made = (await ada.post("/v1/lists", {"name": "Neighbours"})).json()
    await ada.put(f"/v1/lists/{made['id']}/members/{ben.id}")
    for each in (device, other):
        await each.catch_up()
    assert [(one["name"], one["member_count"]) for one in device.of("list")] == [("Neighbours", 1)]
    assert other.of("list") == []
    await ada.delete(f"/v1/lists/{made['id']}")
    await device.catch_up()
    assert device.of("list") == []


async def test_one_does_not_get_far_with_anothers_place(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.post("/v1/posts", {"body": "Hello"})
    device = Device(ada)
    await device.catch_up()
    answer = await ben.get(f"/v1/sync?since={device.next}")
    assert (answer.json()["reset"], answer.json()["items"]) == (True, [])


async def test_what_is_asked_must_make_sense(api: Api) -> None:
    ada = await api.sign_up("ada")
    for query, field in (("since=rubbish", "since"), ("limit=0", "limit"), ("limit=1001", "limit")):
        answer = await ada.get(f"/v1/sync?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_nothing_changed_is_answered_by_few_statements(api: Api) -> None:
    ada = await api.sign_up("ada")
    for number in range(8):
        other = await api.sign_up(f"other{number}")
        await ada.connect(other)
        await other.post("/v1/posts", {"body": "Hello"})

    async def arrived() -> bool:
        return len(await feed(ada)) == 8

    await eventually(arrived)
    await jobs_done(api)
    device = Device(ada)
    await device.catch_up()
    async with recorded(api.platform.pool) as statements:
        answer = await device.ask()
    assert answer.json()["items"] == []
    mine = [statement for statement in statements if "streams_" in statement or "FROM unnest" in statement]
    assert len([statement for statement in statements if "posts_home" in statement]) == 2
    assert len(mine) <= 6
    assert not [statement for statement in statements if "streams_" in statement and not statement.startswith("SELECT")]


async def test_who_begins_anew_is_answered_by_one_look_at_each_thing(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    await ada.connect(ben)
    for number in range(3):
        await ada.post("/v1/posts", {"body": f"{number}"})
    await jobs_done(api)
    device = Device(ada)
    async with recorded(api.platform.pool) as statements:
        page = (await device.ask()).json()
    assert not [statement for statement in statements if "($2::text::uuid[])" in statement]
    assert [item["value"] for item in page["items"] if item["kind"] == "post"] == await feed(ada)
    assert [item["value"]["person"]["id"] for item in page["items"] if item["kind"] == "connection"] == [ben.id]
    # What was logged is what the next look finds, which reads no values.
    device.next = page["next"]
    assert (await device.ask()).json()["items"] == []
    # Another device finds the same in the log.
    assert (await Device(ada).ask()).json()["items"] == page["items"]
