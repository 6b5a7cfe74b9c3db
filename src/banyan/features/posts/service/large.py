"""Very large accounts, whose posts are read at each look instead of being written into every home.

An account becomes large when it publishes with more connections than the bound, and stays so: the posts it wrote
before are in homes and are read from it as well, each shown once, so nothing is moved when it crosses the bound and
nothing can be missed. To go on reading one that has shrunk costs its readers little. Posts for a list are written to
its members whoever the author is: a list is an audience that somebody chose one by one.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Relations
from banyan.features.posts.queries import large as queries
from banyan.infra.bus import Bus
from banyan.infra.cache import Cache
from banyan.infra.database.work import Work

LARGE_TOPIC: Final = "posts.large"
# Changes are announced; the time to live only bounds what a lost announcement can do.
_TTL_SECONDS = 300.0
_CACHED_READERS = 10_000
_ALL: Final = "all"
_NOBODY: Final[tuple[UUID, ...]] = ()


class _Followed(Struct, frozen=True):
    """Which large accounts a reader is connected with, and from what that was found."""

    relations: Relations
    large: frozenset[UUID]
    ids: tuple[UUID, ...]


class LargeAuthors:
    """Who they are, in memory of every process."""

    def __init__(self, people: PeopleApi, above_connections: int) -> None:
        self._people = people
        self._above_connections = above_connections
        self._large: Cache[str, frozenset[UUID]] = Cache(max_entries=1, ttl_seconds=_TTL_SECONDS)
        self._followed: Cache[UUID, _Followed] = Cache(max_entries=_CACHED_READERS, ttl_seconds=_TTL_SECONDS)

    async def list_large(self, work: Work) -> frozenset[UUID]:
        """All of them; another process may have found a new one up to a second ago."""
        large = self._large.find(_ALL)
        return large if large is not None else await self._large.get(_ALL, lambda: queries.list_large(work))

    async def list_followed(self, work: Work, person_id: UUID, relations: Relations) -> Sequence[UUID]:
        """Those whose posts a reader may find in their feed."""
        large = await self.list_large(work)
        if not large:
            return _NOBODY
        known = self._followed.find(person_id)
        # Both are replaced as a whole when they change.
        if known is None or known.relations is not relations or known.large is not large:
            ids = tuple(one for one in sorted(large) if one in relations.connected and one not in relations.muted)
            known = _Followed(relations, large, ids)
            self._followed.put(person_id, known)
        return known.ids

    async def is_known(self, work: Work, author_id: UUID) -> bool:
        """Whether an author has been found large."""
        return author_id in await self.list_large(work)

    async def find_out(self, work: Work, author_id: UUID) -> bool:
        """Whether an author is large by now, for jobs. The first time it is written down, and every process told."""
        if await self.is_known(work, author_id):
            return True
        above = self._above_connections
        if await self._people.count_connections(work, author_id, most=above + 1) <= above:
            return False
        await queries.insert_large(work, author_id)
        work.announce(LARGE_TOPIC, str(author_id))
        return True

    def listen(self, bus: Bus) -> None:
        """Drops what the bus says is outdated."""
        bus.subscribe(LARGE_TOPIC, lambda keys: self._large.clear())
        bus.on_reset(self._large.clear)
