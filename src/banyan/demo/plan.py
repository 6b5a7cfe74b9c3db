"""The plan of a demo community: the same for the same size and seed, with times relative to when it is built."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256

import msgspec

from banyan.demo.cast import PlannedPerson, plan_people
from banyan.demo.scenes import World, read_world
from banyan.demo.size import CommunitySize
from banyan.demo.talk import PlannedPost, plan_posts
from banyan.demo.ties import PlannedTie, TieTimes, list_ties, plan_ties


class Plan:
    """A community as it is to be. Each stage draws from its own random numbers, so each can be made alone."""

    def __init__(self, size: CommunitySize) -> None:
        self.size = size

    @cached_property
    def world(self) -> World:
        return read_world()

    @cached_property
    def people(self) -> list[PlannedPerson]:
        """In the order of their homes."""
        return plan_people(self.size.seed, self.size.people, self.world)

    @cached_property
    def neighbours(self) -> Sequence[Sequence[int]]:
        """Of each person the sorted places in `people` of those they are connected with."""
        return plan_ties(self.size.seed, self.people, self.size.connections, self.world)

    @cached_property
    def tie_times(self) -> TieTimes:
        return TieTimes(self.size.seed, self.people)

    @cached_property
    def host(self) -> int:
        """The person to sign in as: one with a good many connections who writes a lot."""
        mean = sum(map(len, self.neighbours)) / len(self.people)
        well_connected = [one for one, near in enumerate(self.neighbours) if mean <= len(near) <= 2 * mean]
        candidates = [one for one in well_connected if self.people[one].language == "en"] or range(len(self.people))
        return max(candidates, key=lambda one: self.people[one].activity)

    def ties(self) -> Iterator[PlannedTie]:
        """Every connection once."""
        return list_ties(self.neighbours, self.tie_times)

    def posts(self) -> Iterator[PlannedPost]:
        """Oldest first, made one at a time."""
        return plan_posts(self.size.seed, self.people, self.neighbours, self.size.posts, self.world)

    def fingerprint(self) -> str:
        """A digest of everything planned: two equal ones are the same community."""
        digest = sha256()
        encoder = msgspec.json.Encoder()
        for values in (self.people, self.ties(), self.posts()):
            for value in values:
                digest.update(encoder.encode(value))
        return digest.hexdigest()
