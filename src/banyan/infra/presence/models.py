"""What is known of people's presence."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

# A process that has not beaten for so long is not believed any more.
LEASE_SECONDS: Final = 15
BEAT_SECONDS: Final = 4
# Who closes a page and opens the next one has not been away.
GRACE_SECONDS: Final = 3
# What is shown may be older by so much at worst: a process that died without a word is found out within a lease and a
# beat, a message that was lost by the look that follows every beat, and each is told at the next turn.
WITHIN_SECONDS: Final = LEASE_SECONDS + BEAT_SECONDS + 1


class PresenceState(Struct, frozen=True, gc=False):
    """One person. `last_seen_at` is null while they are online, and for who was never seen."""

    person_id: UUID
    online: bool
    last_seen_at: datetime | None
