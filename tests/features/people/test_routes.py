"""People over HTTP: status codes, shapes and refusals as clients meet them."""

import pytest

from tests.support.platform import Api


async def test_me_is_the_profile_with_the_account(api: Api) -> None:
    ada = await api.sign_up("ada")
    me = (await ada.get("/v1/me")).json()
    assert {name: me[name] for name in ("id", "handle", "display_name", "email", "email_verified", "role")} == {
        "id": ada.id,
        "handle": "ada",
        "display_name": "Ada",
        "email": "ada@example.org",
        "email_verified": False,
        "role": "member",
    }
    changed = await ada.patch("/v1/me", {"display_name": "Ada L.", "bio": "Counts.\nAnd thinks."})
    assert changed.status_code == 200
    assert changed.json() == {**me, "display_name": "Ada L.", "bio": "Counts.\nAnd thinks."}
    assert (await ada.get("/v1/me")).json() == changed.json()
    shown = (await api.get("/v1/people/ADA")).json()
    assert shown == {
        "id": ada.id,
        "handle": "ada",
        "display_name": "Ada L.",
        "bio": "Counts.\nAnd thinks.",
        "avatar_url": None,
        "created_at": me["created_at"],
        "connection_count": 0,
        "connection": None,
    }


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"handle": "bola"}, 409, "handle_taken"),
        ({"handle": "admin"}, 422, "invalid"),
        ({"display_name": ""}, 422, "invalid"),
        ({"display_name": None}, 422, "invalid"),
        ({"bio": "\u0000"}, 422, "invalid"),
        ({"role": "admin"}, 422, "invalid"),
        ({"email": "x@example.org"}, 422, "invalid"),
    ],
)
async def test_changes_that_are_refused(api: Api, changes: object, status: int, code: str) -> None:
    ada, _ = await api.sign_up("ada"), await api.sign_up("bola")
    before = (await ada.get("/v1/me")).json()
    answer = await ada.patch("/v1/me", changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await ada.get("/v1/me")).json() == before


