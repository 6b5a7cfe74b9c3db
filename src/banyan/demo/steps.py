"""The steps of a build: each writes its part of the plan in batches, through the rules of the features."""

import hashlib
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any, Generic, TypeVar
from uuid import UUID

from banyan.app.features import Features
from banyan.demo.plan import Plan
from banyan.demo.talk import PlannedPost
from banyan.features.accounts.models import AccountImport
from banyan.features.people.models import ConnectionSide, PersonImport
from banyan.features.posts.models import CommentImport, PostImport, ReactionImport
from banyan.features.posts.service.imports import PostImports
from banyan.infra.database.ids import driver_id_at
from banyan.infra.database.work import Work

T = TypeVar("T")

# A domain that nobody can own (RFC 2606): no mail to these people ever reaches anybody.
_EMAIL_DOMAIN = "demo.example"
# Odd and without a pattern, so that the tails of neighbours look unrelated (2^74 over the golden ratio).
_TAIL_STEP = 0x278DDE6E5FD29F5341B
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES_AT_ONCE = 10_000
# More than the comments that the plan gives to any post.
_COMMENTS_APART = 128


class Blueprint:
    """A plan with the moment and the salt of one build: from these follow all ids and times.

    Ids are not kept anywhere while building: a build that goes on after a kill computes the same ones again.
    """

    def __init__(self, plan: Plan, started_at: datetime, salt: bytes, password_hash: str | None) -> None:
        self.plan = plan
        self.password_hash = password_hash
        self._started_at = started_at
        self._started_ms = (started_at - _EPOCH) // timedelta(milliseconds=1)
        self._first_tails = {kind: _first_tail(salt, kind) for kind in ("person", "connection", "post", "comment")}

    @cached_property
    def person_ids(self) -> list[UUID]:
        """The id of each planned person."""
        return [self.id("person", place, person.joined_age_ms) for place, person in enumerate(self.plan.people)]

    @cached_property
    def in_order_of_ids(self) -> list[int]:
        """The places of all people in the order of their ids: rows written so are appended to their indexes."""
        return sorted(range(len(self.person_ids)), key=self.person_ids.__getitem__)

    @cached_property
    def ranks(self) -> Sequence[int]:
        """Where each planned person stands in the order of ids."""
        ranks = array("i", bytes(4 * len(self.person_ids)))
        for rank, place in enumerate(self.in_order_of_ids):
            ranks[place] = rank
        return ranks

    def time(self, age_ms: int) -> datetime:
        return self._started_at - timedelta(milliseconds=age_ms)

    def id(self, kind: str, place: int, age_ms: int) -> UUID:
        """The id of the `place`-th of its kind, made at its time."""
        return driver_id_at(self._started_ms - age_ms, self._first_tails[kind] + place * _TAIL_STEP)


def _first_tail(salt: bytes, kind: str) -> int:
    return int.from_bytes(hashlib.blake2b(kind.encode(), key=salt, digest_size=10).digest(), "big")


def email_of(handle: str) -> str:
    """The address of a demo account."""
    return f"{handle}@{_EMAIL_DOMAIN}"


class Step(ABC, Generic[T]):
    """One kind of thing to write. `name` is kept in the database, `title` and `unit` are shown."""

    name: str
    title: str
    unit: str
    # Whether it reads so much of what was written before that PostgreSQL's housekeeping is to come first: index-only
    # scans then spare the tables.
    reads_much: bool = False

    def __init__(self, features: Features, blueprint: Blueprint) -> None:
        self.features = features
        self.blueprint = blueprint
        self.plan = blueprint.plan

    @property
    @abstractmethod
    def total(self) -> int:
        """How many there are to be written."""

    @property
    def batch(self) -> int:
        """How many are written in one transaction."""
        return 1_000

    @abstractmethod
    def items(self) -> Iterator[T]:
        """All of them, ready to be written, always in the same order. Makes no use of the database."""

    @abstractmethod
    async def write(self, work: Work, items: Sequence[T]) -> None:
        """Writes one batch."""

    async def finish(self, work: Work) -> None:
        """What is to be done once all are there."""


class WritePeople(Step[tuple[AccountImport, PersonImport]]):
    """Accounts with their people. Only the host gets a password."""

    name = "people"
    title = "People"
    unit = "people"

    @property
    def total(self) -> int:
        return self.plan.size.people

    def items(self) -> Iterator[tuple[AccountImport, PersonImport]]:
        return ((self._account(place), self._person(place)) for place in range(self.total))

    async def write(self, work: Work, items: Sequence[tuple[AccountImport, PersonImport]]) -> None:
        await self.features.accounts.import_accounts(work, [account for account, _ in items])
        await self.features.people_imports.import_people(work, [person for _, person in items])

    def _account(self, place: int) -> AccountImport:
        person = self.plan.people[place]
        return AccountImport(
            id=self.blueprint.person_ids[place],
            email=email_of(person.handle),
            email_verified=True,
            password_hash=self.blueprint.password_hash if place == self.plan.host else None,
            created_at=self.blueprint.time(person.joined_age_ms),
        )

    def _person(self, place: int) -> PersonImport:
        person = self.plan.people[place]
        return PersonImport(
            id=self.blueprint.person_ids[place],
            handle=person.handle,
            display_name=person.display_name,
            bio=person.bio,
            created_at=self.blueprint.time(person.joined_age_ms),
        )


