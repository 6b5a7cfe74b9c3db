"""Handles that change: where the old one leads, who may take it, and how often."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from banyan.features.people.errors import HandleMoved, HandleTaken, PersonNotFound, TooManyHandleChanges
from banyan.features.people.models import PersonImport, ProfileChanges
from banyan.kernel.clock import now
from banyan.kernel.errors import BanyanError
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def call(town: Town, person: UUID, handle: str) -> None:
    async with town.work() as work:
        await town.people.update_profile(work, person, ProfileChanges(handle=handle))


async def leads_to(town: Town, reader: UUID | None, handle: str) -> str | None:
    """The handle that a profile is moved to; its own where it is not."""
    async with town.work() as work:
        try:
            return (await town.people.get_profile(work, reader, handle)).handle
        except HandleMoved as moved:
            assert await town.api.find_present_handle(work, reader, handle) == moved.handle
            return moved.handle
        except PersonNotFound:
            return None


async def age_changes(town: Town, days: int) -> None:
    """As if all changes had been made so many days earlier."""
    async with town.work() as work:
        await work.write(
            "UPDATE people_handle_changes SET changed_at = changed_at - $1::interval", timedelta(days=days)
        )


async def test_a_chain_of_changes_leads_to_the_end(town: Town) -> None:
    ada = await town.person("ada")
    for handle in ("ada_b", "ada_c", "ada_d"):
        await call(town, ada, handle)
    for handle in ("ada", "ada_b", "ada_c", "ada_d"):
        assert await leads_to(town, None, handle) == "ada_d"
    await call(town, ada, "ada")
    for handle in ("ada", "ada_b", "ada_c", "ada_d"):
        assert await leads_to(town, None, handle) == "ada"


async def test_a_handle_given_up_is_free_again_after_a_while(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await call(town, ada, "lovelace")
    await age_changes(town, 89)
    with pytest.raises(HandleTaken):
        await call(town, ben, "ada")
    with pytest.raises(HandleTaken):
        await town.person("ada")
    async with town.work() as work:
        with pytest.raises(HandleTaken):
            await town.people.check_person(work, "ada", "Ada")
    person = PersonImport(id=new_id(), handle="ada", display_name="Ada", bio="", created_at=now())
    with pytest.raises(HandleTaken):
        async with town.work() as work:
            await town.people_imports.import_people(work, [person])
    await age_changes(town, 2)
    assert await leads_to(town, None, "ada") is None
    await call(town, ben, "ada")
    assert await leads_to(town, None, "ada") == "ada"
    assert await leads_to(town, None, "ben") == "ada"
    async with town.work() as work:
        await town.handles.forget_old(work)
        assert await work.value("SELECT count(*) FROM people_handle_changes") == 1


async def test_the_owner_may_have_it_back(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await call(town, ada, "lovelace")
    await call(town, ada, "ada")
    assert await leads_to(town, None, "lovelace") == "ada"
    with pytest.raises(HandleTaken):
        await call(town, ben, "lovelace")


async def test_whom_a_block_hides_is_not_led_to(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await call(town, ada, "lovelace")
    await town.block(ada, ben)
    assert await leads_to(town, ben, "ada") is None
    assert await leads_to(town, None, "ada") == "lovelace"


async def test_changes_are_counted_over_thirty_days(town: Town) -> None:
    ada = await town.person("ada")
    for number in range(5):
        await call(town, ada, f"ada_{number}")
    with pytest.raises(TooManyHandleChanges) as refused:
        await call(town, ada, "ada_5")
    assert refused.value.retry_after_seconds == pytest.approx(30 * 86_400, abs=600)
    await call(town, ada, "ada_4")
    await age_changes(town, 31)
    await call(town, ada, "ada_5")
    assert await leads_to(town, None, "ada") == "ada_5"


async def test_changes_at_once_stay_within_the_number(town: Town) -> None:
    ada = await town.person("ada")
    made = await asyncio.gather(*(call(town, ada, f"ada_{number}") for number in range(8)), return_exceptions=True)
    assert [one for one in made if one is not None and not isinstance(one, TooManyHandleChanges)] == []
    assert sum(one is None for one in made) == 5


async def test_taking_a_handle_in_the_moment_that_it_is_given_up(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        results = await asyncio.gather(
            call(town, ada, f"lovelace{number}"),
            call(town, ben, f"ada{number}"),
            town.person(f"ada{number}"),
            return_exceptions=True,
        )
        assert results[0] is None
        for result in results[1:]:
            assert isinstance(result, HandleTaken)
        assert await leads_to(town, None, f"ada{number}") == f"lovelace{number}"


async def test_two_who_want_one_handle(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    results = await asyncio.gather(call(town, ada, "new"), call(town, ben, "new"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["HandleTaken", "NoneType"]
    assert all(result is None or isinstance(result, BanyanError) for result in results)
    # Whoever was refused has given nothing up.
    loser, handle = (ada, "ada") if results[0] is not None else (ben, "ben")
    assert await leads_to(town, None, handle) == handle
    async with town.work() as work:
        changes = await work.rows("SELECT person_id FROM people_handle_changes")
    assert [row[0] for row in changes] == [ben if loser == ada else ada]
