"""SQL of how people want to be told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from banyan.features.notifications.models import Channels, StoredPreferences
from banyan.infra.database.work import Work

_COLUMNS = "person_id, kinds, quiet_from, quiet_to, time_zone, digest_hour"
_kinds = msgspec.json.Decoder(dict[str, Channels])


async def find_preferences(work: Work, person_id: UUID) -> StoredPreferences:
    """Those of somebody who has chosen nothing are empty."""
    row = await work.row(f"SELECT {_COLUMNS} FROM notifications_preferences WHERE person_id = $1", person_id)
    return StoredPreferences() if row is None else _preferences(row)


async def lock_preferences(work: Work, person_id: UUID) -> StoredPreferences:
    """As they are until the transaction ends."""
    await work.write("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"notifications_preferences:{person_id}")
    row = await work.write_row(f"SELECT {_COLUMNS} FROM notifications_preferences WHERE person_id = $1", person_id)
    return StoredPreferences() if row is None else _preferences(row)


async def list_preferences(work: Work, person_ids: Sequence[UUID]) -> dict[UUID, StoredPreferences]:
    """Of those who have chosen something."""
    rows = await work.rows(f"SELECT {_COLUMNS} FROM notifications_preferences WHERE person_id = ANY ($1)", person_ids)
    return {row["person_id"]: _preferences(row) for row in rows}


async def put_preferences(work: Work, person_id: UUID, stored: StoredPreferences, at: datetime) -> None:
    await work.write(
        """INSERT INTO notifications_preferences
               (person_id, kinds, quiet_from, quiet_to, time_zone, digest_hour, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (person_id) DO UPDATE SET kinds = excluded.kinds, quiet_from = excluded.quiet_from,
               quiet_to = excluded.quiet_to, time_zone = excluded.time_zone, digest_hour = excluded.digest_hour,
               updated_at = excluded.updated_at""",
        person_id,
        msgspec.json.encode(stored.kinds).decode(),
        stored.quiet[0] if stored.quiet else None,
        stored.quiet[1] if stored.quiet else None,
        stored.time_zone,
        stored.digest_hour,
        at,
    )


async def delete_preferences(work: Work, person_id: UUID) -> None:
    await work.write("DELETE FROM notifications_preferences WHERE person_id = $1", person_id)


def _preferences(row: asyncpg.Record) -> StoredPreferences:
    quiet = None if row["quiet_from"] is None else (row["quiet_from"], row["quiet_to"])
    return StoredPreferences(_kinds.decode(row["kinds"]), quiet, row["time_zone"], row["digest_hour"])
