"""Profiles, handles, cards and imports."""

from uuid import UUID

import pytest
from msgspec import structs

from banyan.features.people.checks import check_handle
from banyan.features.people.errors import (
    AlreadyConnected,
    HandleTaken,
    NotWithOneself,
    OneSidedConnection,
    PersonNotFound,
)
from banyan.features.people.models import ConnectionSide, IdSet, PersonImport, ProfileChanges
from banyan.features.people.service import imports
from banyan.kernel.clock import now
from banyan.kernel.errors import Invalid
from banyan.kernel.ids import new_id
from tests.features.town import Town
from tests.support.statements import recorded


@pytest.mark.parametrize("handle", ["abc", "a_b", "a.b", "Ada_9", "x" * 30, "_x_", "me_", " ada "])
def test_good_handles(handle: str) -> None:
    assert check_handle(handle) == handle.strip().lower()


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "ab",
        "x" * 31,
        ".ab",
        "ab.",
        "a..b",
        "a b",
        "adá",
        "a\nbc",
        "abc\n.",
        "a\0bc",
        "ıstanbul",
        "Admin",
        "me",
        "me.",
    ],
)
def test_bad_handles(handle: str) -> None:
    with pytest.raises(Invalid):
        check_handle(handle)


async def test_a_profile_is_found_in_any_case_with_ones_own_link(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    async with town.work() as work:
        profile = await town.people.get_profile(work, None, "ADA")
    assert (profile.id, profile.handle, profile.connection_count, profile.connection) == (ada, "ada", 0, None)
    asked = await town.ask(ben, ada)
    async with town.work() as work:
        profile = await town.people.get_profile(work, ada, "ben")
    assert profile.connection is not None
    assert (profile.connection.id, profile.connection.state) == (asked.id, "received")
    await town.accept(ada, asked.id)
    async with town.work() as work:
        assert (await town.people.get_profile(work, None, "ben")).connection_count == 1


@pytest.mark.parametrize("handle", ["nobody.here", "a\0b", "\udc80abc", "x" * 500, "%", ""])
async def test_whoever_is_not_there_is_not_found(town: Town, handle: str) -> None:
    async with town.work() as work:
        with pytest.raises(PersonNotFound):
            await town.people.get_profile(work, None, handle)
        assert await town.api.find_by_handle(work, handle) is None


async def test_a_block_hides_the_profile_both_ways(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.block(ada, ben)
    async with town.work() as work:
        with pytest.raises(PersonNotFound):
            await town.people.get_profile(work, ada, "ben")
        with pytest.raises(PersonNotFound):
            await town.people.get_profile(work, ben, "ada")
        assert (await town.people.get_profile(work, None, "ada")).id == ada


async def test_a_handle_is_taken_once(town: Town) -> None:
    await town.person("ada")
    async with town.work() as work:
        with pytest.raises(HandleTaken):
            await town.people.create_person(work, new_id(), "ADA", "Another", now())


async def test_a_change_shows_in_cards_at_once(town: Town) -> None:
    ada = await town.person("ada")
    await town.person("ben")
    async with town.work() as work:
        assert (await town.api.cards(work, [ada]))[ada].display_name == "Ada"
    async with town.work() as work:
        await town.people.update_profile(work, ada, ProfileChanges(handle="Lovelace", display_name=" Ada L. "))
    async with town.work() as work:
        card = (await town.api.cards(work, [ada]))[ada]
        profile = await town.people.get_profile(work, None, "lovelace")
    assert (card.handle, card.display_name) == ("lovelace", "Ada L.")
    assert (profile.id, profile.bio) == (ada, "")
    assert ("http.answers", (f"person:{ada}",)) in town.memory.announced
    with pytest.raises(HandleTaken):
        async with town.work() as work:
            await town.people.update_profile(work, ada, ProfileChanges(handle="ben"))


@pytest.mark.parametrize(
    "changes",
    [
        ProfileChanges(display_name=" "),
        ProfileChanges(display_name="\u200b\u200d"),
        ProfileChanges(display_name="a\nb"),
        ProfileChanges(display_name="x" * 81),
        ProfileChanges(bio="x" * 501),
        ProfileChanges(bio="a\0b"),
        ProfileChanges(handle="a"),
        ProfileChanges(handle="admin"),
    ],
)
async def test_a_bad_change_is_refused(town: Town, changes: ProfileChanges) -> None:
    ada = await town.person("ada")
    async with town.work() as work:
        with pytest.raises(Invalid):
            await town.people.update_profile(work, ada, changes)


async def test_cards_cost_one_query_for_the_missing_and_none_after(town: Town) -> None:
    people = [await town.person(f"person{number}") for number in range(5)]
    async with town.work() as work:
        # The driver asks once per connection what an array of ids is.
        await town.api.cards(work, [new_id()])
    async with recorded(town.pool) as statements, town.work() as work:
        cards = await town.api.cards(work, people)
        assert set(cards) == set(people)
        await town.api.cards(work, people)
        await town.api.cards(work, [*people, new_id()])
    assert len(statements) == 2


async def test_a_reset_of_the_bus_forgets_everything(town: Town) -> None:
    ada = await town.person("ada")
    async with town.work() as work:
        await town.api.cards(work, [ada])
        await town.api.relations(work, ada)
        await town.api.cards(work, [new_id()])
    town.memory.reset()
    async with recorded(town.pool) as statements, town.work() as work:
        await town.api.cards(work, [ada])
        await town.api.relations(work, ada)
    assert len(statements) == 2


def test_an_id_set_is_a_set_of_ids() -> None:
    ids = [new_id() for _ in range(50)]
    packed = IdSet.of(ids)
    assert len(packed) == 50
    assert list(packed) == ids
    assert all(one in packed for one in ids)
    assert new_id() not in packed
    assert "text" not in packed
    assert UUID(int=0) not in IdSet()


def test_bytes_across_two_ids_are_no_member() -> None:
    one, other = UUID(int=1 << 64), UUID(int=1)
    across = UUID(bytes=(one.bytes + other.bytes)[3:19])
    assert across not in IdSet.of([one, other])
    assert across in IdSet.of([one, other, across])


def a_person(handle: str) -> PersonImport:
    return PersonImport(id=new_id(), handle=handle, display_name=handle, bio="", created_at=now())


async def test_an_import_checks_as_strictly_as_a_form(town: Town) -> None:
    ada, ben = a_person("ada"), a_person("Ben")
    async with town.work() as work:
        await town.people_imports.import_people(work, [ada, ben])
    async with town.work() as work:
        assert (await town.people.get_profile(work, None, "ben")).id == ben.id
        with pytest.raises(Invalid):
            await town.people_imports.import_people(work, [a_person("x")])
        with pytest.raises(HandleTaken):
            await town.people_imports.import_people(work, [a_person("cleo"), structs.replace(ada, id=new_id())])


def a_connection(one: UUID, other: UUID) -> list[ConnectionSide]:
    connection_id, at = new_id(), now()
    return [ConnectionSide(one, other, connection_id, at), ConnectionSide(other, one, connection_id, at)]


async def test_connections_are_imported_with_both_sides(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    async with town.work() as work:
        await town.people_imports.import_connections(work, [*a_connection(ada, ben), *a_connection(cleo, ada)])
    async with town.work() as work:
        await town.people_imports.check_connections(work, [ada, ben, cleo])
        assert set((await town.api.relations(work, ada)).connected) == {ben, cleo}
        assert set((await town.api.relations(work, ben)).connected) == {ada}
    for wrong, error in (
        (a_connection(ada, ada), NotWithOneself),
        (a_connection(ada, new_id()), PersonNotFound),
        (a_connection(ben, ada), AlreadyConnected),
    ):
        with pytest.raises(error):
            async with town.work() as work:
                await town.people_imports.import_connections(work, wrong)


async def test_an_imported_connection_without_its_other_side_is_found(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_DIGESTED_AT_ONCE", 2)
    people = ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    there, back = a_connection(ben, cleo)
    async with town.work() as work:
        await town.people_imports.import_connections(work, [*a_connection(ada, ben), *a_connection(cleo, ada)])
        await town.people_imports.check_connections(work, people)
        await town.people_imports.import_connections(work, [there])
        with pytest.raises(OneSidedConnection):
            await town.people_imports.check_connections(work, people)
        await town.people_imports.import_connections(work, [structs.replace(back, connection_id=new_id())])
        with pytest.raises(OneSidedConnection):
            await town.people_imports.check_connections(work, people)


async def test_people_are_counted(town: Town) -> None:
    await town.person("ada")
    async with town.work() as work:
        assert await town.api.count_people(work) == 1