class WriteConnections(Step[list[ConnectionSide]]):
    """Accepted connections: the sides of one person after the other."""

    name = "connections"
    title = "Connections"
    unit = "people"

    @property
    def total(self) -> int:
        return self.plan.size.people

    @property
    def batch(self) -> int:
        return max(1, _SIDES_AT_ONCE // max(1, self.plan.size.connections))

    def items(self) -> Iterator[list[ConnectionSide]]:
        return map(self._sides, self.blueprint.in_order_of_ids)

    async def write(self, work: Work, items: Sequence[list[ConnectionSide]]) -> None:
        await self.features.people_imports.import_connections(work, list(chain.from_iterable(items)))

    async def finish(self, work: Work) -> None:
        await self.features.people_imports.check_connections(work, self.blueprint.person_ids)
        await self.features.people_imports.refresh_statistics(work)

    def _sides(self, one: int) -> list[ConnectionSide]:
        blueprint, times = self.blueprint, self.plan.tie_times
        ids = blueprint.person_ids
        sides: list[ConnectionSide] = []
        for other in sorted(self.plan.neighbours[one], key=blueprint.ranks.__getitem__):
            number = times.number(one, other)
            age_ms = times.age_ms(one, other)
            connection_id = blueprint.id("connection", number, age_ms)
            sides.append(ConnectionSide(ids[one], ids[other], connection_id, blueprint.time(age_ms)))
        return sides


class WritePosts(Step[PostImport]):
    """Posts from the oldest to the newest, with their comments and reactions."""

    name = "posts"
    title = "Posts, comments, reactions"
    unit = "posts"

    def __init__(self, features: Features, blueprint: Blueprint) -> None:
        super().__init__(features, blueprint)
        self._imports = PostImports(features.people_api)

    @property
    def total(self) -> int:
        return self.plan.size.posts

    @property
    def batch(self) -> int:
        # Each of the ten statements of a batch waits its turn beside the thread that plans the next one.
        return 4_000

    def items(self) -> Iterator[PostImport]:
        return (self._post(place, planned) for place, planned in enumerate(self.plan.posts()))

    async def write(self, work: Work, items: Sequence[PostImport]) -> None:
        await self._imports.import_posts(work, items)

    async def finish(self, work: Work) -> None:
        await self._imports.refresh_statistics(work)

    def _post(self, place: int, post: PlannedPost) -> PostImport:
        return PostImport(
            id=self.blueprint.id("post", place, post.age_ms),
            author_id=self.blueprint.person_ids[post.author],
            body=post.body,
            audience=post.audience,
            created_at=self.blueprint.time(post.age_ms),
            comments=self._comments(place, post),
            reactions=self._reactions(post),
        )

    def _comments(self, place: int, post: PlannedPost) -> list[CommentImport]:
        return [
            CommentImport(
                id=self.blueprint.id("comment", place * _COMMENTS_APART + number, comment.age_ms),
                author_id=self.blueprint.person_ids[comment.author],
                body=comment.body,
                created_at=self.blueprint.time(comment.age_ms),
            )
            for number, comment in enumerate(post.comments)
        ]

    def _reactions(self, post: PlannedPost) -> list[ReactionImport]:
        return [
            ReactionImport(
                person_id=self.blueprint.person_ids[reaction.person],
                kind=reaction.kind,
                created_at=self.blueprint.time(reaction.age_ms),
            )
            for reaction in post.reactions
        ]


class BuildHomes(Step[UUID]):
    """Home feeds: the newest posts for each person."""

    name = "homes"
    title = "Home feeds"
    unit = "people"
    reads_much = True

    @property
    def total(self) -> int:
        return self.plan.size.people

    @property
    def batch(self) -> int:
        return 200

    def items(self) -> Iterator[UUID]:
        return (self.blueprint.person_ids[place] for place in self.blueprint.in_order_of_ids)

    async def write(self, work: Work, items: Sequence[UUID]) -> None:
        await self.features.homes.build_homes(work, list(items))


STEPS: tuple[type[Step[Any]], ...] = (WritePeople, WriteConnections, WritePosts, BuildHomes)
