"""What other features may ask of people."""

from collections.abc import Collection, Sequence
from uuid import UUID

from msgspec import structs

from banyan.features.accounts.models import PersonNames
from banyan.features.people.checks import read_handle
from banyan.features.people.models import Card, IdSet, Relations
from banyan.features.people.queries import handles, lists, profiles, ties
from banyan.features.people.settings import PeopleSettings
from banyan.infra.bus import Bus
from banyan.infra.cache import Cache
from banyan.infra.database.work import Work
from banyan.kernel.clock import now

# Topics of the bus; the keys are ids of people.
CARDS_TOPIC = "people.cards"
RELATIONS_TOPIC = "people.relations"
# Without keys: somebody was hidden from everybody, or is no longer.
AWAY_TOPIC = "people.away"

# A card takes about 0.6 KB here, the relations of somebody with 200 connections 3.5 KB.
_CACHED_CARDS = 50_000
_CACHED_RELATIONS = 10_000
# Changes are announced; the time to live only bounds what a lost announcement can do.
_TTL_SECONDS = 300.0

# Stands for anonymous readers among the keys of relations.
_ANYBODY = UUID(int=0)


class PeopleApi:
    """Reads are answered from memory where they can be. Both caches are dropped through the bus, in this process
    at the commit, in others within a second.
    """

    def __init__(self, settings: PeopleSettings | None = None) -> None:
        self._handle_reserved = (settings or PeopleSettings()).handle_reserved
        # By the bytes of the id: they hash in a tenth of the time that a UUID takes.
        self._cards: Cache[bytes, Card] = Cache(max_entries=_CACHED_CARDS, ttl_seconds=_TTL_SECONDS)
        self._relations: Cache[UUID, Relations] = Cache(max_entries=_CACHED_RELATIONS, ttl_seconds=_TTL_SECONDS)
        # The same for everybody: all relations share one.
        self._away = IdSet()

    async def cards(self, work: Work, ids: Collection[UUID]) -> dict[UUID, Card]:
        """The cards of those of `ids` who exist and are not hidden, with at most one query."""
        ordered = list(ids)
        cards = await self.cards_in_order(work, ordered)
        return {one: card for one, card in zip(ordered, cards, strict=True) if card is not None}

    async def cards_in_order(self, work: Work, ids: Sequence[UUID]) -> list[Card | None]:
        """As `cards`, one for each of `ids` and None for who does not exist: the cheaper form for a page."""
        return await self.cards_by_key(work, [one.bytes for one in ids])

    async def cards_by_key(self, work: Work, keys: Sequence[bytes]) -> list[Card | None]:
        """As `cards_in_order`, for ids in their 16 bytes."""
        return await self._cards.get_many(keys, lambda missing: _fill_cards(work, missing))

    def cards_era(self) -> object:
        """The same object as long as no card can have changed: see `Cache.era`."""
        return self._cards.era()

    async def find_card(self, work: Work, person_id: UUID) -> Card | None:
        """One person's card."""
        key = person_id.bytes
        card = self._cards.find(key)
        if card is not None:
            return card
        return (await self._cards.get_many([key], lambda missing: _fill_cards(work, missing)))[0]

    async def own_card(self, work: Work, person_id: UUID) -> Card | None:
        """As `find_card`, also while the person is hidden from others."""
        return await self.find_card(work, person_id) or await profiles.find_card(work, person_id)

    async def relations(self, work: Work, person_id: UUID | None) -> Relations:
        """What others are to a person; to an anonymous reader they are only `away`."""
        key = person_id or _ANYBODY
        relations = self._relations.find(key)
        if relations is not None:
            return relations
        return await self._relations.get(key, lambda: self._fill_relations(work, key))

    async def find_by_handle(self, work: Work, handle: str) -> UUID | None:
        """The id behind a handle in any case."""
        wanted = read_handle(handle)
        return None if wanted is None else await handles.find_id_by_handle(work, wanted)

    async def find_present_handle(self, work: Work, viewer_id: UUID | None, handle: str) -> str | None:
        """What the person is called now who gave this handle up; None also where this reader may not see them."""
        wanted = read_handle(handle)
        if wanted is None:
            return None
        return await handles.find_present_handle(work, viewer_id, wanted, now() - self._handle_reserved)

    async def ids_by_handle(self, work: Work, wanted: Collection[str]) -> dict[str, UUID]:
        """The ids behind many handles in lower case, by one query; handles that nobody has are left out."""
        return await handles.list_ids_by_handle(work, list(wanted))

    async def connection_ids(self, work: Work, person_id: UUID, *, after: UUID | None = None, limit: int) -> IdSet:
        """A person's connections as they are in the database now, in the order of their ids: for jobs."""
        return await ties.list_connection_ids(work, person_id, after, limit)

    async def count_connections(self, work: Work, person_id: UUID, *, most: int) -> int:
        """How many connections a person has in the database now; counts no further than `most`."""
        return await ties.count_connections(work, person_id, most)

    async def connections_of(self, work: Work, person_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
        """The connections of many people by one query; who has none is left out."""
        return await ties.list_connections_of(work, person_ids)

    async def owns_list(self, work: Work, person_id: UUID, list_id: UUID) -> bool:
        """Whether a person has a list of connections with that id now."""
        return await lists.owns_list(work, person_id, list_id)

    async def list_member_ids(self, work: Work, list_id: UUID, *, after: UUID | None = None, limit: int) -> IdSet:
        """Who is on a list now, in the order of their ids: for jobs."""
        return await lists.list_member_ids(work, list_id, after, limit)

    async def list_members_among(self, work: Work, list_id: UUID, person_ids: Collection[UUID]) -> list[UUID]:
        """Which of these people are on a list now."""
        return await lists.list_members_among(work, list_id, list(person_ids))

    async def list_askers_among(self, work: Work, person_id: UUID, others: Sequence[UUID]) -> list[UUID]:
        """Which of these people wait for this one's answer to their request for a connection."""
        return await ties.list_askers_among(work, person_id, others)

    async def connected_among(self, work: Work, pairs: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
        """Of many (person, other) pairs those connected now."""
        return await ties.list_connected_pairs(work, [one for one, _ in pairs], [other for _, other in pairs])

    async def hidden_among(self, work: Work, ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
        """Of these people the pairs that a block hides from each other, either way round."""
        return await ties.list_hidden_among(work, list(ids))

    async def relations_between(
        self, work: Work, pairs: Collection[tuple[UUID, UUID]]
    ) -> tuple[set[tuple[UUID, UUID]], set[tuple[UUID, UUID]]]:
        """Of many (person, other) pairs those connected now and those hidden from each other, by two queries."""
        connected = await self.connected_among(work, pairs)
        people, others = [one for one, _ in pairs], [other for _, other in pairs]
        hidden = await ties.list_hidden_pairs(work, people, others)
        return connected, hidden

    async def lock_pair(self, work: Work, one: UUID, other: UUID) -> None:
        """Until the transaction ends nobody else changes what these two are to each other."""
        await ties.lock_pair(work, one, other)

    async def list_names(self, work: Work, ids: Sequence[UUID]) -> dict[UUID, PersonNames]:
        """Handle and name of each who exists, hidden or not, as the database has them: for operators."""
        found = await profiles.list_names(work, ids)
        return {one: PersonNames(handle, display_name) for one, handle, display_name in found}

    async def search_ids(self, work: Work, text: str, before: UUID | None, limit: int) -> list[UUID]:
        """Whose handle or name holds the text, newest first, below the id `before`: for operators, it reads on until
        there are enough.
        """
        return await profiles.search_ids(work, text, before, limit)

    async def count_people(self, work: Work) -> int:
        """How many people there are; an estimate above a million."""
        return await profiles.count_people(work)

    def listen(self, bus: Bus) -> None:
        """Drops what the bus says is outdated."""
        bus.subscribe(CARDS_TOPIC, self._forget_cards)
        bus.subscribe(RELATIONS_TOPIC, self._forget_relations)
        bus.subscribe(AWAY_TOPIC, self._forget_away)
        bus.on_reset(self._cards.clear)
        bus.on_reset(self._relations.clear)

    def _forget_cards(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self._cards.drop(UUID(key).bytes)

    def _forget_relations(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self._relations.drop(UUID(key))

    def _forget_away(self, keys: tuple[str, ...]) -> None:
        self._relations.clear()

    async def _fill_relations(self, work: Work, person_id: UUID) -> Relations:
        relations = await ties.find_relations(work, person_id)
        if relations.away.packed != self._away.packed:
            self._away = relations.away
        return structs.replace(relations, away=self._away)


async def _fill_cards(work: Work, keys: list[bytes]) -> dict[bytes, Card]:
    return {card.id.bytes: card for card in await profiles.list_cards(work, keys)}
