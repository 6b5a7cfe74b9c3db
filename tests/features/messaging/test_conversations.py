"""Conversations over HTTP: made, listed, read, left."""

import asyncio

from banyan.kernel.ids import new_id
from tests.features.messaging.steps import direct, group, history, say
from tests.support.platform import Api


async def test_a_direct_conversation_is_one_per_pair(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    made = await asyncio.gather(
        *[ada.post("/v1/conversations", {"member_ids": [ben.id]}) for _ in range(4)],
        *[ben.post("/v1/conversations", {"member_ids": [ada.id, ben.id]}) for _ in range(4)],
    )
    assert {answer.status_code for answer in made} == {201}
    assert len({answer.json()["id"] for answer in made}) == 1
    shown = made[0].json()
    assert (shown["kind"], shown["title"], shown["member_count"]) == ("direct", None, 2)
    assert [one["handle"] for one in shown["members"]] == ["ben"]
    assert shown["last_message"] is None and shown["unread_count"] == 0


async def test_a_title_or_a_third_person_makes_a_group(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    titled = await ada.post("/v1/conversations", {"member_ids": [ben.id], "title": " Tea "})
    three = await ada.post("/v1/conversations", {"member_ids": [ben.id, cem.id, ben.id]})
    assert (titled.json()["kind"], titled.json()["title"], titled.json()["member_count"]) == ("group", "Tea", 2)
    assert (three.json()["kind"], three.json()["title"], three.json()["member_count"]) == ("group", None, 3)
    assert three.json()["owner_id"] == ada.id


async def test_who_is_not_there_cannot_be_written_to(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    for members, status, code in (
        ([str(new_id())], 404, "person_not_found"),
        ([ben.id, str(new_id())], 404, "person_not_found"),
        ([ada.id], 422, "not_with_oneself"),
        ([], 422, "invalid"),
    ):
        refused = await ada.post("/v1/conversations", {"member_ids": members})
        assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_newest_activity_first_with_unread_count_and_last_message(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    with_ben, with_cem = await direct(ada, ben), await direct(ada, cem)
    for number in range(3):
        await say(ben, with_ben, f"Hello {number}")
    await say(ada, with_cem, "Mine")
    await say(ben, with_ben, "Last")
    page = (await ada.get("/v1/conversations")).json()
    assert [one["id"] for one in page["items"]] == [with_ben, with_cem]
    assert [one["unread_count"] for one in page["items"]] == [4, 0]
    assert [one["last_message"]["body"] for one in page["items"]] == ["Last", "Mine"]
    first = (await ada.get("/v1/conversations?limit=1")).json()
    second = (await ada.get(f"/v1/conversations?limit=1&cursor={first['next_cursor']}")).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [with_ben, with_cem]
    assert second["next_cursor"] is None


async def test_reading_moves_forward_only_and_own_messages_are_not_unread(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    said = [await say(ben, place, f"{number}") for number in range(4)]
    await say(ada, place, "Mine, before I have read yours")
    said.append(await say(ben, place, "4"))

    async def unread(person: Api) -> int:
        return int((await person.get(f"/v1/conversations/{place}")).json()["unread_count"])

    async def read(index: int) -> dict[str, int]:
        answer = await ada.ask("PUT", f"/v1/conversations/{place}/read", {"message_id": said[index]["id"]})
        assert answer.status_code == 200
        state: dict[str, int] = answer.json()
        return state

    # Ada has one message above the end of what Ben has read: his own do not count.
    assert (await unread(ada), await unread(ben)) == (5, 1)
    assert await read(1) == {"read_seq": 2, "unread_count": 3}
    assert await read(0) == {"read_seq": 2, "unread_count": 3}
    assert await read(4) == {"read_seq": 6, "unread_count": 0}
    assert await read(1) == {"read_seq": 6, "unread_count": 0}
    await say(ada, place, "And now I am up to date")
    assert await unread(ada) == 0
    members = (await ben.get(f"/v1/conversations/{place}/members")).json()["items"]
    assert {one["person"]["handle"]: one["read_seq"] for one in members} == {"ada": 7, "ben": 4}


async def test_reading_needs_a_message_of_the_conversation(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place, elsewhere = await direct(ada, ben), await direct(ada, cem)
    message = await say(ada, elsewhere, "Elsewhere")
    refused = await ada.ask("PUT", f"/v1/conversations/{place}/read", {"message_id": message["id"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")


async def test_a_block_hides_a_direct_conversation_from_both(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    message = await say(ada, place, "Hello")
    assert (await ben.put(f"/v1/blocks/{ada.id}")).status_code == 204
    for person, other in ((ada, ben), (ben, ada)):
        assert (await person.get("/v1/conversations")).json()["items"] == []
        assert (await person.get(f"/v1/conversations/{place}/messages")).status_code == 404
        assert (await person.get(f"/v1/messages/{message['id']}")).status_code == 404
        for answer in (
            await person.post(f"/v1/conversations/{place}/messages", {"body": "Hello?", "client_id": "1"}),
            await person.post("/v1/conversations", {"member_ids": [other.id]}),
        ):
            assert answer.status_code == 404
    await ben.delete(f"/v1/blocks/{ada.id}")
    assert [one["body"] for one in await history(ada, place)] == ["Hello"]


async def test_in_a_group_a_block_hides_texts_and_keeps_places(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await group(ada, ben, cem)
    for person in (ada, ben, cem):
        await say(person, place, f"I am {person.handle}")
    assert (await ada.put(f"/v1/blocks/{ben.id}")).status_code == 204
    assert [one["body"] for one in await history(ada, place)] == ["I am ada", "", "I am cem"]
    assert [one["body"] for one in await history(ben, place)] == ["", "I am ben", "I am cem"]
    assert [one["body"] for one in await history(cem, place)] == ["I am ada", "I am ben", "I am cem"]
    hidden = (await history(ada, place))[1]
    assert (hidden["seq"], hidden["author"], hidden["hidden"], hidden["client_id"]) == (2, None, True, None)
    assert (await ada.put(f"/v1/messages/{hidden['id']}/reactions/like")).status_code == 404
    members = (await ada.get(f"/v1/conversations/{place}/members")).json()["items"]
    assert {one["person"]["handle"] for one in members} == {"ada", "cem"}


async def test_members_come_and_go(api: Api) -> None:
    ada, ben, cem, dan = [await api.sign_up(name) for name in ("ada", "ben", "cem", "dan")]
    place = await group(ada, ben)
    await say(ada, place, "Before")
    assert (await cem.get(f"/v1/conversations/{place}")).status_code == 404
    # Any member adds; only the owner takes others out.
    assert (await ben.put(f"/v1/conversations/{place}/members/{cem.id}")).status_code == 204
    assert (await ben.put(f"/v1/conversations/{place}/members/{cem.id}")).status_code == 204
    added = await ben.post(f"/v1/conversations/{place}/members", {"member_ids": [cem.id, dan.id]})
    assert added.status_code == 204
    shown = (await cem.get(f"/v1/conversations/{place}")).json()
    assert (shown["member_count"], shown["unread_count"]) == (4, 0)
    assert [one["body"] for one in await history(cem, place)] == ["Before"]
    refused = await ben.delete(f"/v1/conversations/{place}/members/{cem.id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    assert (await ada.delete(f"/v1/conversations/{place}/members/{cem.id}")).status_code == 204
    assert (await cem.get(f"/v1/conversations/{place}/messages")).status_code == 404
    gone = await ada.delete(f"/v1/conversations/{place}/members/{cem.id}")
    assert (gone.status_code, gone.json()["code"]) == (404, "member_not_found")
    # The owner leaves: whoever has been here for longest is the next one.
    assert (await ada.post(f"/v1/conversations/{place}/leave")).status_code == 204
    left = (await ben.get(f"/v1/conversations/{place}")).json()
    assert (left["owner_id"], left["member_count"]) == (ben.id, 2)
    renamed = await ben.patch(f"/v1/conversations/{place}", {"title": "Ours"})
    assert renamed.json()["title"] == "Ours"
    assert (await dan.patch(f"/v1/conversations/{place}", {"title": "Mine"})).status_code == 403


async def test_people_to_add_are_named_once(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    path = f"/v1/conversations/{await group(ada, ben)}/members"
    for body in ({}, {"member_ids": [cem.id], "person_ids": [cem.id]}):
        refused = await ada.post(path, body)
        assert refused.status_code == 422
        assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [("member_ids", "missing_field")]
    # The older name.
    assert (await ada.post(path, {"person_ids": [cem.id]})).status_code == 204


async def test_a_conversation_of_two_stays_one_of_two(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    place = await direct(ada, ben)
    for answer in (
        await ada.put(f"/v1/conversations/{place}/members/{cem.id}"),
        await ada.delete(f"/v1/conversations/{place}/members/{ben.id}"),
        await ada.post(f"/v1/conversations/{place}/leave"),
        await ada.patch(f"/v1/conversations/{place}", {"title": "Us"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "direct_conversation")


async def test_two_who_add_the_same_people_at_once_count_them_once(api: Api) -> None:
    people = [await api.sign_up(f"guest_{number}") for number in range(5)]
    place = await group(people[0], people[1])
    await asyncio.gather(
        *[
            person.post(f"/v1/conversations/{place}/members", {"member_ids": [one.id for one in people[2:]]})
            for person in people[:2]
            for _ in range(2)
        ]
    )
    assert (await people[0].get(f"/v1/conversations/{place}")).json()["member_count"] == 5


async def test_muting_is_ones_own(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    assert (await ada.put(f"/v1/conversations/{place}/mute")).status_code == 204
    assert (await ada.get(f"/v1/conversations/{place}")).json()["muted"] is True
    assert (await ben.get(f"/v1/conversations/{place}")).json()["muted"] is False
    assert (await ada.delete(f"/v1/conversations/{place}/mute")).status_code == 204
    assert (await ada.get(f"/v1/conversations/{place}")).json()["muted"] is False
