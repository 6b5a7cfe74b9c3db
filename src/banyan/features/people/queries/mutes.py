"""SQL of mutes."""

from datetime import datetime
from uuid import UUID

from banyan.features.people.models import Mute
from banyan.features.people.queries.parts import BLOCKED, read_card
from banyan.infra.database.work import Work
from banyan.kernel.ids import LAST_ID

_LIST = f"""SELECT m.id AS mute_id, m.created_at, p.id, p.handle, p.display_name, p.avatar_url
    FROM people_mutes m
    CROSS JOIN LATERAL (SELECT * FROM people_people WHERE id = m.muted_id AND hidden_at IS NULL LIMIT 1) p
    WHERE m.person_id = $1 AND m.id < $2 AND NOT {BLOCKED.format(viewer="m.person_id", person="m.muted_id")}
    ORDER BY m.id DESC LIMIT $3"""


async def insert_mute(work: Work, mute_id: UUID, person_id: UUID, muted_id: UUID, at: datetime) -> bool:
    """False when it stood already."""
    added = await work.write_value(
        """INSERT INTO people_mutes (id, person_id, muted_id, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING RETURNING true""",
        mute_id,
        person_id,
        muted_id,
        at,
    )
    return added is not None


async def delete_mute(work: Work, person_id: UUID, muted_id: UUID) -> bool:
    """False when there was none."""
    removed = await work.write_value(
        "DELETE FROM people_mutes WHERE person_id = $1 AND muted_id = $2 RETURNING true", person_id, muted_id
    )
    return removed is not None


async def list_mutes(work: Work, person_id: UUID, before: UUID | None, limit: int) -> list[tuple[UUID, Mute]]:
    """Newest first, each with its page key; without those who are hidden."""
    rows = await work.rows(_LIST, person_id, before or LAST_ID, limit)
    return [(row["mute_id"], Mute(read_card(row), row["created_at"])) for row in rows]
