"""Where a client stands in a stream, as the opaque text that it keeps."""

import struct
from uuid import UUID

from msgspec import Struct

from banyan.infra.streams.models import Head
from banyan.kernel import base64url
from banyan.kernel.errors import Invalid

_FORM = struct.Struct(">16sQQ")


class Position(Struct, frozen=True):
    """All up to `seq` is known. `base` is where the stream ended when this client last began anew: it has seen
    nothing older, so it may go on although deletions up to there were forgotten meanwhile.
    """

    epoch: UUID
    seq: int
    base: int

    def encode(self) -> str:
        """43 characters that are safe in a query."""
        return base64url.encode(_FORM.pack(self.epoch.bytes, self.seq, self.base))

    def holds(self, head: Head) -> bool:
        """Whether one can go on from here. A position beyond the end is one of a lost future: of a database that
        was set back without a new epoch.
        """
        return self.epoch == head.epoch and self.seq <= head.last_seq and head.floor_seq <= max(self.seq, self.base)


def decode_position(since: str | None) -> Position | None:
    """None for a client that has nothing. Raises Invalid for what `encode` did not make."""
    if since is None:
        return None
    position = find_position(since)
    if position is None:
        raise Invalid.field("since", "invalid_since", "Pass `next` of the answer before, unchanged.")
    return position


def find_position(since: str) -> Position | None:
    """As `decode_position`, None for what `encode` did not make."""
    packed = base64url.decode(since)
    if packed is None or len(packed) != _FORM.size:
        return None
    epoch, seq, base = _FORM.unpack(packed)
    return Position(UUID(bytes=epoch), seq, base)
