"""An app that keeps what `/v1/sync` tells it, without HTTP."""

from uuid import UUID

from msgspec import Struct
from msgspec.json import decode, encode

from banyan.features.people.models import Connection, ConnectionCopy, ConnectionList
from banyan.features.posts.models import Post
from tests.features.town import Town


def _read(value: Struct) -> object:
    """A connection as an app reads it from JSON."""
    return decode(encode(value), type=Connection) if isinstance(value, ConnectionCopy) else value


class Device:
    """Does as docs/api.md says."""

    def __init__(self, town: Town, person_id: UUID, limit: int = 1000) -> None:
        self.town = town
        self.person_id = person_id
        self.limit = limit
        self.next: str | None = None
        self.kept: dict[tuple[str, UUID], object] = {}

    def copy(self) -> "Device":
        """What a backup of the app would hold."""
        other = Device(self.town, self.person_id, self.limit)
        other.next, other.kept = self.next, dict(self.kept)
        return other

    async def ask(self) -> bool:
        """One page; False once nothing is left."""
        async with self.town.work() as work:
            changes = await self.town.streams.read(work, self.person_id, self.next, self.limit)
        assert len(changes.items) <= self.limit
        if changes.reset:
            self.kept.clear()
        for one in changes.items:
            if one.value is None:
                self.kept.pop((one.kind, UUID(one.id)), None)
            else:
                self.kept[one.kind, UUID(one.id)] = _read(one.value)
        self.next = changes.next
        return bool(changes.items)

    async def catch_up(self) -> None:
        while await self.ask():
            pass

    @property
    def posts(self) -> list[Post]:
        """Newest first."""
        found = [value for (kind, _), value in self.kept.items() if kind == "post" and isinstance(value, Post)]
        return sorted(found, key=lambda post: post.id, reverse=True)

    @property
    def saved(self) -> dict[UUID, Post]:
        return {id: value for (kind, id), value in self.kept.items() if kind == "saved" and isinstance(value, Post)}

    @property
    def connections(self) -> list[Connection]:
        return [value for value in self.kept.values() if isinstance(value, Connection)]

    @property
    def lists(self) -> list[ConnectionList]:
        return [value for value in self.kept.values() if isinstance(value, ConnectionList)]
