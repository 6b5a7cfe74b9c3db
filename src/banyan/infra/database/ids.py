"""Ids as the database driver has them: UUIDs like all others, made, hashed and written in a fifth of the time."""

from uuid import UUID

from asyncpg.pgproto import pgproto

from banyan.kernel.ids import packed_id_at


def driver_id(packed: bytes) -> UUID:
    """Of the 16 bytes of an id; for those that are looked up often, or made for each row."""
    made: UUID = pgproto.UUID(packed)
    return made


def driver_id_at(ms: int, tail: int) -> UUID:
    """As `id_at` of the kernel; for those who write millions."""
    made: UUID = pgproto.UUID(packed_id_at(ms, tail))
    return made
