"""What a stream is made of. Ids are text, as in `SyncedKind`."""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

Operation = Literal["upsert", "delete"]


class Head(Struct, frozen=True):
    """A stream's own row. Deletions up to `floor_seq` are forgotten; `digest` is of what the last comparison saw."""

    epoch: UUID
    last_seq: int
    floor_seq: int
    digest: bytes | None


class Appended(NamedTuple):
    """What is logged, one after the other: a version is None for something that the person no longer has."""

    kinds: list[str]
    ids: list[str]
    versions: list[int | None]


class Entries(NamedTuple):
    """Of what is logged the newest word about each thing: its number, and whether it is gone."""

    seqs: Sequence[int]
    kinds: Sequence[str]
    ids: Sequence[str]
    gone: Sequence[bool]


class Changed(Struct, frozen=True, gc=False):
    """What a client is told about one thing: its present value, or None when it has to go."""

    kind: str
    id: str
    op: Operation
    value: Struct | None


class Changes(Struct, frozen=True):
    """One answer: `next` is where the client stands once it has applied `items`."""

    items: list[Changed]
    next: str
    reset: bool
