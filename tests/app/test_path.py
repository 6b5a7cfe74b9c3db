"""The main path: sign up, post, connect, read the feed, react, comment."""

from tests.support.eventually import eventually
from tests.support.platform import Api


async def test_a_post_reaches_a_connection_and_comes_back_with_reactions(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    published = await ada.post("/v1/posts", {"body": "Who has a ladder?", "audience": "connections"})
    assert published.status_code == 201
    post_id = published.json()["id"]
    assert (await bola.get(f"/v1/posts/{post_id}")).status_code == 404

    await ada.connect(bola)

    async def arrived() -> bool:
        return [item["id"] for item in (await bola.get("/v1/feed")).json()["items"]] == [post_id]

    await eventually(arrived)
    assert (await bola.put(f"/v1/posts/{post_id}/reactions/love")).status_code == 200
    assert (await bola.post(f"/v1/posts/{post_id}/comments", {"body": "I do."})).status_code == 201

    seen = (await ada.get(f"/v1/posts/{post_id}")).json()
    assert seen == {
        **published.json(),
        "comment_count": 1,
        "reaction_counts": {"love": 1},
    }
    assert (await bola.get(f"/v1/posts/{post_id}")).json()["my_reaction"] == "love"
    assert (await api.get(f"/v1/posts/{post_id}")).status_code == 404


async def test_everything_is_counted_for_the_community(api: Api) -> None:
    ada = await api.sign_up("ada")
    await ada.post("/v1/posts", {"body": "Market at noon", "audience": {"kind": "public"}})
    counts = (await api.get("/v1/community")).json()
    assert (counts["people"], counts["posts"]) == (1, 1)
    newest = (await api.get("/v1/posts?audience=public")).json()
    assert [post["body"] for post in newest["items"]] == ["Market at noon"]


async def test_the_first_admin_is_made_by_a_link_that_works_once(api: Api) -> None:
    async with api.platform.pool.work() as work:
        link = await api.platform.features.first_admin.make_link(work)
    assert link is not None
    body = {
        "token": link.partition("#token=")[2],
        "email": "root@example.org",
        "password": "a long enough password",
        "handle": "root_admin",
        "display_name": "Root",
    }
    made = await api.post("/v1/setup/first-admin", body)
    assert made.status_code == 201, made.text
    again = await api.post("/v1/setup/first-admin", {**body, "email": "b@example.org", "handle": "other_admin"})
    assert again.status_code in (404, 410)
