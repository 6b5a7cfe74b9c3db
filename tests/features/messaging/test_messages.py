"""Messages over HTTP: once in spite of retries, in one order, edited, deleted, reacted to."""

import asyncio
from uuid import UUID

from banyan.features.messaging.happenings import ReadUpTo
from banyan.features.messaging.queries.conversations import lock_member
from banyan.infra.streams.events import append_event
from banyan.kernel.ids import new_id
from tests.features.messaging.steps import direct, group, history, say
from tests.support.eventually import eventually
from tests.support.platform import Api


async def test_the_same_client_id_returns_the_first_message(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    path = f"/v1/conversations/{place}/messages"
    first = await ada.post(path, {"body": "Once", "client_id": "x"})
    again = await ada.post(path, {"body": "Once", "client_id": "x"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.json()["seq"], first.json()["client_id"], first.json()["attachments"]) == (1, "x", [])
    other = await ada.post(path, {"body": "Twice", "client_id": "x"})
    assert (other.status_code, other.json()["code"]) == (422, "client_id_reused")
    reply = await ada.post(path, {"body": "Once", "client_id": "x", "reply_to": first.json()["id"]})
    assert reply.status_code == 422
    # Another person's names are their own; after an edit the first content is still what a retry sends.
    assert (await ben.post(path, {"body": "Mine", "client_id": "x"})).json()["seq"] == 2
    await ada.patch(f"/v1/messages/{first.json()['id']}", {"body": "Edited"})
    late = await ada.post(path, {"body": "Once", "client_id": "x"})
    assert (late.status_code, late.json()["body"]) == (201, "Edited")
    assert len(await history(ben, place)) == 2


async def test_retries_at_the_same_moment_are_one_message(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    path = f"/v1/conversations/{place}/messages"
    answers = await asyncio.gather(
        *[ada.post(path, {"body": f"{number}", "client_id": f"{number}"}) for number in range(5) for _ in range(4)]
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 5
    said = await history(ben, place)
    assert [one["seq"] for one in said] == [1, 2, 3, 4, 5]
    assert sorted(one["body"] for one in said) == ["0", "1", "2", "3", "4"]


async def test_a_message_and_a_read_mark_take_their_locks_in_one_order(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    pool = api.platform.pool

    async def is_waiting() -> bool:
        waits = """SELECT EXISTS (SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock')"""
        return bool(await pool.work().value(waits))

    async with pool.work() as work:
        assert await lock_member(work, UUID(place), UUID(ada.id))
        sent = asyncio.create_task(say(ada, place, "Hello"))
        await eventually(is_waiting)
        # The log is free: else the two would wait for each other.
        await work.write("SET LOCAL lock_timeout = '100ms'")
        await append_event(work, UUID(place), ReadUpTo(UUID(ada.id), 0))
    assert (await sent)["seq"] == 1


async def test_order_is_total_and_the_same_for_all(api: Api) -> None:
    people = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(*people)
    await asyncio.gather(*[say(person, place, person.handle) for person in people for _ in range(6)])
    seen = [[(one["seq"], one["id"]) for one in await history(person, place)] for person in people]
    assert seen[0] == seen[1] == seen[2]
    assert [seq for seq, _ in seen[0]] == list(range(1, 19))


async def test_pages_before_and_after_a_message(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    said = [await say(ada, place, f"{number}") for number in range(7)]
    path = f"/v1/conversations/{place}/messages"

    async def page(query: str) -> tuple[list[int], str | None]:
        answer = await ben.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        return [one["seq"] for one in answer.json()["items"]], answer.json()["next_cursor"]

    assert await page("") == ([7, 6, 5, 4, 3, 2, 1], None)
    newest, cursor = await page("limit=3")
    assert newest == [7, 6, 5]
    assert (await page(f"limit=3&cursor={cursor}"))[0] == [4, 3, 2]
    assert await page(f"before={said[2]['id']}") == ([2, 1], None)
    assert await page("before=3") == ([2, 1], None)
    assert await page(f"after={said[4]['id']}") == ([6, 7], None)
    oldest, cursor = await page("after=0&limit=3")
    assert oldest == [1, 2, 3]
    assert await page(f"cursor={cursor}") == ([4, 5, 6, 7], None)
    assert await page("after=7") == ([], None)
    assert (await ben.get(f"{path}?before=1&after=1")).status_code == 422
    assert (await ben.get(f"{path}?before=first")).status_code == 422
    assert (await ben.get(f"{path}?cursor=AAAA")).status_code == 422
    assert (await ben.get(f"{path}?after={new_id()}")).status_code == 404


async def test_editing_and_deleting_are_the_authors(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await direct(ada, ben)
    message = await say(ada, place, "Helo")
    path = f"/v1/messages/{message['id']}"
    assert (await ben.patch(path, {"body": "Mine"})).json()["code"] == "not_the_author"
    assert (await cem.patch(path, {"body": "Mine"})).status_code == 404
    edited = (await ada.patch(path, {"body": "Hello"})).json()
    assert (edited["body"], edited["seq"]) == ("Hello", 1) and edited["edited_at"] is not None
    await ben.put(f"{path}/reactions/love")
    assert (await ben.delete(path)).status_code == 403
    assert (await ada.delete(path)).status_code == 204
    for again in (
        await ada.delete(path),
        await ada.patch(path, {"body": "No"}),
        await ben.put(f"{path}/reactions/like"),
    ):
        assert (again.status_code, again.json()["code"]) == (404, "message_not_found")
    left = (await ben.get(path)).json()
    assert (left["deleted"], left["body"], left["seq"], left["reaction_counts"]) == (True, "", 1, {})


async def test_replies_name_a_message_of_the_conversation(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place, elsewhere = await direct(ada, ben), await direct(ada, cem)
    first, foreign = await say(ada, place, "Question"), await say(ada, elsewhere, "Foreign")
    assert (await say(ben, place, "Answer", reply_to=first["id"]))["reply_to"] == first["id"]
    refused = await ben.post(
        f"/v1/conversations/{place}/messages", {"body": "Answer", "client_id": "1", "reply_to": foreign["id"]}
    )
    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")


async def test_reactions_are_one_per_person(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    path = f"/v1/messages/{(await say(ada, place, 'Hello'))['id']}"
    assert (await ben.put(f"{path}/reactions/love")).json() == {"reaction_counts": {"love": 1}, "my_reaction": "love"}
    await ada.put(f"{path}/reactions/love")
    assert (await ben.put(f"{path}/reactions/wow")).json()["reaction_counts"] == {"love": 1, "wow": 1}
    assert (await ben.delete(f"{path}/reactions/love")).status_code == 204
    assert (await ben.get(path)).json()["my_reaction"] == "wow"
    assert (await ben.delete(f"{path}/reactions/wow")).status_code == 204
    shown = (await ada.get(path)).json()
    assert (shown["reaction_counts"], shown["my_reaction"]) == ({"love": 1}, "love")
    assert (await ben.put(f"{path}/reactions/boring")).status_code == 422


async def test_what_a_message_may_say(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    path = f"/v1/conversations/{await direct(ada, ben)}/messages"
    for body in (
        {"body": " ", "client_id": "1"},
        {"body": "x" * 5001, "client_id": "1"},
        {"body": "a"},
        {"client_id": "1"},
    ):
        assert (await ada.post(path, body)).status_code == 422, body
    for client_id in ("", " ", "a\nb", "x" * 129):
        assert (await ada.post(path, {"body": "a", "client_id": client_id})).status_code == 422, client_id
    assert (await ada.post(path, {"body": "x" * 5000, "client_id": "1"})).status_code == 201
