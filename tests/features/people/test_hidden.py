"""A person who is hidden does not exist for others, loses nothing, and comes back; one who is erased does not."""

from uuid import UUID

import pytest

from banyan.features.people.errors import ConnectionNotFound, HandleTaken, PersonNotFound
from banyan.features.posts.errors import PostNotFound
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def hide(town: Town, person: UUID) -> None:
    async with town.work() as work:
        await town.people.hide_person(work, person)


async def show(town: Town, person: UUID) -> None:
    async with town.work() as work:
        await town.people.show_person(work, person)


async def erase(town: Town, person: UUID) -> None:
    async with town.work() as work:
        await town.people.erase_person(work, person)


async def seen_of(town: Town, reader: UUID, list_id: UUID) -> dict[str, object]:
    """All that `reader`, who owns the list, sees of others."""
    async with town.work() as work:
        connections = await town.ties.list_connections(work, reader, "connected", 100, None)
        sent = await town.ties.list_connections(work, reader, "sent", 100, None)
        blocks = await town.ties.list_blocks(work, reader, 100, None)
        mutes = await town.mutes.list_mutes(work, reader, 100, None)
        members = await town.lists.list_members(work, reader, list_id, 100, None)
        public = await town.posts.list_public(work, reader, 100, None)
        relations = await town.api.relations(work, reader)
        return {
            "connections": [one.person.handle for one in connections.items],
            "sent": [one.person.handle for one in sent.items],
            "blocks": [one.person.handle for one in blocks.items],
            "mutes": [one.person.handle for one in mutes.items],
            "members": [one.person.handle for one in members.items],
            "member_count": (await town.lists.get_list(work, reader, list_id)).member_count,
            "connection_count": (await town.people.get_profile(work, None, "ada")).connection_count,
            "public": [post.author.handle for post in public.items],
            "feed": [post.author.handle for post in await town.feed(reader)],
            "connected": set(relations.connected),
            "people": await town.api.count_people(work),
        }


async def test_the_hidden_are_nowhere_and_come_back_as_they_were(town: Town) -> None:
    ada, ben, cleo, dan, eve = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan", "eve")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    await town.ask(ada, dan)
    await town.block(ada, eve)
    await town.mute(ada, dan)
    list_id = await town.make_list(ada, ben, cleo)
    posts = {person: (await town.publish(person)).id for person in (ben, cleo, dan)}
    await town.drain()
    before = await seen_of(town, ada, list_id)
    assert before["feed"] == ["cleo", "ben"]
    for person in (ben, dan, eve):
        await hide(town, person)
        await hide(town, person)
    hidden = await seen_of(town, ada, list_id)
    assert hidden == {
        "connections": ["cleo"],
        "sent": [],
        "blocks": [],
        "mutes": [],
        "members": ["cleo"],
        "member_count": 1,
        "connection_count": 1,
        "public": ["cleo"],
        "feed": ["cleo"],
        "connected": {cleo},
        "people": 2,
    }
    # While away, what jobs do goes on: nothing is missing afterwards.
    missed = await town.publish(ada)
    await town.drain()
    for person in (ben, dan, eve):
        await show(town, person)
    after = await seen_of(town, ada, list_id)
    assert after["feed"] == ["ada", "cleo", "ben"]
    assert {key: value for key, value in after.items() if key not in ("feed", "public")} == {
        key: value for key, value in before.items() if key not in ("feed", "public")
    }
    assert missed.id in [post.id for post in await town.feed(ben)]
    async with town.work() as work:
        assert (await town.posts.get_post(work, None, posts[ben])).id == posts[ben]


async def test_everything_about_the_hidden_answers_not_found(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    list_id = await town.make_list(ada)
    public = await town.publish(ben)
    close = await town.publish(ben, audience="connections")
    await town.drain()
    async with town.work() as work:
        assert await town.api.find_card(work, ben) is not None
        await town.api.relations(work, None)
    await hide(town, ben)
    for reader in (ada, None):
        async with town.work() as work:
            with pytest.raises(PersonNotFound):
                await town.people.get_profile(work, reader, "ben")
            with pytest.raises(PersonNotFound):
                await town.posts.list_by_author(work, reader, "ben", 10, None)
            for post in (public, close):
                with pytest.raises(PostNotFound):
                    await town.posts.get_post(work, reader, post.id)
            assert (await town.posts.list_public(work, reader, 10, None)).items == []
    async with town.work() as work:
        assert await town.api.cards(work, [ben]) == {}
        assert await town.api.find_card(work, ben) is None
        assert await town.api.find_by_handle(work, "ben") is None
    for refused, error in (
        (town.ask(ada, ben), PersonNotFound),
        (town.block(ada, ben), PersonNotFound),
        (town.mute(ada, ben), PersonNotFound),
        (town.add_member(ada, list_id, ben), PersonNotFound),
        (town.end(ada, connection.id), ConnectionNotFound),
        (town.person("ben"), HandleTaken),
    ):
        with pytest.raises(error):
            await refused
    # Their own account still finds its person.
    async with town.work() as work:
        card = await town.api.own_card(work, ben)
        assert card is not None and card.handle == "ben"
        assert await town.api.own_card(work, new_id()) is None


async def test_the_erased_leave_nothing_but_their_handle(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.connect(ada, ben)
    await town.make_list(ada, ben)
    hers = await town.make_list(ben, ada)
    await town.mute(ada, ben)
    await town.mute(ben, ada)
    await town.publish(ben)
    await town.drain()
    await hide(town, ben)
    await erase(town, ben)
    await erase(town, ben)
    assert await town.feed(ada) == []
    async with town.work() as work:
        for table, columns in (
            ("people_people", "id"),
            ("people_connections", "person_id, other_id"),
            ("people_lists", "owner_id"),
            ("people_list_members", "person_id, owner_id"),
            ("people_mutes", "person_id, muted_id"),
        ):
            assert await work.value(f"SELECT count(*) FROM {table} WHERE $1 IN ({columns})", ben) == 0, table
        relations = await town.api.relations(work, ada)
        assert (set(relations.connected), set(relations.listed), set(relations.away)) == (set(), set(), set())
        assert not await town.api.owns_list(work, ben, hers)
        with pytest.raises(PersonNotFound):
            await town.people.get_profile(work, None, "ben")
    with pytest.raises(HandleTaken):
        await town.person("ben")
