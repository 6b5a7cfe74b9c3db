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
        "neighbourhood": None,
        "location": None,
        "avatar_url": None,
        "created_at": me["created_at"],
        "connection_count": 0,
        "connection": None,
        "muted": False,
        "limited": False,
        "presence": None,
    }


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"handle": "bola"}, 409, "handle_taken"),
        ({"handle": "admin"}, 422, "invalid"),
        ({"display_name": ""}, 422, "invalid"),
        ({"display_name": None}, 422, "invalid"),
        ({"bio": "\u0000"}, 422, "invalid"),
        ({"neighbourhood": "x" * 81}, 422, "invalid"),
        ({"location": {"latitude": 90.1, "longitude": 0}}, 422, "invalid"),
        ({"location": {"latitude": 0, "longitude": -180.5}}, 422, "invalid"),
        ({"location": {"latitude": 6.5}}, 422, "invalid"),
        ({"location": {"latitude": "6", "longitude": 3}}, 422, "invalid"),
        ({"location": "null"}, 422, "invalid"),
        ({"location": {"latitude": 6, "longitude": 3, "accuracy_meters": 1}}, 422, "invalid"),
        ({"visibility": "nobody"}, 422, "invalid"),
        ({"visibility": None}, 422, "invalid"),
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


async def test_a_place_is_kept_roughly_and_taken_back(api: Api) -> None:
    ada = await api.sign_up("ada")
    exact = {"latitude": 6.498763, "longitude": 3.353412}
    changed = await ada.patch("/v1/me", {"location": exact, "neighbourhood": " Surulere "})
    assert changed.status_code == 200
    location = changed.json()["location"]
    assert location["accuracy_meters"] == 1000
    assert location["latitude"] != exact["latitude"] and abs(location["latitude"] - exact["latitude"]) < 0.0046
    assert location["longitude"] != exact["longitude"] and abs(location["longitude"] - exact["longitude"]) < 0.0046
    shown = (await api.get("/v1/people/ada")).json()
    assert (shown["location"], shown["neighbourhood"]) == (location, "Surulere")
    # The exact place is in no table.
    async with api.platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT latitude, longitude FROM people_people WHERE handle = 'ada'")
    assert row is not None and tuple(row) == (location["latitude"], location["longitude"])
    assert (await ada.patch("/v1/me", {"bio": "Counts."})).json()["location"] == location
    for taken_back in ({"location": None, "neighbourhood": None}, {"neighbourhood": ""}):
        me = (await ada.patch("/v1/me", taken_back)).json()
        assert (me["location"], me["neighbourhood"]) == (None, None)


async def test_a_profile_shows_as_much_as_its_owner_wants(api: Api) -> None:
    ada, bola, carl = [await api.sign_up(handle) for handle in ("ada", "bola", "carl")]
    await ada.connect(bola)
    place = {"latitude": 6.5, "longitude": 3.35}
    await ada.patch("/v1/me", {"bio": "Counts.", "location": place, "neighbourhood": "Surulere"})
    readers = {"anybody": api, "a member": carl, "a connection": bola, "oneself": ada}
    shown_to: dict[str, set[str]] = {
        "everyone": set(readers),
        "members": {"a member", "a connection", "oneself"},
        "connections": {"a connection", "oneself"},
    }
    for visibility, readers_of_all in shown_to.items():
        assert (await ada.patch("/v1/me", {"visibility": visibility})).json()["visibility"] == visibility
        for name, reader in readers.items():
            shown = (await reader.get("/v1/people/ada")).json()
            assert shown["limited"] == (name not in readers_of_all), (visibility, name)
            details = [shown[key] for key in ("bio", "location", "neighbourhood", "created_at", "connection_count")]
            assert all(detail is None for detail in details) == shown["limited"]
            assert (shown["handle"], shown["display_name"]) == ("ada", "Ada")
    assert (await ada.get("/v1/me")).json()["bio"] == "Counts."
    assert (await bola.get("/v1/people/ada")).json()["connection"]["state"] == "connected"


async def test_a_profile_says_only_to_the_one_who_muted_that_they_did(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")

    async def seen_by(reader: Api, handle: str) -> object:
        return (await reader.get(f"/v1/people/{handle}")).json()["muted"]

    assert await seen_by(ada, "bola") is False
    await ada.put(f"/v1/mutes/{bola.id}")
    assert await seen_by(ada, "bola") is True
    assert [await seen_by(api, "bola"), await seen_by(bola, "bola"), await seen_by(bola, "ada")] == [False] * 3
    await ada.delete(f"/v1/mutes/{bola.id}")
    assert await seen_by(ada, "bola") is False


async def test_a_handle_given_up_leads_to_the_new_one(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    for handle in ("ada_obi", "ada.o"):
        assert (await ada.patch("/v1/me", {"handle": handle})).json()["handle"] == handle
    for old in ("ada", "ada_obi", "ADA"):
        for reader in (api, bola, ada):
            moved = await reader.get(f"/v1/people/{old}")
            assert (moved.status_code, moved.headers["location"]) == (308, "/v1/people/ada.o")
            assert moved.json() == {"location": "/v1/people/ada.o"}
        posts = await api.get(f"/v1/people/{old}/posts?limit=5")
        assert (posts.status_code, posts.headers["location"]) == (308, "/v1/people/ada.o/posts?limit=5")
    assert (await api.get(moved.headers["location"])).json()["id"] == ada.id
    taken = await bola.patch("/v1/me", {"handle": "ada"})
    assert (taken.status_code, taken.json()["code"]) == (409, "handle_taken")
    signed_up = await api.post(
        "/v1/accounts",
        {"email": "x@example.org", "password": "a long enough password", "handle": "ada", "display_name": "X"},
    )
    assert (signed_up.status_code, signed_up.json()["code"]) == (409, "handle_taken")
    await ada.put(f"/v1/blocks/{bola.id}")
    for path in ("/v1/people/ada", "/v1/people/ada/posts"):
        assert (await bola.get(path)).status_code == 404
    assert (await ada.patch("/v1/me", {"handle": "ada"})).status_code == 200
    assert (await api.get("/v1/people/ada")).status_code == 200


async def test_changing_ones_handle_too_often(api: Api) -> None:
    ada = await api.sign_up("ada")
    for number in range(5):
        assert (await ada.patch("/v1/me", {"handle": f"ada_{number}"})).status_code == 200
    refused = await ada.patch("/v1/me", {"handle": "ada_5", "bio": "New"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_handle_changes")
    assert 29 * 86_400 < int(refused.headers["retry-after"]) <= 30 * 86_400
    # What one is called already is no change.
    same = await ada.patch("/v1/me", {"handle": "Ada_4", "bio": "Still"})
    assert (same.status_code, same.json()["bio"]) == (200, "Still")


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
