"""Saying hello, joining topics, and what ends either."""

from prometheus_client import REGISTRY

from tests.support.eventually import eventually
from tests.support.platform import Api
from tests.support.sockets import connected, greeted


async def test_a_ticket_opens_one_socket(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    answer = await ada.get("/v1/realtime")
    access = answer.json()
    assert access["url"] == "ws://banyan.test/v1/socket"
    assert access["expires_in"] == 60
    assert answer.headers["cache-control"] == "no-store"
    hello = {"type": "hello", "version": 1, "ticket": access["ticket"], "id": 7}
    async with connected(server_url) as socket:
        welcome = await socket.ask(hello)
        assert (welcome["type"], welcome["version"], welcome["person_id"], welcome["id"]) == ("hello", 1, ada.id, 7)
    async with connected(server_url) as socket:
        refused = await socket.ask(hello)
        assert (refused["type"], refused["code"], refused["status"]) == ("error", "invalid_ticket", 401)
        goodbye = await socket.read()
        assert (goodbye["type"], goodbye["reconnect"]) == ("goodbye", False)
        await socket.wait_closed()


async def test_an_access_token_works_too(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    async with connected(server_url) as socket:
        welcome = await socket.ask({"type": "hello", "token": ada.signed_in["access_token"]})
        assert welcome["person_id"] == ada.id
        sent = REGISTRY.get_sample_value("banyan_realtime_frames_out_total")
        assert sent
        assert (await socket.ask({"type": "ping"}))["type"] == "pong"
        assert (await socket.subscribe("nothing"))["type"] == "error"
        assert REGISTRY.get_sample_value("banyan_realtime_frames_out_total") == sent + 2


async def test_anonymous_sockets_join_only_public_posts(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    post = (await ada.post("/v1/posts", {"body": "Hello", "audience": "public"})).json()
    async with greeted(server_url, api) as socket:
        for topic in ("me", f"post:{post['id']}", "posts:other", "nothing", "", "posts:public:x", "posts\u0000:public"):
            refused = await socket.subscribe(topic)
            assert (refused["type"], refused["code"], refused["topic"]) == ("error", "not_found", topic)
        joined = await socket.subscribe("posts:public", id="a")
        assert joined == {
            "type": "subscribed",
            "topic": "posts:public",
            "durable": False,
            "recovered": False,
            "epoch": None,
            "offset": None,
            "id": "a",
        }
        published = (await ada.post("/v1/posts", {"body": "News", "audience": "public"})).json()
        event = await socket.read()
        assert event == {
            "type": "event",
            "topic": "posts:public",
            "data": {"news": "published", "post_id": published["id"]},
        }
        assert (await socket.ask({"type": "unsubscribe", "topic": "posts:public", "id": 2}))["type"] == "ack"
        await ada.post("/v1/posts", {"body": "More", "audience": "public"})
        assert await socket.ask({"type": "ping", "id": 3}) == {"type": "pong", "id": 3}


async def test_a_post_tells_of_comments_until_a_block_cuts_it(api: Api, server_url: str) -> None:
    ada, bob = await api.sign_up("ada"), await api.sign_up("bob")
    post = (await ada.post("/v1/posts", {"body": "Hello", "audience": "public"})).json()
    async with greeted(server_url, bob) as socket:
        topic = f"post:{post['id']}"
        assert (await socket.subscribe(topic))["type"] == "subscribed"
        comment = (await ada.post(f"/v1/posts/{post['id']}/comments", {"body": "First"})).json()
        assert (await socket.read())["data"] == {
            "news": "commented",
            "post_id": post["id"],
            "comment_id": comment["id"],
        }
        assert (await ada.put(f"/v1/blocks/{bob.id}")).status_code == 204
        cut = await socket.read()
        assert (cut["type"], cut["code"], cut["topic"]) == ("error", "not_found", topic)
        assert (await socket.subscribe(topic))["code"] == "not_found"


async def test_each_topic_that_a_block_takes_is_told_once(api: Api, server_url: str) -> None:
    ada, bob = await api.sign_up("ada"), await api.sign_up("bob")
    await ada.connect(bob)
    talk = (await ada.post("/v1/conversations", {"member_ids": [bob.id]})).json()["id"]
    topics = [f"conversation:{talk}", f"typing:{talk}", f"presence:{ada.id}"]
    async with greeted(server_url, bob) as socket:
        for topic in topics:
            assert (await socket.subscribe(topic))["type"] == "subscribed"
        await ada.put(f"/v1/blocks/{bob.id}")
        told: list[str] = []
        while set(told) != set(topics):
            told.append((await socket.read_until("error"))["topic"])
        assert (await socket.ask({"type": "ping", "id": 1}))["type"] == "pong"
        assert sorted(told) == sorted(topics)


async def test_a_post_that_others_may_no_longer_see_is_cut(api: Api, server_url: str) -> None:
    ada, bob = await api.sign_up("ada"), await api.sign_up("bob")
    post = (await ada.post("/v1/posts", {"body": "Hello", "audience": "public"})).json()
    topic = f"post:{post['id']}"
    async with greeted(server_url, bob) as socket, greeted(server_url, ada) as own:
        await socket.subscribe(topic)
        await own.subscribe(topic)
        await ada.patch(f"/v1/posts/{post['id']}", {"audience": "self"})
        assert (await socket.read_until("error"))["code"] == "not_found"
        assert (await own.read())["data"]["news"] == "edited"
        await ada.delete(f"/v1/posts/{post['id']}")
        assert (await own.read())["data"]["news"] == "deleted"
        assert (await own.read())["code"] == "not_found"


async def test_signing_out_closes_the_socket(api: Api, server_url: str) -> None:
    ada = await api.sign_up("ada")
    async with greeted(server_url, ada) as socket:
        await ada.post("/v1/auth/sign-out")
        goodbye = await socket.read()
        assert (goodbye["reason"], goodbye["reconnect"]) == ("session_ended", False)
        await socket.wait_closed()
        assert socket.close_code == 1008
    await eventually(lambda: not ada.platform.realtime.hub.people)


async def test_me_brings_changes_and_goes_on_after_a_drop(api: Api, server_url: str) -> None:
    ada, bob = await api.sign_up("ada"), await api.sign_up("bob")
    await ada.connect(bob)
    async with greeted(server_url, bob) as socket:
        joined = await socket.subscribe("me")
        assert (joined["durable"], joined["recovered"]) == (True, False)
        first = (await ada.post("/v1/posts", {"body": "One", "audience": "connections"})).json()
        while (event := await socket.read())["data"]["kind"] != "post":
            pass
        assert (event["data"]["id"], event["data"]["op"]) == (first["id"], "upsert")
    second = (await ada.post("/v1/posts", {"body": "Two", "audience": "connections"})).json()
    async with greeted(server_url, bob) as socket:
        place = {"epoch": joined["epoch"], "offset": event["offset"]}
        again = await socket.subscribe("me", **place)
        assert again["recovered"] is True
        while (later := await socket.read())["data"]["kind"] != "post":
            pass
        assert later["data"]["id"] == second["id"]
        # HTTP goes on from the same place.
        page = (await bob.get(f"/v1/sync?since={event['offset']}")).json()
        assert [item["id"] for item in page["items"] if item["kind"] == "post"] == [second["id"]]
        other = await socket.subscribe("me", epoch="x", offset=event["offset"])
        assert other["recovered"] is False


async def test_the_address_takes_sockets_only(api: Api) -> None:
    answer = await api.get("/v1/socket")
    assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
    assert (answer.headers["upgrade"], answer.headers["sec-websocket-version"]) == ("websocket", "13")
