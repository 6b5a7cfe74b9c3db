"""Whatever people do to each other, everybody sees of everybody exactly what a simple model says."""

from collections.abc import Awaitable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from banyan.features.people.errors import ListNotFound, PersonNotFound
from banyan.features.people.models import ProfileChanges, Visibility
from banyan.infra.database.pool import Pool
from banyan.kernel.errors import BanyanError
from tests.features.town import Town

PEOPLE = 5

Person = int
Pair = frozenset[Person]


class ModelList(Struct):
    owner: Person
    members: set[Person] = field(default_factory=set)


class Model(Struct):
    """The rules in a few lines."""

    # Who asked; a pair that is connected stands in `connected` instead.
    asked: dict[Pair, Person] = field(default_factory=dict)
    connected: set[Pair] = field(default_factory=set)
    blocks: set[tuple[Person, Person]] = field(default_factory=set)
    mutes: set[tuple[Person, Person]] = field(default_factory=set)
    dismissed: set[tuple[Person, Person]] = field(default_factory=set)
    lists: dict[UUID, ModelList] = field(default_factory=dict)
    away: set[Person] = field(default_factory=set)
    visibility: dict[Person, Visibility] = field(default_factory=dict)

    def blocked(self, one: Person | None, other: Person) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sees(self, viewer: Person | None, person: Person) -> bool:
        return person not in self.away and not self.blocked(viewer, person)

    def state(self, viewer: Person | None, person: Person) -> str | None:
        """How the viewer sees what is between the two."""
        pair = frozenset((viewer, person))
        if pair in self.connected:
            return "connected"
        if pair in self.asked:
            return "sent" if self.asked[pair] == viewer else "received"  # type: ignore[index]
        return None

    def friends(self, person: Person) -> set[Person]:
        return {other for other in range(PEOPLE) if frozenset((person, other)) in self.connected} - self.away

    def sees_details(self, viewer: Person | None, person: Person) -> bool:
        if viewer == person:
            return True
        visibility = self.visibility.get(person, "everyone")
        return {
            "everyone": True,
            "members": viewer is not None,
            "connections": viewer is not None and frozenset((viewer, person)) in self.connected,
        }[visibility]

    def suggestions(self, viewer: Person) -> dict[Person, int]:
        counts = {
            other: sum(frozenset((friend, other)) in self.connected for friend in self.friends(viewer))
            for other in range(PEOPLE)
            if other != viewer
            and self.sees(viewer, other)
            and self.state(viewer, other) is None
            and (viewer, other) not in self.mutes | self.dismissed
        }
        return {other: count for other, count in counts.items() if count}

    def lists_of(self, owner: Person) -> list[UUID]:
        return sorted((list_id for list_id, one in self.lists.items() if one.owner == owner), reverse=True)

    def part(self, one: Person, other: Person) -> None:
        pair = frozenset((one, other))
        self.asked.pop(pair, None)
        if pair in self.connected:
            self.connected.remove(pair)
            for named in self.lists.values():
                if named.owner in pair:
                    named.members -= pair


people = st.integers(0, PEOPLE - 1)
pairs = st.tuples(people, people).filter(lambda pair: pair[0] != pair[1])
places = st.integers(0, 5)
# Drawn by hand: `one_of` takes the same strategy twice for once.
_WEIGHTED: list[tuple[int, st.SearchStrategy[tuple[object, ...]]]] = [
    (1, st.tuples(st.just("ask"), pairs)),
    (6, st.tuples(st.just("connect"), pairs)),
    (2, st.tuples(st.just("end"), pairs)),
    (1, st.tuples(st.just("block"), pairs)),
    (2, st.tuples(st.just("unblock"), pairs)),
    (2, st.tuples(st.just("mute"), pairs)),
    (2, st.tuples(st.just("unmute"), pairs)),
    (1, st.tuples(st.just("dismiss"), pairs)),
    (2, st.tuples(st.just("make_list"), people)),
    (1, st.tuples(st.just("add_member"), pairs, places)),
    (6, st.tuples(st.just("add_friend"), people, places)),
    (1, st.tuples(st.just("remove_member"), pairs, places)),
    (4, st.tuples(st.just("remove_friend"), people, places)),
    (1, st.tuples(st.just("delete_list"), people, places)),
    (1, st.tuples(st.just("take_list"), pairs, places)),
    (1, st.tuples(st.just("hide"), people)),
    (2, st.tuples(st.just("show"), people)),
    (2, st.tuples(st.just("change_visibility"), people, st.sampled_from(["everyone", "members", "connections"]))),
]
steps = st.sampled_from([step for weight, step in _WEIGHTED for _ in range(weight)]).flatmap(lambda step: step)


