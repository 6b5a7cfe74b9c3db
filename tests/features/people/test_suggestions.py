"""Suggestions: who is suggested, in which order, and what it costs people who know very many."""

from uuid import UUID

import pytest

from banyan.features.people.errors import NotWithOneself, PersonNotFound
from banyan.features.people.models import ConnectionSide, PersonImport
from banyan.features.people.queries.suggestions import _LIST, _MINE, _THEIRS
from banyan.kernel.clock import now
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def suggested(town: Town, person: UUID, page: int = 100) -> list[tuple[str, int]]:
    """Handle and mutual connections of everybody suggested."""
    found: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            shown = await town.suggestions.list_suggestions(work, person, page, cursor)
        found += [(one.person.handle, one.mutual_count) for one in shown.items]
        cursor = shown.next_cursor
        if cursor is None:
            return found


async def dismiss(town: Town, person: UUID, dismissed: UUID) -> None:
    async with town.work() as work:
        await town.suggestions.dismiss_person(work, person, dismissed)


async def village(town: Town) -> dict[str, UUID]:
    """Ada knows ben and cleo; both know dan and fay, only cleo knows eve."""
    people = {handle: await town.person(handle) for handle in ("ada", "ben", "cleo", "dan", "eve", "fay")}
    for one, other in (
        ("ada", "ben"),
        ("ada", "cleo"),
        ("ben", "dan"),
        ("cleo", "dan"),
        ("ben", "fay"),
        ("cleo", "fay"),
        ("cleo", "eve"),
    ):
        await town.connect(people[one], people[other])
    return people


async def test_who_knows_most_of_ones_connections_comes_first(town: Town) -> None:
    people = await village(town)
    expected = [("fay", 2), ("dan", 2), ("eve", 1)]
    assert await suggested(town, people["ada"]) == expected
    for page in (1, 2):
        assert await suggested(town, people["ada"], page) == expected
    assert await suggested(town, await town.person("newcomer")) == []


async def test_nobody_is_suggested_whom_one_has_dealt_with(town: Town) -> None:
    people = await village(town)
    ada, dan, eve, fay = people["ada"], people["dan"], people["eve"], people["fay"]
    asked = await town.ask(ada, dan)
    assert await suggested(town, ada) == [("fay", 2), ("eve", 1)]
    # Who has asked stands among the requests.
    assert "ada" not in [handle for handle, _ in await suggested(town, dan)]
    await town.end(ada, asked.id)
    await town.mute(ada, fay)
    assert await suggested(town, ada) == [("dan", 2), ("eve", 1)]
    await town.unmute(ada, fay)
    await town.block(dan, ada)
    assert await suggested(town, ada) == [("fay", 2), ("eve", 1)]
    await dismiss(town, ada, fay)
    await dismiss(town, ada, fay)
    assert await suggested(town, ada) == [("eve", 1)]
    # Only for oneself.
    assert ("ada", 2) in await suggested(town, fay)
    await town.connect(ada, eve)
    assert await suggested(town, ada) == []


async def test_the_hidden_are_not_suggested_and_do_not_count(town: Town) -> None:
    people = await village(town)
    for handle in ("ben", "fay"):
        async with town.work() as work:
            await town.people.hide_person(work, people[handle])
    assert await suggested(town, people["ada"]) == [("eve", 1), ("dan", 1)]


async def test_who_cannot_be_dismissed(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    with pytest.raises(NotWithOneself):
        await dismiss(town, ada, ada)
    await town.block(ben, ada)
    for person in (ben, new_id()):
        with pytest.raises(PersonNotFound):
            await dismiss(town, ada, person)


async def import_star(town: Town, middle: UUID, others: list[UUID]) -> None:
    """Connects one with all others."""
    sides = []
    for other in others:
        connection_id = new_id()
        sides += [
            ConnectionSide(middle, other, connection_id, now()),
            ConnectionSide(other, middle, connection_id, now()),
        ]
    async with town.work() as work:
        await town.people_imports.import_connections(work, sides)


async def import_people(town: Town, prefix: str, count: int) -> list[UUID]:
    people = [
        PersonImport(id=new_id(), handle=f"{prefix}{number}", display_name=prefix, bio="", created_at=now())
        for number in range(count)
    ]
    async with town.work() as work:
        await town.people_imports.import_people(work, people)
    return [person.id for person in people]


async def test_work_is_bounded_however_many_one_knows(town: Town) -> None:
    """Ada knows 400 people, of whom the newest knows 300: no more rows are read than the bounds say."""
    ada = await town.person("ada")
    friends = await import_people(town, "friend", 400)
    strangers = await import_people(town, "stranger", 300)
    await import_star(town, ada, friends)
    await import_star(town, friends[-1], strangers)
    await import_star(town, friends[0], await import_people(town, "far", 3))
    async with town.work() as work:
        await town.people_imports.refresh_statistics(work)
    # The newest of ada's own and the newest of theirs: one of these hundred is ada's own connection with the friend.
    found = await suggested(town, ada)
    assert len(found) == _THEIRS
    assert {handle for handle, _ in found} <= {f"stranger{number}" for number in range(200, 300)}
    async with town.work() as work:
        [plan] = (
            await work.row(f"EXPLAIN (ANALYZE, FORMAT JSON) {_LIST}", ada, _MINE + 1, UUID(int=(1 << 128) - 1), 21)
        ) or []
    assert "Seq Scan" not in plan, plan
