"""How large the community is."""

from banyan.features.accounts.models import SignUpMode
from banyan.features.people.api import PeopleApi
from banyan.features.posts.models import Community
from banyan.features.posts.queries import posts as queries
from banyan.infra.cache import Cache
from banyan.infra.database.work import Work

_TTL_SECONDS = 10.0
# Counting a million rows takes about 60 ms; beyond, PostgreSQL's own estimate has to do.
_COUNTED_EXACTLY_ROWS = 1_000_000


class Communities:
    """The counts on the first page, read at most every ten seconds."""

    def __init__(self, people: PeopleApi, name: str, tagline: str, sign_up: SignUpMode) -> None:
        self._people = people
        self._name = name
        self._tagline = tagline
        self._sign_up = sign_up
        self._counts: Cache[str, Community] = Cache(max_entries=1, ttl_seconds=_TTL_SECONDS)

    async def get_community(self, work: Work) -> Community:
        """The same for every reader."""
        return await self._counts.get(self._name, lambda: self._count(work))

    async def _count(self, work: Work) -> Community:
        people = await self._people.count_people(work)
        posts, comments, reactions = await queries.count_all(work, _COUNTED_EXACTLY_ROWS)
        return Community(self._name, self._tagline, self._sign_up, people, posts, comments, reactions)
