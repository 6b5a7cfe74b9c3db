"""Lists of connections: who may be on one, who sees it, and what ends a membership."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.people.errors import ListNotFound, NotConnected, PersonNotFound, TooManyLists
from banyan.features.people.models import ListChanges
from banyan.features.people.service.lists import LISTS_PER_PERSON
from banyan.features.people.signals import ListDeleted, ListMemberAdded, ListMemberRemoved
from banyan.kernel.errors import BanyanError, Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def members(town: Town, owner: UUID, list_id: UUID) -> list[UUID]:
    """Newest first."""
    async with town.work() as work:
        page = await town.lists.list_members(work, owner, list_id, 100, None)
        found = await town.lists.get_list(work, owner, list_id)
    assert found.member_count == len(page.items)
    return [member.person.id for member in page.items]


async def listed(town: Town, person: UUID) -> set[UUID]:
    async with town.work() as work:
        return set((await town.api.relations(work, person)).listed)


def signals(town: Town) -> list[object]:
    """What left about lists, and nothing else."""
    kinds = (ListMemberAdded, ListMemberRemoved, ListDeleted)
    return [signal for signal in town.memory.emitted if isinstance(signal, kinds)]


async def two_friends(town: Town) -> tuple[UUID, UUID, UUID]:
    """Ada, connected with ben and cleo."""
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.connect(ada, ben)
    await town.connect(ada, cleo)
    return ada, ben, cleo


async def test_a_list_is_made_filled_and_emptied(town: Town) -> None:
    ada, ben, cleo = await two_friends(town)
    list_id = await town.make_list(ada, ben, cleo)
    assert await members(town, ada, list_id) == [cleo, ben]
    assert await listed(town, ben) == {list_id}
    await town.add_member(ada, list_id, ben)
    await town.remove_member(ada, list_id, cleo)
    await town.remove_member(ada, list_id, cleo)
    assert await members(town, ada, list_id) == [ben]
    assert (await listed(town, ben), await listed(town, cleo)) == ({list_id}, set())
    assert signals(town) == [
        ListMemberAdded(list_id, ada, ben),
        ListMemberAdded(list_id, ada, cleo),
        ListMemberRemoved(list_id, ada, cleo),
    ]


async def test_only_connections_can_be_on_a_list(town: Town) -> None:
    ada, _, cleo = await two_friends(town)
    dan = await town.person("dan")
    list_id = await town.make_list(ada)
    await town.ask(ada, dan)
    for person in (dan, ada):
        with pytest.raises(NotConnected):
            await town.add_member(ada, list_id, person)
    await town.block(cleo, ada)
    for person in (cleo, new_id()):
        with pytest.raises(PersonNotFound):
            await town.add_member(ada, list_id, person)
    assert await members(town, ada, list_id) == []


async def test_a_list_is_its_owners_alone(town: Town) -> None:
    ada, ben, _ = await two_friends(town)
    list_id = await town.make_list(ada, ben)
    async with town.work() as work:
        assert await town.api.owns_list(work, ada, list_id)
        assert not await town.api.owns_list(work, ben, list_id)
        assert not await town.api.owns_list(work, ada, new_id())
        assert (await town.lists.list_lists(work, ben, 10, None)).items == []
        with pytest.raises(ListNotFound):
            await town.lists.get_list(work, ben, list_id)
        with pytest.raises(ListNotFound):
            await town.lists.list_members(work, ben, list_id, 10, None)
        with pytest.raises(ListNotFound):
            await town.lists.change_list(work, ben, list_id, ListChanges(name="Mine"))
    for refused in (
        town.add_member(ben, list_id, ada),
        town.remove_member(ben, list_id, ben),
        town.delete_list(ben, list_id),
    ):
        with pytest.raises(ListNotFound):
            await refused
    assert await members(town, ada, list_id) == [ben]


async def test_the_end_of_a_connection_ends_memberships_on_both_sides(town: Town) -> None:
    ada, ben, cleo = await two_friends(town)
    close, colleagues = await town.make_list(ada, ben, cleo), await town.make_list(ada, ben)
    hers = await town.make_list(ben, ada)
    town.memory.emitted.clear()
    [connection] = await town.connections(ben)
    await town.end(ben, connection)
    assert await members(town, ada, close) == [cleo]
    assert await members(town, ada, colleagues) == []
    assert await members(town, ben, hers) == []
    assert (await listed(town, ada), await listed(town, ben)) == (set(), set())
    removed = {ListMemberRemoved(close, ada, ben), ListMemberRemoved(colleagues, ada, ben)}
    assert set(signals(town)) == {*removed, ListMemberRemoved(hers, ben, ada)}
    # Connected again they are on no list.
    await town.connect(ada, ben)
    assert await listed(town, ben) == set()


async def test_a_block_takes_off_every_list(town: Town) -> None:
    ada, ben, cleo = await two_friends(town)
    list_id = await town.make_list(ada, ben, cleo)
    await town.block(ben, ada)
    assert await members(town, ada, list_id) == [cleo]
    assert await listed(town, ben) == set()


async def test_a_deleted_list_takes_its_members_along(town: Town) -> None:
    ada, ben, cleo = await two_friends(town)
    list_id, other = await town.make_list(ada, ben, cleo), await town.make_list(ada, ben)
    assert await listed(town, ben) == {list_id, other}
    await town.delete_list(ada, list_id)
    assert (await listed(town, ben), await listed(town, cleo)) == ({other}, set())
    assert signals(town)[-1] == ListDeleted(list_id, ada)
    with pytest.raises(ListNotFound):
        await town.delete_list(ada, list_id)
    async with town.work() as work:
        assert [one.id for one in (await town.lists.list_lists(work, ada, 10, None)).items] == [other]
        assert len(await town.api.list_member_ids(work, list_id, limit=10)) == 0


async def test_lists_and_members_come_in_pages(town: Town) -> None:
    ada = await town.person("ada")
    friends = [await town.person(f"friend{number}") for number in range(5)]
    for friend in friends:
        await town.connect(friend, ada)
    lists = [await town.make_list(ada, *friends, name=f"List {number}") for number in range(3)]
    async with town.work() as work:
        page = await town.lists.list_lists(work, ada, 2, None)
        rest = await town.lists.list_lists(work, ada, 2, page.next_cursor)
        assert [one.id for one in (*page.items, *rest.items)] == lists[::-1]
        assert rest.next_cursor is None
        first = await town.lists.list_members(work, ada, lists[0], 3, None)
        last = await town.lists.list_members(work, ada, lists[0], 3, first.next_cursor)
        assert [one.person.id for one in (*first.items, *last.items)] == friends[::-1]
        ids = list(await town.api.list_member_ids(work, lists[0], limit=3))
        assert ids == friends[:3]
        assert list(await town.api.list_member_ids(work, lists[0], after=ids[-1], limit=3)) == friends[3:]


@pytest.mark.parametrize("name", ["", " ", "\u200b", "a\nb", "a\0b", "x" * 81])
async def test_a_bad_name_is_refused(town: Town, name: str) -> None:
    ada = await town.person("ada")
    list_id = await town.make_list(ada)
    async with town.work() as work:
        with pytest.raises(Invalid):
            await town.lists.create_list(work, ada, name)
        with pytest.raises(Invalid):
            await town.lists.change_list(work, ada, list_id, ListChanges(name=name))


async def test_a_list_gets_another_name(town: Town) -> None:
    ada = await town.person("ada")
    list_id = await town.make_list(ada)
    async with town.work() as work:
        changed = await town.lists.change_list(work, ada, list_id, ListChanges(name=" Family "))
        assert changed.name == "Family"
        assert await town.lists.change_list(work, ada, list_id, ListChanges()) == changed


async def test_nobody_has_more_lists_than_one_may_have(town: Town) -> None:
    ada = await town.person("ada")
    for _ in range(LISTS_PER_PERSON - 1):
        await town.make_list(ada)
    made = await asyncio.gather(*(town.make_list(ada) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["TooManyLists", "TooManyLists", "UUID"]
    async with town.work() as work:
        found = (await town.lists.list_lists(work, ada, 100, None)).items
    await town.delete_list(ada, found[0].id)
    await town.make_list(ada)
    with pytest.raises(TooManyLists):
        await town.make_list(ada)


async def test_adding_against_the_end_of_the_connection(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        connection = await town.connect(ada, ben)
        list_id = await town.make_list(ada)
        results = await asyncio.gather(
            town.add_member(ada, list_id, ben), town.end(ben, connection.id), return_exceptions=True
        )
        assert results[1] is None
        assert results[0] is None or isinstance(results[0], NotConnected)
        assert await members(town, ada, list_id) == []
        assert await listed(town, ben) == set()


async def test_adding_against_the_deletion_of_the_list(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        await town.connect(ada, ben)
        list_id = await town.make_list(ada)
        results = await asyncio.gather(
            town.add_member(ada, list_id, ben),
            town.add_member(ada, list_id, ben),
            town.delete_list(ada, list_id),
            return_exceptions=True,
        )
        assert results[2] is None
        for result in results:
            assert not isinstance(result, BaseException) or isinstance(result, BanyanError)
        assert await listed(town, ben) == set()
