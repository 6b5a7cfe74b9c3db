"""The steps of a build: each writes its part of the plan in batches, through the rules of the features."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Generic, TypeVar
from uuid import UUID

from banyan.app.wiring import Features
from banyan.demo.plan import Plan
from banyan.demo.talk import PlannedPost
from banyan.demo.ties import PlannedTie
from banyan.features.accounts.models import AccountImport
from banyan.features.people.models import ConnectionImport, PersonImport
from banyan.features.posts.models import CommentImport, PostImport, ReactionImport
from banyan.features.posts.service.imports import PostImports
from banyan.infra.database.work import Work
from banyan.kernel.ids import id_at

T = TypeVar("T")

# A domain that nobody can own (RFC 2606): no mail to these people ever reaches anybody.
_EMAIL_DOMAIN = "demo.example"
# Odd and without a pattern, so that the tails of neighbours look unrelated (2^74 over the golden ratio).
_TAIL_STEP = 0x278DDE6E5FD29F5341B
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
        self._first_tails = {kind: _first_tail(salt, kind) for kind in ("person", "connection", "post", "comment")}

    @cached_property
    def person_ids(self) -> list[UUID]:
        """The id of each planned person."""
        return [self.id("person", place, person.joined_age_ms) for place, person in enumerate(self.plan.people)]

    def time(self, age_ms: int) -> datetime:
        return self._started_at - timedelta(milliseconds=age_ms)

    def id(self, kind: str, place: int, age_ms: int) -> UUID:
        """The id of the `place`-th of its kind, made at its time."""
        return id_at(self.time(age_ms), self._first_tails[kind] + place * _TAIL_STEP)


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
    batch: int

    def __init__(self, features: Features, blueprint: Blueprint) -> None:
        self.features = features
        self.blueprint = blueprint
        self.plan = blueprint.plan

    @property
    @abstractmethod
    def total(self) -> int:
        """How many there are to be written."""

    @abstractmethod
    def items(self) -> Iterator[T]:
        """All of them, always in the same order."""

    @abstractmethod
    async def write(self, work: Work, items: Sequence[T]) -> None:
        """Writes one batch."""

    async def finish(self, work: Work) -> None:
        """What is to be done once all are there."""

    def batches(self, done: int) -> Iterator[list[T]]:
        """All but the first `done`, in batches."""
        rest = islice(self.items(), done, None)
        while batch := list(islice(rest, self.batch)):
            yield batch


class WritePeople(Step[int]):
    """Accounts with their people. Only the host gets a password."""

    name = "people"
    title = "People"
    unit = "people"
    batch = 1_000

    @property
    def total(self) -> int:
        return self.plan.size.people

    def items(self) -> Iterator[int]:
        return iter(range(self.total))

    async def write(self, work: Work, items: Sequence[int]) -> None:
        await self.features.accounts.import_accounts(work, [self._account(place) for place in items])
        await self.features.people.import_people(work, [self._person(place) for place in items])

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


class WriteConnections(Step[tuple[int, PlannedTie]]):
    """Accepted connections."""

    name = "connections"
    title = "Connections"
    unit = "connections"
    batch = 5_000

    @property
    def total(self) -> int:
        return sum(map(len, self.plan.neighbours)) // 2

    def items(self) -> Iterator[tuple[int, PlannedTie]]:
        return enumerate(self.plan.ties())

    async def write(self, work: Work, items: Sequence[tuple[int, PlannedTie]]) -> None:
        ids, blueprint = self.blueprint.person_ids, self.blueprint
        connections = [
            ConnectionImport(
                id=blueprint.id("connection", place, tie.age_ms),
                person_id=ids[tie.one],
                other_id=ids[tie.other],
                created_at=blueprint.time(tie.age_ms),
            )
            for place, tie in items
        ]
        await self.features.people.import_connections(work, connections)

    async def finish(self, work: Work) -> None:
        await self.features.people.refresh_statistics(work)


class WritePosts(Step[tuple[int, PlannedPost]]):
    """Posts from the oldest to the newest, each batch with its comments and reactions."""

    name = "posts"
    title = "Posts, comments, reactions"
    unit = "posts"
    batch = 1_000

    def __init__(self, features: Features, blueprint: Blueprint) -> None:
        super().__init__(features, blueprint)
        self._imports = PostImports(features.people_api)

    @property
    def total(self) -> int:
        return self.plan.size.posts

    def items(self) -> Iterator[tuple[int, PlannedPost]]:
        return enumerate(self.plan.posts())

    async def write(self, work: Work, items: Sequence[tuple[int, PlannedPost]]) -> None:
        posts: list[PostImport] = []
        comments: list[CommentImport] = []
        reactions: list[ReactionImport] = []
        for place, planned in items:
            post = self._post(place, planned)
            posts.append(post)
            comments += self._comments(place, post.id, planned)
            reactions += self._reactions(post.id, planned)
        await self._imports.import_posts(work, posts)
        await self._imports.import_comments(work, comments)
        await self._imports.import_reactions(work, reactions)

    async def finish(self, work: Work) -> None:
        await self._imports.refresh_statistics(work)

    def _post(self, place: int, post: PlannedPost) -> PostImport:
        return PostImport(
            id=self.blueprint.id("post", place, post.age_ms),
            author_id=self.blueprint.person_ids[post.author],
            body=post.body,
            audience=post.audience,
            created_at=self.blueprint.time(post.age_ms),
        )

    def _comments(self, place: int, post_id: UUID, post: PlannedPost) -> list[CommentImport]:
        return [
            CommentImport(
                id=self.blueprint.id("comment", place * _COMMENTS_APART + number, comment.age_ms),
                post_id=post_id,
                author_id=self.blueprint.person_ids[comment.author],
                body=comment.body,
                created_at=self.blueprint.time(comment.age_ms),
            )
            for number, comment in enumerate(post.comments)
        ]

    def _reactions(self, post_id: UUID, post: PlannedPost) -> list[ReactionImport]:
        return [
            ReactionImport(
                post_id=post_id,
                person_id=self.blueprint.person_ids[reaction.person],
                kind=reaction.kind,
                created_at=self.blueprint.time(reaction.age_ms),
            )
            for reaction in post.reactions
        ]


class BuildHomes(Step[int]):
    """Home feeds: the newest posts for each person."""

    name = "homes"
    title = "Home feeds"
    unit = "people"
    batch = 200

    @property
    def total(self) -> int:
        return self.plan.size.people

    def items(self) -> Iterator[int]:
        return iter(range(self.total))

    async def write(self, work: Work, items: Sequence[int]) -> None:
        await self.features.homes.build_homes(work, [self.blueprint.person_ids[place] for place in items])


STEPS: tuple[type[Step[Any]], ...] = (WritePeople, WriteConnections, WritePosts, BuildHomes)
