"""The plug-in inside a whole platform, on a real PostgreSQL: routes, rules, races, signals, schedules."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lost_and_found.jobs import CloseOldItems

from banyan.app.plugins import load_plugins, migration_sources
from banyan.infra.database.migrate import migrate
from tests.features.accounts.steps import code
from tests.features.webhooks.hooks import QUICK, make_webhook
from tests.features.webhooks.receiver import receiving
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

FOLDER = Path(__file__).parents[1] / "src" / "lost_and_found"
ITEMS = "/v1/lost-and-found/items"
KEYS = {"kind": "lost", "title": "Keys", "description": "Three on a ring", "place": "At the mosque"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """A platform with the plug-in, and three open items per person."""
    plugins = {"paths": [str(FOLDER)], "lost_and_found": {"open_per_person": 3}}
    settings = settings_for(database_url, plugins=plugins, webhooks=QUICK)
    await migrate(settings.database, migration_sources(load_plugins(settings.plugins)))
    async with running_platform(settings) as platform, api_of(platform) as api:
        yield api


async def report(reporter: Api, **changes: Any) -> dict[str, Any]:
    answer = await reporter.post(ITEMS, KEYS | changes)
    assert answer.status_code == 201, answer.text
    item: dict[str, Any] = answer.json()
    return item


async def listed(reader: Api, query: str = "") -> list[str]:
    answer = await reader.get(f"{ITEMS}{query}")
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_an_item_is_reported_changed_and_taken_back(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    item = await report(ada, title=" Keys ")
    assert (item["kind"], item["state"], item["title"], item["person"]["handle"]) == ("lost", "open", "Keys", "ada")
    path = f"{ITEMS}/{item['id']}"
    assert (await bola.get(path)).json() == item
    changed = await ada.patch(path, {"place": "By the well"})
    assert changed.json() == item | {"place": "By the well"}
    assert (await ada.delete(path)).status_code == 204
    assert code(await bola.get(path)) == (404, "item_not_found")


async def test_who_may_do_what(api: Api) -> None:
    ada, bola, blocked = [await api.sign_up(handle) for handle in ("ada", "bola", "blocked")]
    await ada.put(f"/v1/blocks/{blocked.id}")
    item = await report(ada)
    path = f"{ITEMS}/{item['id']}"
    for body, method, place in (({"title": "Mine"}, "PATCH", ""), ({}, "POST", "/return"), (None, "DELETE", "")):
        answers = [await caller.ask(method, path + place, body) for caller in (api, bola, blocked)]
        assert [answer.status_code for answer in answers] == [401, 403, 404]
    assert [(await caller.get(path)).status_code for caller in (api, bola, blocked)] == [401, 200, 404]
    assert await listed(blocked) == []


@pytest.mark.parametrize(
    "wrong",
    [{"title": ""}, {"title": "x" * 101}, {"kind": "stolen"}, {"place": "a\nb"}, {"description": "\0"}, {"price": 1}],
)
async def test_what_cannot_be_is_refused(api: Api, wrong: dict[str, object]) -> None:
    ada = await api.sign_up("ada")
    assert (await ada.post(ITEMS, KEYS | wrong)).status_code == 422


async def test_lists_are_pages_that_cost_the_same_whatever_their_length(api: Api) -> None:
    people = [await api.sign_up(f"person_{number}") for number in range(4)]
    for person in people:
        await report(person, kind="found", title=person.handle)
    await report(people[0])
    assert await listed(people[0], "?kind=found") == ["person_3", "person_2", "person_1", "person_0"]
    first = (await people[0].get(f"{ITEMS}?limit=2")).json()
    second = (await people[0].get(f"{ITEMS}?limit=2&cursor={first['next_cursor']}")).json()
    assert [item["title"] for item in first["items"] + second["items"]] == ["Keys", "person_3", "person_2", "person_1"]
    await people[0].get(f"{ITEMS}?limit=5")
    counts = []
    for limit in (1, 5):
        async with recorded(api.platform.pool) as statements:
            await people[0].get(f"{ITEMS}?limit={limit}")
        counts.append(len([one for one in statements if "lost_and_found" in one or "people_" in one]))
    assert counts == [1, 1]


async def test_a_return_thanks_the_helper_once(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    lost = await report(ada)
    found = await report(bola, kind="found", title="Cat")
    path = f"{ITEMS}/{lost['id']}/return"
    answers = await asyncio.gather(*(ada.post(path, {"helper_id": bola.id}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert (await bola.post(f"{ITEMS}/{found['id']}/return", {})).json()["state"] == "returned"

    async def thanked() -> bool:
        helpers = (await ada.get("/v1/lost-and-found/helpers")).json()["items"]
        return [(one["person"]["handle"], one["returned_count"]) for one in helpers] == [("bola", 2)]

    await eventually(thanked)
    assert code(await ada.patch(f"{ITEMS}/{lost['id']}", {"title": "Late"})) == (409, "item_not_open")
    assert sorted(await listed(ada, "?state=returned")) == ["Cat", "Keys"] and await listed(ada) == []


async def test_a_retry_reports_once(api: Api) -> None:
    ada = await api.sign_up("ada")
    first, again = [await ada.post(ITEMS, KEYS, idempotency_key="one") for _ in range(2)]
    assert first.json() == again.json() and await listed(ada) == ["Keys"]


async def test_nobody_has_more_open_items_than_the_setting_says(api: Api) -> None:
    ada = await api.sign_up("ada")
    answers = await asyncio.gather(*(ada.post(ITEMS, KEYS) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409, 409, 409]


async def test_what_nobody_touches_is_closed(api: Api) -> None:
    ada = await api.sign_up("ada")
    await report(ada, title="Old")
    async with api.platform.pool.work() as work:
        await work.write("UPDATE lost_and_found_items SET touched_at = now() - interval '61 days'")
    await report(ada, title="New")
    async with api.platform.pool.work() as work:
        work.enqueue(CloseOldItems())

    async def closed() -> bool:
        return await listed(ada, "?state=closed") == ["Old"] and await listed(ada) == ["New"]

    await eventually(closed)


async def test_a_person_who_leaves_takes_all_along(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    await report(ada, title="Cat")
    mine = await report(bola)
    await bola.post(f"{ITEMS}/{mine['id']}/return", {"helper_id": ada.id})
    (part,) = [one.parts.personal_data for one in api.platform.features.plugins]
    assert part is not None
    async with api.platform.pool.work() as work:
        page = await part.sections[0].read(work, UUID(ada.id), None)
    assert ([row.title for row in page.items], page.next_cursor) == (["Cat"], None)
    for _ in range(2):
        async with api.platform.pool.work() as work:
            assert not await part.erase(work, UUID(ada.id))
    assert await listed(bola) == []
    assert await listed(bola, "?state=returned") == ["Keys"]


async def test_webhooks_tell_of_its_signals(api: Api) -> None:
    admin = await api.sign_up_admin()
    names = {item["name"] for item in (await admin.get("/v1/admin/webhook-signals")).json()["items"]}
    assert {"lost_and_found.ItemReported", "lost_and_found.ItemReturned"} < names
    async with receiving() as receiver:
        await make_webhook(admin, receiver.url, "ItemReported")
        item = await report(admin)
        await eventually(lambda: receiver.heard)
    assert receiver.heard[0].message["data"] == {"item_id": item["id"], "person_id": admin.id, "kind": "lost"}


async def test_it_is_seen_in_the_document_and_among_the_plug_ins(api: Api) -> None:
    paths = (await api.get("/openapi.json")).json()["paths"]
    assert {path for path in paths if "lost-and-found" in path} == {
        ITEMS,
        f"{ITEMS}/{{item_id}}",
        f"{ITEMS}/{{item_id}}/return",
        "/v1/lost-and-found/helpers",
    }
    assert "item_not_open" in paths[f"{ITEMS}/{{item_id}}/return"]["post"]["responses"]["409"]["description"]
    admin = await api.sign_up_admin()
    (plugin,) = (await admin.get("/v1/admin/plugins")).json()["items"]
    assert (plugin["name"], plugin["version"], plugin["newest_migration"]) == ("lost_and_found", "1.0.0", 2)
    assert plugin["origin"] == str(FOLDER)
    assert (await admin.get("/readyz")).json()["status"] == "ready"


async def test_who_found_it_is_told_that_it_is_back(api: Api) -> None:
    """A kind of notification that the house has never heard of: in the inbox, and among the preferences."""
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    item = await report(ada)
    assert (await ada.post(f"{ITEMS}/{item['id']}/return", {"helper_id": bola.id})).status_code == 200
    told: list[dict[str, Any]] = []

    async def is_told() -> bool:
        told[:] = (await bola.get("/v1/notifications")).json()["items"]
        return bool(told)

    await eventually(is_told)
    assert (told[0]["kind"], told[0]["text"]) == ("lost_and_found.returned", "Ada has it back: thank you")
    assert told[0]["subject"] == {"type": "item", "id": item["id"]}
    preferences = (await bola.get("/v1/notifications/preferences")).json()
    assert preferences["kinds"]["lost_and_found.returned"]["push"] is True
    # What is gone is told no longer.
    assert (await ada.delete(f"{ITEMS}/{item['id']}")).status_code == 204
    assert (await bola.get("/v1/notifications")).json()["items"] == []