class Play:
    """Does each step in the town and in the model, and compares what both say."""

    def __init__(self, town: Town, ids: list[UUID]) -> None:
        self.town = town
        self.ids = ids
        self.numbers = {one: number for number, one in enumerate(ids)}
        self.model = Model()

    async def step(self, name: str, *arguments: object) -> None:
        actor = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
        # Whose account is being deleted has no session to act in.
        if actor not in self.model.away or name in ("hide", "show"):
            await getattr(self, name)(*arguments)
        # Mostly from the cache: it was filled before the step and must have been dropped by it.
        for reader in (None, *range(PEOPLE)):
            await self.check_relations(reader)

    async def ask(self, pair: tuple[Person, Person]) -> None:
        asker, asked = pair
        state = self.model.state(asker, asked)
        allowed = self.model.sees(asker, asked) and state in (None, "received")
        assert await self.succeeds(self.town.ask(self.ids[asker], self.ids[asked])) == allowed
        if allowed and state == "received":
            del self.model.asked[frozenset(pair)]
            self.model.connected.add(frozenset(pair))
        elif allowed:
            self.model.asked[frozenset(pair)] = asker

    async def connect(self, pair: tuple[Person, Person]) -> None:
        await self.ask(pair)
        if pair[1] not in self.model.away:
            await self.ask((pair[1], pair[0]))

    async def end(self, pair: tuple[Person, Person]) -> None:
        one, other = pair
        async with self.town.work() as work:
            for state in ("sent", "received", "connected"):
                page = await self.town.ties.list_connections(work, self.ids[one], state, 100, None)
                for connection in page.items:
                    if connection.person.id == self.ids[other]:
                        await self.town.ties.end_connection(work, self.ids[one], connection.id)
        if other not in self.model.away:
            self.model.part(one, other)

    async def block(self, pair: tuple[Person, Person]) -> None:
        allowed = pair[1] not in self.model.away
        assert await self.succeeds(self.town.block(self.ids[pair[0]], self.ids[pair[1]])) == allowed
        if allowed and pair not in self.model.blocks:
            self.model.blocks.add(pair)
            self.model.part(*pair)

    async def unblock(self, pair: tuple[Person, Person]) -> None:
        await self.town.unblock(self.ids[pair[0]], self.ids[pair[1]])
        self.model.blocks.discard(pair)

    async def mute(self, pair: tuple[Person, Person]) -> None:
        allowed = self.model.sees(*pair)
        assert await self.succeeds(self.town.mute(self.ids[pair[0]], self.ids[pair[1]])) == allowed
        if allowed:
            self.model.mutes.add(pair)

    async def unmute(self, pair: tuple[Person, Person]) -> None:
        await self.town.unmute(self.ids[pair[0]], self.ids[pair[1]])
        self.model.mutes.discard(pair)

    async def dismiss(self, pair: tuple[Person, Person]) -> None:
        async def doing() -> None:
            async with self.town.work() as work:
                await self.town.suggestions.dismiss_person(work, self.ids[pair[0]], self.ids[pair[1]])

        allowed = self.model.sees(*pair)
        assert await self.succeeds(doing()) == allowed
        if allowed:
            self.model.dismissed.add(pair)

    async def make_list(self, owner: Person) -> None:
        self.model.lists[await self.town.make_list(self.ids[owner])] = ModelList(owner)

    async def add_member(self, pair: tuple[Person, Person], place: int) -> None:
        owner, member = pair
        lists = self.model.lists_of(owner)
        if not lists:
            return
        list_id = lists[place % len(lists)]
        allowed = self.model.sees(owner, member) and frozenset(pair) in self.model.connected
        adding = self.town.add_member(self.ids[owner], list_id, self.ids[member])
        assert await self.succeeds(adding) == allowed
        if allowed:
            self.model.lists[list_id].members.add(member)

    async def add_friend(self, owner: Person, place: int) -> None:
        friends = sorted(self.model.friends(owner))
        if friends:
            await self.add_member((owner, friends[place % len(friends)]), place)

    async def remove_friend(self, owner: Person, place: int) -> None:
        for number, list_id in enumerate(self.model.lists_of(owner)):
            members = sorted(self.model.lists[list_id].members)
            if members:
                await self.remove_member((owner, members[place % len(members)]), number)
                return

    async def remove_member(self, pair: tuple[Person, Person], place: int) -> None:
        owner, member = pair
        lists = self.model.lists_of(owner)
        if lists:
            list_id = lists[place % len(lists)]
            await self.town.remove_member(self.ids[owner], list_id, self.ids[member])
            self.model.lists[list_id].members.discard(member)

    async def delete_list(self, owner: Person, place: int) -> None:
        lists = self.model.lists_of(owner)
        if lists:
            list_id = lists[place % len(lists)]
            await self.town.delete_list(self.ids[owner], list_id)
            del self.model.lists[list_id]

    async def take_list(self, pair: tuple[Person, Person], place: int) -> None:
        """Somebody tries what only the owner may."""
        thief, owner = pair
        for list_id in self.model.lists_of(owner):
            assert not await self.succeeds(self.town.delete_list(self.ids[thief], list_id))
            assert not await self.succeeds(self.town.add_member(self.ids[thief], list_id, self.ids[owner]))
            async with self.town.work() as work:
                with pytest.raises(ListNotFound):
                    await self.town.lists.list_members(work, self.ids[thief], list_id, 10, None)

    async def hide(self, person: Person) -> None:
        async with self.town.work() as work:
            await self.town.people.hide_person(work, self.ids[person])
        self.model.away.add(person)

    async def show(self, person: Person) -> None:
        async with self.town.work() as work:
            await self.town.people.show_person(work, self.ids[person])
        self.model.away.discard(person)

    async def change_visibility(self, person: Person, visibility: Visibility) -> None:
        async with self.town.work() as work:
            await self.town.people.update_profile(work, self.ids[person], ProfileChanges(visibility=visibility))
        self.model.visibility[person] = visibility

    async def check(self) -> None:
        """Everything that everybody sees."""
        readers: list[Person | None] = [None, *(person for person in range(PEOPLE) if person not in self.model.away)]
        for reader in readers:
            await self.check_relations(reader)
            for person in range(PEOPLE):
                await self.check_profile(reader, person)
            if reader is not None:
                await self.check_connections(reader)
                await self.check_lists(reader)
                await self.check_marks(reader)

    async def check_relations(self, viewer: Person | None) -> None:
        """Through the cache that every reading of posts asks."""
        model = self.model
        async with self.town.work() as work:
            found = await self.town.api.relations(work, None if viewer is None else self.ids[viewer])
        assert self.of(found.away) == model.away
        assert self.of(found.connected) == (set() if viewer is None else model.friends(viewer))
        assert self.of(found.hidden) == {person for person in range(PEOPLE) if model.blocked(viewer, person)}
        assert self.of(found.muted) == {other for muter, other in model.mutes if muter == viewer}
        assert set(found.listed) == {list_id for list_id, one in model.lists.items() if viewer in one.members}

    async def check_profile(self, viewer: Person | None, person: Person) -> None:
        model = self.model
        viewer_id = None if viewer is None else self.ids[viewer]
        async with self.town.work() as work:
            if not model.sees(viewer, person):
                with pytest.raises(PersonNotFound):
                    await self.town.people.get_profile(work, viewer_id, f"person{person}")
                return
            shown = await self.town.people.get_profile(work, viewer_id, f"person{person}")
        assert shown.limited == (not model.sees_details(viewer, person))
        assert (shown.bio is None) == shown.limited
        assert shown.connection_count == (None if shown.limited else len(model.friends(person)))
        assert (shown.connection.state if shown.connection else None) == model.state(viewer, person)
        assert shown.muted == (viewer is not None and (viewer, person) in model.mutes)

    async def check_connections(self, viewer: Person) -> None:
        model = self.model
        async with self.town.work() as work:
            for state in ("sent", "received", "connected"):
                page = await self.town.ties.list_connections(work, self.ids[viewer], state, 100, None)
                assert (
                    self.of(one.person.id for one in page.items)
                    == {person for person in range(PEOPLE) if model.state(viewer, person) == state} - model.away
                )
            suggested = await self.town.suggestions.list_suggestions(work, self.ids[viewer], 100, None)
        assert {self.numbers[one.person.id]: one.mutual_count for one in suggested.items} == model.suggestions(viewer)
        counts = [one.mutual_count for one in suggested.items]
        assert counts == sorted(counts, reverse=True)

    async def check_lists(self, owner: Person) -> None:
        model = self.model
        async with self.town.work() as work:
            shown = await self.town.lists.list_lists(work, self.ids[owner], 100, None)
            assert [one.id for one in shown.items] == model.lists_of(owner)
            for one in shown.items:
                expected = model.lists[one.id].members - model.away
                page = await self.town.lists.list_members(work, self.ids[owner], one.id, 100, None)
                assert self.of(member.person.id for member in page.items) == expected
                assert one.member_count == len(expected)

    async def check_marks(self, viewer: Person) -> None:
        """Blocks and mutes as one sees one's own."""
        model = self.model
        async with self.town.work() as work:
            blocks = await self.town.ties.list_blocks(work, self.ids[viewer], 100, None)
            mutes = await self.town.mutes.list_mutes(work, self.ids[viewer], 100, None)
        blocked = {other for blocker, other in model.blocks if blocker == viewer}
        muted = {other for muter, other in model.mutes if muter == viewer}
        assert self.of(block.person.id for block in blocks.items) == blocked - model.away
        assert self.of(mute.person.id for mute in mutes.items) == {one for one in muted if model.sees(viewer, one)}

    def of(self, ids: object) -> set[Person]:
        return {self.numbers[one] for one in ids}  # type: ignore[attr-defined]

    async def succeeds(self, doing: Awaitable[object]) -> bool:
        """Whether it was allowed; a refusal is one that a reader gets to see, never a crash."""
        try:
            await doing
        except BanyanError as error:
            assert 400 <= error.status < 500
            return False
        return True


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=st.lists(steps, min_size=40, max_size=80))
async def test_everybody_sees_what_the_model_says(pool: Pool, script: list[tuple[object, ...]]) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "TRUNCATE people_people, people_connections, people_blocks, people_mutes, people_lists,"
            " people_list_members, people_dismissals, people_handle_changes"
        )
    pool._outboxes = ()
    town = Town(pool)
    play = Play(town, [await town.person(f"person{number}") for number in range(PEOPLE)])
    for pair in ((0, 1), (1, 2), (2, 3)):
        await play.connect(pair)
    for owner in (1, 2):
        await play.make_list(owner)
    for step in script:
        await play.step(*step)  # type: ignore[arg-type]
    await play.check()
