"""Posts over HTTP: status codes, kept answers and refusals as clients meet them."""

import pytest

from tests.support.platform import Api


async def a_post(api: Api, body: str = "Hello", audience: str = "public") -> str:
    answer = await api.post("/v1/posts", {"body": body, "audience": audience})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_kept_answer_follows_everything_that_it_shows(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    post_id = await a_post(ada)
    path = f"/v1/posts/{post_id}"

    async def shown() -> dict[str, object]:
        first = (await api.get(path)).json()
        assert (await api.get(path)).json() == first
        return dict(first)

    assert (await shown())["reaction_counts"] == {}
    await bola.put(f"{path}/reactions/love")
    assert (await shown())["reaction_counts"] == {"love": 1}
    await bola.delete(f"{path}/reactions/love")
    assert (await shown())["reaction_counts"] == {}
    await bola.post(f"{path}/comments", {"body": "Good"})
    assert (await shown())["comment_count"] == 1
    await ada.patch("/v1/me", {"display_name": "Countess"})
    assert (await shown())["author"] == {
        "id": ada.id,
        "handle": "ada",
        "display_name": "Countess",
        "avatar_url": None,
    }
    await ada.patch(path, {"body": "Edited"})
    assert (await shown())["body"] == "Edited"
    await ada.patch(path, {"audience": "self"})
    assert (await api.get(path)).status_code == 404
    await ada.patch(path, {"audience": {"kind": "public"}})
    assert (await shown())["body"] == "Edited"
    assert (await ada.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404


async def test_reactions_and_comments_over_http(api: Api) -> None:
    ada, bola = await api.sign_up("ada"), await api.sign_up("bola")
    path = f"/v1/posts/{await a_post(ada)}"
    answer = await bola.put(f"{path}/reactions/wow")
    assert (answer.status_code, answer.json()) == (200, {"reaction_counts": {"wow": 1}, "my_reaction": "wow"})
    assert (await bola.put(f"{path}/reactions/envy")).status_code == 422
    assert (await bola.delete(f"{path}/reactions/wow")).status_code == 204
    comment = await bola.post(f"{path}/comments", {"body": "First"})
    assert comment.status_code == 201
    comment_path = f"/v1/comments/{comment.json()['id']}"
    assert (await ada.patch(comment_path, {"body": "Mine"})).status_code == 403
    assert (await bola.patch(comment_path, {"body": "Second"})).json()["body"] == "Second"
    assert [one["body"] for one in (await api.get(f"{path}/comments")).json()["items"]] == ["Second"]
    assert (await ada.delete(comment_path)).status_code == 204
    assert (await bola.delete(comment_path)).status_code == 404


async def test_a_feed_in_pages(api: Api) -> None:
    ada = await api.sign_up("ada")
    posts = [await a_post(ada, f"{number}", "self") for number in range(3)]
    first = (await ada.get("/v1/feed?limit=2")).json()
    second = (await ada.get(f"/v1/feed?limit=2&cursor={first['next_cursor']}")).json()
    assert [post["id"] for post in first["items"] + second["items"]] == posts[::-1]
    assert second["next_cursor"] is None
    assert (await api.get("/v1/feed")).status_code == 401
    assert (await api.get("/v1/people/ada/posts")).json()["items"] == []
    assert len((await ada.get("/v1/people/ada/posts")).json()["items"]) == 3


async def test_only_a_moderator_deletes_what_others_wrote(api: Api) -> None:
    ada, bola, cleo = [await api.sign_up(handle) for handle in ("ada", "bola", "cleo")]
    path = f"/v1/posts/{await a_post(ada)}"
    assert (await bola.patch(path, {"body": "Mine"})).status_code == 403
    assert (await bola.delete(path)).status_code == 403
    comment_id = (await bola.post(f"{path}/comments", {"body": "x"})).json()["id"]
    assert (await cleo.delete(f"/v1/comments/{comment_id}")).status_code == 403


@pytest.mark.parametrize("query", ["audience=connections", "audience=", "limit=0", "cursor=AAAA", "cursor=" + "x" * 65])
async def test_bad_questions_are_refused(api: Api, query: str) -> None:
    assert (await api.get(f"/v1/posts?{query}")).status_code == 422