async def test_a_request_from_asking_to_ending(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    asked = await ada.post("/v1/connections", {"person_id": bola.id})
    assert asked.status_code == 201
    connection = asked.json()
    assert connection == {
        "id": connection["id"],
        "state": "sent",
        "person": {"id": bola.id, "handle": "bola", "display_name": "Bola", "avatar_url": None},
        "created_at": connection["created_at"],
    }
    assert (await ada.post("/v1/connections", {"person_id": bola.id})).json()["code"] == "already_requested"
    assert (await ada.post("/v1/connections", {"person_id": ada.id})).status_code == 422
    received = (await bola.get("/v1/connections?state=received")).json()
    assert [(one["id"], one["person"]["handle"]) for one in received["items"]] == [(connection["id"], "ada")]
    path = f"/v1/connections/{connection['id']}"
    assert (await ada.post(f"{path}/accept")).status_code == 403
    assert (await bola.post(f"{path}/accept")).json()["state"] == "connected"
    assert (await ada.post("/v1/connections", {"person_id": bola.id})).json()["code"] == "already_connected"
    assert (await ada.get("/v1/people/bola")).json()["connection"] == {"id": connection["id"], "state": "connected"}
    assert (await bola.delete(path)).status_code == 204
    assert (await bola.delete(path)).status_code == 404
    assert (await ada.get("/v1/connections")).json() == {"items": [], "next_cursor": None}


async def test_a_declined_request(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    connection_id = (await ada.post("/v1/connections", {"person_id": bola.id})).json()["id"]
    assert (await bola.post(f"/v1/connections/{connection_id}/decline")).status_code == 204
    assert (await ada.get("/v1/connections?state=sent")).json()["items"] == []


async def test_a_block_over_http(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    await ada.connect(bola)
    for _ in range(2):
        assert (await ada.put(f"/v1/blocks/{bola.id}")).status_code == 204
    assert (await ada.put(f"/v1/blocks/{ada.id}")).status_code == 422
    blocks = (await ada.get("/v1/blocks")).json()
    assert [block["person"]["handle"] for block in blocks["items"]] == ["bola"]
    assert (await bola.get("/v1/people/ada")).status_code == 404
    assert (await ada.get("/v1/people/bola")).status_code == 404
    assert (await bola.post("/v1/connections", {"person_id": ada.id})).status_code == 404
    assert (await bola.get("/v1/people/ada/posts")).status_code == 404
    for _ in range(2):
        assert (await ada.delete(f"/v1/blocks/{bola.id}")).status_code == 204
    assert (await bola.get("/v1/people/ada")).status_code == 200


async def test_a_list_from_making_to_deleting(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    await ada.connect(bola)
    made = await ada.post("/v1/lists", {"name": "Close friends"}, idempotency_key="close")
    assert made.status_code == 201
    made_list = made.json()
    assert made_list == {
        "id": made_list["id"],
        "name": "Close friends",
        "member_count": 0,
        "created_at": made_list["created_at"],
    }
    assert (await ada.post("/v1/lists", {"name": "Close friends"}, idempotency_key="close")).json() == made_list
    path = f"/v1/lists/{made_list['id']}"
    for _ in range(2):
        assert (await ada.put(f"{path}/members/{bola.id}")).status_code == 204
    assert (await ada.patch(path, {"name": "Closest"})).json() == {**made_list, "name": "Closest", "member_count": 1}
    assert (await ada.get("/v1/lists")).json()["items"] == [(await ada.get(path)).json()]
    [member] = (await ada.get(f"{path}/members")).json()["items"]
    assert member["person"] == {"id": bola.id, "handle": "bola", "display_name": "Bola", "avatar_url": None}
    for method, where in (("GET", path), ("GET", f"{path}/members"), ("DELETE", path), ("PATCH", path)):
        refused = await bola.ask(method, where, {"name": "x"} if method == "PATCH" else None)
        assert (refused.status_code, refused.json()["code"]) == (404, "list_not_found")
    for _ in range(2):
        assert (await ada.delete(f"{path}/members/{bola.id}")).status_code == 204
    assert (await ada.get(f"{path}/members")).json() == {"items": [], "next_cursor": None}
    assert (await ada.delete(path)).status_code == 204
    assert (await ada.delete(path)).status_code == 404


async def test_what_cannot_be_on_a_list(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    list_id = (await ada.post("/v1/lists", {"name": "Friends"})).json()["id"]
    refused = await ada.put(f"/v1/lists/{list_id}/members/{bola.id}")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_connected")
    unknown = await ada.put(f"/v1/lists/{list_id}/members/{list_id}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "person_not_found")
    for body in ({}, {"name": ""}, {"name": None}, {"name": "x", "members": []}):
        assert (await ada.post("/v1/lists", body)).status_code == 422


async def test_a_mute_over_http(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    published = (await bola.post("/v1/posts", {"body": "Hello"})).json()["id"]
    for _ in range(2):
        assert (await ada.put(f"/v1/mutes/{bola.id}")).status_code == 204
    assert (await ada.put(f"/v1/mutes/{ada.id}")).status_code == 422
    assert [mute["person"]["handle"] for mute in (await ada.get("/v1/mutes")).json()["items"]] == ["bola"]
    assert (await ada.get("/v1/posts")).json()["items"] == []
    assert (await ada.get(f"/v1/posts/{published}")).status_code == 200
    for _ in range(2):
        assert (await ada.delete(f"/v1/mutes/{bola.id}")).status_code == 204
    assert [post["id"] for post in (await ada.get("/v1/posts")).json()["items"]] == [published]


@pytest.mark.parametrize("query", ["state=all", "limit=0", "limit=101", "limit=x", "cursor=rubbish", "cursor=%F0"])
async def test_bad_questions_are_refused(api: Api, query: str) -> None:
    ada = await api.sign_up("ada")
    assert (await ada.get(f"/v1/connections?{query}")).status_code == 422
