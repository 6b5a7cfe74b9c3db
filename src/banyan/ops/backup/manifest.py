"""What a backup says about itself."""

from datetime import datetime
from pathlib import PurePosixPath

from msgspec import Struct

FORMAT = 1
DUMP = "database.dump"
FILES = "files/"
MANIFEST = "manifest.json"
MANIFEST_DIGEST = "manifest.sha256"


class Member(Struct, frozen=True):
    """One file in a backup. `mode` is its permissions."""

    name: str
    bytes: int
    sha256: str
    mode: int = 0o600


class Manifest(Struct, frozen=True, kw_only=True):
    """`made_at` is the moment of the snapshot: what was committed before is in the backup, nothing later.

    `tables` has the rows of each table in that snapshot, `migrations` the newest number by package.
    """

    format: int
    made_at: datetime
    banyan: str
    postgresql: str
    postgresql_major: int
    pg_dump: str
    migrations: dict[str, int]
    tables: dict[str, int]
    members: list[Member]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())

    @property
    def files(self) -> list[Member]:
        """Those of the data directory."""
        return [member for member in self.members if member.name.startswith(FILES)]


def place_below(name: str) -> PurePosixPath | None:
    """Where in the data directory a member belongs; None for a name that leads out of it."""
    path = PurePosixPath(name.removeprefix(FILES))
    safe = name.startswith(FILES) and path.parts and not path.is_absolute() and ".." not in path.parts
    return path if safe else None
