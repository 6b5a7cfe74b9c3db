"""Mutes: what they keep out, what they leave, and who knows of them."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.people.errors import NotWithOneself, PersonNotFound
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def public(town: Town, reader: UUID) -> list[UUID]:
    async with town.work() as work:
        page = await town.posts.list_public(work, reader, 100, None)
    return [post.id for post in page.items]


async def mutes(town: Town, person: UUID) -> list[UUID]:
    async with town.work() as work:
        page = await town.mutes.list_mutes(work, person, 100, None)
    return [mute.person.id for mute in page.items]


async def test_a_muted_persons_posts_leave_feed_and_public_list_alone(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    post = (await town.publish(ben, audience="public")).id
    close = (await town.publish(ben, audience="connections")).id
    other = (await town.publish(cleo)).id
    await town.drain()
    await town.mute(ada, ben)
    await town.mute(ada, ben)
    assert [one.id for one in await town.feed(ada)] == [other]
    assert await public(town, ada) == [other]
    async with town.work() as work:
        profile = await town.posts.list_by_author(work, ada, "ben", 100, None)
        assert [one.id for one in profile.items] == [close, post]
        assert (await town.posts.get_post(work, ada, close)).id == close
        await town.people.get_profile(work, ada, "ben")
        connections = await town.ties.list_connections(work, ada, "connected", 10, None)
    assert {connection.person.id for connection in connections.items} == {ben, cleo}
    # Neither the muted nor anybody else notices.
    assert set(await public(town, ben)) == {post, other}
    assert mutes_told(town) == []
    await town.unmute(ada, ben)
    await town.unmute(ada, ben)
    assert [one.id for one in await town.feed(ada)] == [other, close, post]
    assert await public(town, ada) == [other, post]


def mutes_told(town: Town) -> list[object]:
    """Signals after everything that went before was done."""
    return town.memory.waiting


async def test_one_may_mute_a_stranger_but_nobody_hidden(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    post = await town.publish(ben)
    await town.mute(ada, ben)
    assert post.id not in await public(town, ada)
    with pytest.raises(NotWithOneself):
        await town.mute(ada, ada)
    await town.block(cleo, ada)
    for person in (cleo, new_id()):
        with pytest.raises(PersonNotFound):
            await town.mute(ada, person)
    assert await mutes(town, ada) == [ben]


async def test_mutes_are_listed_without_those_whom_a_block_hides(town: Town) -> None:
    ada, ben, cleo, dan = [await town.person(handle) for handle in ("ada", "ben", "cleo", "dan")]
    for muted in (ben, cleo, dan):
        await town.mute(ada, muted)
    async with town.work() as work:
        page = await town.mutes.list_mutes(work, ada, 2, None)
        rest = await town.mutes.list_mutes(work, ada, 2, page.next_cursor)
    assert [mute.person.id for mute in (*page.items, *rest.items)] == [dan, cleo, ben]
    await town.block(dan, ada)
    await town.block(ada, cleo)
    assert await mutes(town, ada) == [ben]
    await town.unblock(ada, cleo)
    assert await mutes(town, ada) == [cleo, ben]
    assert await mutes(town, ben) == []


async def test_a_mute_outlives_the_connection(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    await town.mute(ada, ben)
    await town.end(ada, connection.id)
    await town.connect(ada, ben)
    await town.publish(ben)
    await town.drain()
    assert await town.feed(ada) == []


async def test_muting_twice_at_once_mutes_once(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await asyncio.gather(town.mute(ada, ben), town.mute(ada, ben))
    assert await mutes(town, ada) == [ben]
