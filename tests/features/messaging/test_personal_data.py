"""What becomes of conversations when somebody leaves: their words stay, their name goes."""

from uuid import UUID

from banyan.features.messaging.service import personal
from banyan.infra.database.pool import Pool
from banyan.infra.streams.events import find_head
from tests.features.messaging.steps import direct, group, history, say
from tests.support.eventually import eventually
from tests.support.platform import Api


async def erase(pool: Pool, person: Api) -> None:
    """As the chain of jobs does it: a transaction for each part."""
    while True:
        async with pool.work() as work:
            if not await personal.erase(work, UUID(person.id)):
                return


async def test_messages_stay_as_of_a_deleted_account(api: Api) -> None:
    ada, ben, cem = [await api.sign_up(name) for name in ("ada", "ben", "cem")]
    two, many = await direct(ada, ben), await group(ada, ben, cem)
    for place in (two, many):
        await say(ada, place, "Mine")
    message = await say(ben, many, "Yours")
    await ada.put(f"/v1/messages/{message['id']}/reactions/love")
    async with api.platform.pool.work() as work:
        before = await find_head(work, UUID(many))
    await erase(api.platform.pool, ada)
    await erase(api.platform.pool, ada)
    said = await history(ben, many)
    assert [(one["body"], one["author"]["display_name"]) for one in said] == [
        ("Mine", "Deleted account"),
        ("Yours", "Ben"),
    ]
    assert said[0]["client_id"] is None and said[1]["reaction_counts"] == {}
    shown = (await ben.get(f"/v1/conversations/{many}")).json()
    assert shown["member_count"] == 2 and shown["owner_id"] in (ben.id, cem.id)
    refused = await ben.post(f"/v1/conversations/{two}/messages", {"body": "Still there?", "client_id": "1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "recipient_gone")
    assert [one["body"] for one in await history(ben, two)] == ["Mine"]
    # The log named her: whoever resumes from it begins anew.
    async with api.platform.pool.work() as work:
        after = await find_head(work, UUID(many))
        assert before is not None and after is not None and before.epoch != after.epoch


async def test_a_conversation_without_anybody_goes(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await group(ada, ben)
    await say(ada, place, "Hello")
    for person in (ada, ben):
        assert (await person.post(f"/v1/conversations/{place}/leave")).status_code == 204

    async def gone() -> bool:
        async with api.platform.pool.connection() as connection:
            left = await connection.fetchval(
                "SELECT (SELECT count(*) FROM messaging_conversations) + (SELECT count(*) FROM messaging_messages)"
                " + (SELECT count(*) FROM streams_events) + (SELECT count(*) FROM streams_logs)"
            )
        return bool(left == 0)

    await eventually(gone)


async def test_an_export_holds_what_one_wrote_and_chose(api: Api) -> None:
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    place = await direct(ada, ben)
    mine, theirs = await say(ada, place, "Mine"), await say(ben, place, "Yours")
    await ada.put(f"/v1/messages/{theirs['id']}/reactions/wow")
    async with api.platform.pool.work() as work:
        messages = await personal.MESSAGES(work, UUID(ada.id), None)
        reactions = await personal.REACTIONS(work, UUID(ada.id), None)
        conversations = await personal.CONVERSATIONS(work, UUID(ada.id), None)
    assert [str(one.id) for one in messages.items] == [mine["id"]]
    assert [(str(one.message_id), one.kind) for one in reactions.items] == [(theirs["id"], "wow")]
    assert [str(one.conversation_id) for one in conversations.items] == [place]
