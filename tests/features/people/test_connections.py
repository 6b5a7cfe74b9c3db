"""Asking, accepting, ending and blocking, one after the other and all at once."""

import asyncio
from uuid import UUID

import pytest

from banyan.features.people.errors import (
    AlreadyConnected,
    AlreadyRequested,
    ConnectionNotFound,
    NotWithOneself,
    OwnRequest,
    PersonNotFound,
)
from banyan.features.people.signals import ConnectionEnded, ConnectionMade
from banyan.kernel.errors import BanyanError
from banyan.kernel.ids import new_id
from tests.features.town import Town


async def states(town: Town, person: UUID) -> dict[UUID, str]:
    """How this person sees every other they have a row with."""
    found: dict[UUID, str] = {}
    async with town.work() as work:
        for state in ("sent", "received", "connected"):
            page = await town.ties.list_connections(work, person, state, 100, None)
            found |= {connection.person.id: connection.state for connection in page.items}
    return found


async def test_a_request_is_seen_from_both_sides_and_accepted_by_the_one_asked(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    asked = await town.ask(ada, ben)
    assert (asked.state, asked.person.handle) == ("sent", "ben")
    assert await states(town, ada) == {ben: "sent"}
    assert await states(town, ben) == {ada: "received"}
    accepted = await town.accept(ben, asked.id)
    assert (accepted.id, accepted.state, accepted.person.handle) == (asked.id, "connected", "ada")
    assert await states(town, ada) == {ben: "connected"}
    assert await states(town, ben) == {ada: "connected"}
    assert town.memory.waiting == [ConnectionMade(ben, ada)]


async def test_accepting_twice_changes_nothing(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    asked = await town.ask(ada, ben)
    await town.accept(ben, asked.id)
    assert (await town.accept(ben, asked.id)).state == "connected"
    assert len(town.memory.waiting) == 1


async def test_asking_somebody_who_asked_accepts(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    asked = await town.ask(ada, ben)
    made = await town.ask(ben, ada)
    assert (made.id, made.state) == (asked.id, "connected")


async def test_asking_again_is_a_conflict(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.ask(ada, ben)
    with pytest.raises(AlreadyRequested):
        await town.ask(ada, ben)
    await town.ask(ben, ada)
    with pytest.raises(AlreadyConnected):
        await town.ask(ada, ben)


async def test_nobody_asks_themselves_or_somebody_who_is_not_there(town: Town) -> None:
    ada = await town.person("ada")
    with pytest.raises(NotWithOneself):
        await town.ask(ada, ada)
    with pytest.raises(PersonNotFound):
        await town.ask(ada, new_id())


async def test_only_the_one_asked_may_answer(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    asked = await town.ask(ada, ben)
    with pytest.raises(OwnRequest):
        await town.accept(ada, asked.id)
    with pytest.raises(ConnectionNotFound):
        await town.accept(cleo, asked.id)
    async with town.work() as work:
        with pytest.raises(OwnRequest):
            await town.ties.decline_connection(work, ada, asked.id)
    with pytest.raises(ConnectionNotFound):
        await town.end(cleo, asked.id)
    assert await states(town, ben) == {ada: "received"}


async def test_a_declined_request_may_be_made_again(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    asked = await town.ask(ada, ben)
    async with town.work() as work:
        await town.ties.decline_connection(work, ben, asked.id)
    assert await states(town, ada) == {}
    assert town.memory.waiting == []
    again = await town.ask(ada, ben)
    assert again.id != asked.id
    with pytest.raises(ConnectionNotFound):
        await town.accept(ben, asked.id)


async def test_a_connection_is_ended_not_declined(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    async with town.work() as work:
        with pytest.raises(AlreadyConnected):
            await town.ties.decline_connection(work, ben, connection.id)
    await town.end(ada, connection.id)
    assert await states(town, ben) == {}
    assert town.memory.waiting == [ConnectionMade(ben, ada), ConnectionEnded(ada, ben)]
    with pytest.raises(ConnectionNotFound):
        await town.end(ada, connection.id)


async def test_a_block_ends_and_hides_both_ways(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    connection = await town.connect(ada, ben)
    await town.block(ben, ada)
    assert town.memory.waiting == [ConnectionMade(ben, ada), ConnectionEnded(ben, ada)]
    for one, other in ((ada, ben), (ben, ada)):
        assert await states(town, one) == {}
        with pytest.raises(PersonNotFound):
            await town.ask(one, other)
        with pytest.raises(ConnectionNotFound):
            await town.end(one, connection.id)
        async with town.work() as work:
            assert other in (await town.api.relations(work, one)).hidden


async def test_a_block_withdraws_requests_of_either_side(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.ask(ada, ben)
    await town.ask(ben, cleo)
    await town.block(ben, ada)
    await town.block(ben, cleo)
    assert await states(town, ben) == {}
    assert await states(town, ada) == {}
    assert await states(town, cleo) == {}


async def test_blocks_are_idempotent_listed_and_lifted(town: Town) -> None:
    ada, ben, cleo = [await town.person(handle) for handle in ("ada", "ben", "cleo")]
    await town.block(ada, ben)
    await town.block(ada, ben)
    await town.block(ada, cleo)
    async with town.work() as work:
        page = await town.ties.list_blocks(work, ada, 1, None)
        assert [block.person.handle for block in page.items] == ["cleo"]
        page = await town.ties.list_blocks(work, ada, 1, page.next_cursor)
        assert [block.person.handle for block in page.items] == ["ben"]
        assert page.next_cursor is None
        assert (await town.ties.list_blocks(work, ben, 10, None)).items == []
    await town.unblock(ada, ben)
    await town.unblock(ada, ben)
    assert (await town.ask(ben, ada)).state == "sent"


async def test_two_who_block_each_other_stay_hidden_until_both_lift_it(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    await town.block(ada, ben)
    await town.block(ben, ada)
    await town.unblock(ada, ben)
    with pytest.raises(PersonNotFound):
        await town.ask(ada, ben)
    await town.unblock(ben, ada)
    assert (await town.ask(ada, ben)).state == "sent"


async def test_nobody_blocks_themselves_or_somebody_who_is_not_there(town: Town) -> None:
    ada = await town.person("ada")
    with pytest.raises(NotWithOneself):
        await town.block(ada, ada)
    with pytest.raises(PersonNotFound):
        await town.block(ada, new_id())


async def test_connections_come_in_pages(town: Town) -> None:
    ada = await town.person("ada")
    others = [await town.person(f"other{number}") for number in range(5)]
    for other in others:
        await town.connect(ada, other)
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        async with town.work() as work:
            page = await town.ties.list_connections(work, ada, "connected", 2, cursor)
        seen += [connection.person.id for connection in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == others[::-1]


async def check_legal(town: Town, ada: UUID, ben: UUID) -> str:
    """The two sides mirror each other; a block leaves nothing else. Answers how ada sees ben."""
    mirrored = {"sent": "received", "received": "sent", "connected": "connected", "none": "none"}
    one = (await states(town, ada)).get(ben, "none")
    other = (await states(town, ben)).get(ada, "none")
    assert other == mirrored[one]
    async with town.work() as work:
        fresh = (await town.api.connections_of(work, [ada])).get(ada, [])
        relations = await town.api.relations(work, ada)
    assert (ben in relations.connected) == (ben in fresh) == (one == "connected")
    if ben in relations.hidden:
        assert one == "none"
    return one


async def test_both_ask_at_once(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        made = await asyncio.gather(town.ask(ada, ben), town.ask(ben, ada))
        assert sorted(connection.state for connection in made) == ["connected", "sent"]
        assert await check_legal(town, ada, ben) == "connected"


async def test_asking_twice_at_once_asks_once(town: Town) -> None:
    ada, ben = await town.person("ada"), await town.person("ben")
    made = await asyncio.gather(town.ask(ada, ben), town.ask(ada, ben), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["AlreadyRequested", "Connection"]
    assert await check_legal(town, ada, ben) == "sent"


async def test_accept_against_withdrawal(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        asked = await town.ask(ada, ben)
        results = await asyncio.gather(town.accept(ben, asked.id), town.end(ada, asked.id), return_exceptions=True)
        assert results[1] is None
        assert not isinstance(results[0], BaseException) or isinstance(results[0], ConnectionNotFound)
        assert await check_legal(town, ada, ben) == "none"


async def test_everything_at_once_ends_in_one_legal_state(town: Town) -> None:
    for number in range(10):
        ada, ben = await town.person(f"ada{number}"), await town.person(f"ben{number}")
        asked = await town.ask(ada, ben)
        results = await asyncio.gather(
            town.accept(ben, asked.id),
            town.block(ada, ben),
            town.ask(ben, ada),
            town.end(ben, asked.id),
            return_exceptions=True,
        )
        for result in results:
            assert not isinstance(result, BaseException) or isinstance(result, BanyanError)
        assert await check_legal(town, ada, ben) == "none"
