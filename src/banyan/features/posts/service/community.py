"""How large the community is, and what it declares."""

from collections.abc import Mapping

from msgspec import UNSET

from banyan.features.accounts.models import SignUpMode
from banyan.features.people.api import PeopleApi
from banyan.features.posts.models import Community
from banyan.features.posts.queries import posts as queries
from banyan.infra.attributes.declared import Declared
from banyan.infra.cache import Cache
from banyan.infra.database.work import Work

_TTL_SECONDS = 10.0
# Counting a million rows takes about 60 ms; beyond, PostgreSQL's own estimate has to do.
_COUNTED_EXACTLY_ROWS = 1_000_000


class Communities:
    """The counts on the first page, read at most every ten seconds."""

    def __init__(
        self, people: PeopleApi, name: str, tagline: str, sign_up: SignUpMode, declared: Mapping[str, Declared]
    ) -> None:
        self._people = people
        self._name = name
        self._tagline = tagline
        self._sign_up = sign_up
        self._attributes = {kind: one.describe() for kind, one in declared.items() if one} or UNSET
        self._counts: Cache[str, Community] = Cache(max_entries=1, ttl_seconds=_TTL_SECONDS)

    async def get_community(self, work: Work) -> Community:
        """The same for every reader."""
        return await self._counts.get(self._name, lambda: self._count(work))

    async def _count(self, work: Work) -> Community:
        people = await self._people.count_people(work)
        posts, comments, reactions = await queries.count_all(work, _COUNTED_EXACTLY_ROWS)
        counts = (people, posts, comments, reactions)
        return Community(self._name, self._tagline, self._sign_up, *counts, self._attributes)
