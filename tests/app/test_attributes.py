"""Declared attributes over HTTP: typed in the document, taken, shown, found by an index; absent where not declared."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from banyan.features.posts.service.personal import POSTS
from banyan.infra.attributes.indexes import make_indexes
from tests.support.banyan import run_banyan
from tests.support.eventually import eventually
from tests.support.platform import Api, api_of, running_platform, settings_for
from tests.support.statements import recorded

ATTRIBUTES: dict[str, Any] = {
    "posts": {
        "colour": {"type": "choice", "choices": ["red", "blue"], "indexed": True, "description": "Of the thing."},
        "price": {"type": "integer", "minimum": 0, "indexed": True},
        "note": {"type": "string", "audience": "self"},
    },
    "people": {
        "shirt_size": {"type": "choice", "choices": ["S", "M", "L"]},
        "allergies": {"type": "string", "audience": "self"},
    },
}
INDEX = "posts_posts_attribute_colour"


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    settings = settings_for(database_url, attributes=ATTRIBUTES)
    await make_indexes(settings.database, settings.attributes.by_kind())
    async with running_platform(settings) as platform, api_of(platform) as api:
        yield api


async def publish(author: Api, **attributes: Any) -> dict[str, Any]:
    answer = await author.post("/v1/posts", {"body": "For sale", "attributes": attributes})
    assert answer.status_code == 201, answer.text
    post: dict[str, Any] = answer.json()
    return post


async def prices(reader: Api, query: str) -> list[int]:
    answer = await reader.get(f"/v1/posts?{query}")
    assert answer.status_code == 200, answer.text
    return [post["attributes"]["price"] for post in answer.json()["items"]]


async def test_a_post_has_them_everywhere(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    await ada.connect(bola)
    post = await publish(ada, colour="red", price=5, note="mine")
    assert post["attributes"] == {"colour": "red", "price": 5, "note": "mine"}
    seen = {"colour": "red", "price": 5}
    path = f"/v1/posts/{post['id']}"
    assert (await api.get(path)).json()["attributes"] == seen
    for reader, lists in ((bola, ("/v1/posts", "/v1/people/ada/posts")), (api, ("/v1/posts",))):
        for one in lists:
            assert (await reader.get(one)).json()["items"][0]["attributes"] == seen
    assert (await ada.get("/v1/feed")).json()["items"][0]["attributes"] == post["attributes"]
    await bola.post("/v1/posts", {"body": "Nothing"})
    assert (await api.get("/v1/posts")).json()["items"][0]["attributes"] == {}


async def test_they_are_changed_one_by_one(api: Api) -> None:
    ada = await api.sign_up("ada")
    post = await publish(ada, colour="red", price=5)
    path = f"/v1/posts/{post['id']}"
    await api.get(path)
    changed = await ada.patch(path, {"attributes": {"price": 7, "colour": None}})
    assert changed.status_code == 200 and changed.json()["attributes"] == {"price": 7}
    assert changed.json()["edited_at"] is not None
    # What anonymous readers were shown before is not shown again.
    assert (await api.get(path)).json()["attributes"] == {"price": 7}
    refused = await ada.patch(path, {"body": "Lost", "attributes": {"price": -1, "size": 3}})
    assert refused.status_code == 422
    assert {(one["field"], one["code"]) for one in refused.json()["errors"]} == {
        ("attributes.price", "out_of_range"),
        ("attributes.size", "unknown_field"),
    }
    assert (await ada.get(path)).json()["body"] == "For sale"


async def test_posts_are_found_by_them(api: Api) -> None:
    ada = await api.sign_up("ada")
    for colour, price in (("red", 1), ("blue", 2), ("red", 3), ("red", 10)):
        await publish(ada, colour=colour, price=price)
    await ada.post("/v1/posts", {"body": "Neither"})
    assert await prices(api, "attributes.colour=red") == [10, 3, 1]
    assert await prices(api, "attributes.price=2") == [2]
    assert await prices(api, "attributes.price.min=2&attributes.price.max=3") == [3, 2]
    assert await prices(ada, "attributes.colour=red&attributes.price.max=9") == [3, 1]
    first = (await api.get("/v1/posts?attributes.colour=red&limit=2")).json()
    rest = (await api.get(f"/v1/posts?attributes.colour=red&limit=2&cursor={first['next_cursor']}")).json()
    assert [post["attributes"]["price"] for post in first["items"] + rest["items"]] == [10, 3, 1]
    for query in ("attributes.colour=green", "attributes.note=x", "attributes.size=1", "attributes.colour.min=a"):
        assert (await api.get(f"/v1/posts?{query}")).status_code == 422, query


async def test_a_page_costs_one_statement_more_whatever_its_length(api: Api) -> None:
    ada = await api.sign_up("ada")
    for price in range(5):
        await publish(ada, price=price)
    await ada.get("/v1/posts?limit=5")

    async def idle() -> bool:
        return not await api.platform.pool.work().value("SELECT count(*) FROM jobs WHERE run_at < now()")

    # The worker's statements on posts are not the page's.
    await eventually(idle)
    counts = []
    for limit in (1, 5):
        async with recorded(api.platform.pool) as statements:
            await ada.get(f"/v1/posts?limit={limit}")
        counts.append(len([one for one in statements if "posts_posts" in one]))
    assert counts == [2, 2]


async def test_people_have_them(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    assert (await ada.get("/v1/me")).json()["attributes"] == {}
    changed = await ada.patch("/v1/me", {"attributes": {"shirt_size": "M", "allergies": "nuts"}})
    assert changed.json()["attributes"] == {"shirt_size": "M", "allergies": "nuts"}
    assert (await bola.get("/v1/people/ada")).json()["attributes"] == {"shirt_size": "M"}
    await ada.patch("/v1/me", {"visibility": "connections"})
    assert "attributes" not in (await bola.get("/v1/people/ada")).json()
    assert (await ada.patch("/v1/me", {"attributes": {"shirt_size": "XXL"}})).status_code == 422
    await ada.patch("/v1/me", {"attributes": {"allergies": None}})
    assert (await ada.get("/v1/me")).json()["attributes"] == {"shirt_size": "M"}


async def test_they_are_in_the_export_of_ones_data(api: Api) -> None:
    ada = await api.sign_up("ada")
    await publish(ada, colour="red", note="mine")
    await ada.post("/v1/posts", {"body": "Nothing"})
    page = await POSTS(api.platform.pool.work(), UUID(ada.id), None)
    assert [post.get("attributes") for post in msgspec.to_builtins(page.items)] == [
        {"colour": "red", "note": "mine"},
        None,
    ]


async def test_the_document_is_of_this_installation(api: Api) -> None:
    document = (await api.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    written = schemas["NewPost"]["properties"]["attributes"]
    assert written["properties"]["colour"] == {
        "type": "string",
        "enum": ["red", "blue"],
        "description": "Of the thing.",
    }
    assert written["additionalProperties"] is False
    changes = schemas["PostChanges"]["properties"]["attributes"]["properties"]["price"]
    assert changes == {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}
    assert set(schemas["Me"]["properties"]["attributes"]["properties"]) == {"shirt_size", "allergies"}
    names = {parameter["name"] for parameter in document["paths"]["/v1/posts"]["get"]["parameters"]}
    assert names >= {"attributes.colour", "attributes.price", "attributes.price.min", "attributes.price.max"}
    assert "attributes.colour.min" not in names and "attributes.note" not in names


async def test_where_nothing_is_declared_there_is_nothing(database_url: str) -> None:
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as api:
        ada = await api.sign_up("ada")
        post = (await ada.post("/v1/posts", {"body": "Hello"})).json()
        assert "attributes" not in post and "attributes" not in (await ada.get("/v1/me")).json()
        assert (await ada.post("/v1/posts", {"body": "Hello", "attributes": {}})).status_code == 422
        assert (await ada.get("/v1/posts?attributes.colour=red")).status_code == 422
        assert "attributes" not in (await api.get("/openapi.json")).text


async def test_indexes_are_made_once_and_made_anew_when_broken(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, attributes=ATTRIBUTES)
    declared = settings.attributes.by_kind()
    assert sorted(await make_indexes(settings.database, declared)) == [INDEX, "posts_posts_attribute_price"]
    assert await make_indexes(settings.database, declared) == []
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass", INDEX)
        assert await make_indexes(settings.database, declared) == [INDEX]
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = await connection.fetch(
            """EXPLAIN SELECT id FROM posts_posts WHERE attributes -> 'colour' = '"red"'::jsonb
               ORDER BY id DESC LIMIT 10"""
        )
        assert INDEX in "\n".join(row[0] for row in plan) and "Sort" not in "\n".join(row[0] for row in plan)
        await connection.execute(f"DROP INDEX {INDEX}")
    finally:
        await connection.close()
    environment = {
        "DATABASE_URL": database_url,
        "BANYAN_ATTRIBUTES__POSTS": '{"colour": {"type": "choice", "choices": ["red"], "indexed": true}}',
    }
    migrated = await run_banyan(tmp_path, "migrate", environment=environment)
    assert (migrated.process.returncode, migrated.stdout) == (0, f"making index {INDEX}\n"), migrated.stderr


async def test_the_community_says_what_a_form_must_ask_for(api: Api, database_url: str) -> None:
    said = (await api.get("/v1/community")).json()["attributes"]
    assert list(said) == ["people", "posts"] and list(said["posts"]) == ["colour", "price", "note"]
    plain = {"description": "", "required": False, "audience": "everyone"}
    assert said["posts"]["colour"] == plain | {
        "type": "choice",
        "choices": ["red", "blue"],
        "description": "Of the thing.",
    }
    assert said["posts"]["price"] == plain | {"type": "integer", "minimum": 0.0}
    assert said["people"]["allergies"] == plain | {"type": "string", "max_chars": 200, "audience": "self"}
    async with running_platform(settings_for(database_url)) as platform, api_of(platform) as other:
        assert "attributes" not in (await other.get("/v1/community")).json()
