"""SQL of the demo's own table: what is being built, and how far it is."""

from datetime import datetime

from msgspec import Struct

from banyan.demo.size import CommunitySize
from banyan.infra.database.work import Work


class Build(Struct, frozen=True, kw_only=True):
    """A demo community that is there or being built; `step` is empty when all of it is there."""

    seed: int
    people: int
    posts: int
    connections: int
    edition: str
    salt: bytes
    started_at: datetime
    email: str
    handle: str
    step: str
    done: int

    @property
    def is_finished(self) -> bool:
        return not self.step

    @property
    def size(self) -> CommunitySize:
        return CommunitySize(people=self.people, posts=self.posts, connections=self.connections, seed=self.seed)


_COLUMNS = ", ".join(Build.__struct_fields__)


async def find_build(work: Work) -> Build | None:
    row = await work.row(f"SELECT {_COLUMNS} FROM demo_builds")
    return None if row is None else Build(**row)


async def insert_build(work: Work, build: Build) -> bool:
    """False when there is one already."""
    values = [getattr(build, name) for name in Build.__struct_fields__]
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    added = await work.write_value(
        f"INSERT INTO demo_builds ({_COLUMNS}) VALUES ({places}) ON CONFLICT DO NOTHING RETURNING true", *values
    )
    return added is not None


async def move_on(work: Work, step: str, done: int, next_step: str, next_done: int) -> bool:
    """False when the build is not where the caller takes it to be: somebody else is building too."""
    moved = await work.write_value(
        "UPDATE demo_builds SET step = $3, done = $4 WHERE step = $1 AND done = $2 RETURNING true",
        step,
        done,
        next_step,
        next_done,
    )
    return moved is not None
