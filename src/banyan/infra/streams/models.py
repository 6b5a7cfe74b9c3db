"""What a stream is made of."""

from uuid import UUID

from msgspec import Struct


class Head(Struct, frozen=True):
    """A stream's own row. Deletions up to `floor_seq` are forgotten; `digest` is of what the last comparison saw."""

    epoch: UUID
    last_seq: int
    floor_seq: int
    digest: bytes | None


class Change(Struct, frozen=True, gc=False):
    """To be logged: `version` None for something that the person no longer has."""

    kind: str
    id: UUID
    version: int | None


class Entry(Struct, frozen=True, gc=False):
    """Logged: the newest word about one thing."""

    seq: int
    kind: str
    id: UUID
    gone: bool


class Changed(Struct, frozen=True, gc=False):
    """What a client is told about one thing: its present value, or None when it has to go."""

    kind: str
    id: UUID
    value: Struct | None


class Changes(Struct, frozen=True):
    """One answer: `next` is where the client stands once it has applied `items`."""

    items: list[Changed]
    next: str
    reset: bool
