"""SQL of suggestions: people who are connected with one's connections."""

from datetime import datetime
from typing import Final
from uuid import UUID

from banyan.features.people.models import Suggestion
from banyan.features.people.queries.parts import BLOCKED, THERE, read_card
from banyan.infra.database.work import Work
from banyan.kernel.ids import LAST_ID

# Counted over the newest so many of one's connections, and of each of theirs: whoever has 10,000 connections costs
# no more than 20,000 index rows.
_MINE: Final = 200
_THEIRS: Final = 100

# Ranked first and looked at one after the other until the page is full: nobody below it is fetched.
_LIST = f"""
    WITH mine AS (
        SELECT c.other_id FROM people_connections c
        WHERE c.person_id = $1 AND c.state = 'connected' AND {THERE.format(person="c.other_id")}
        ORDER BY c.connection_id DESC LIMIT {_MINE})
    SELECT p.id, p.handle, p.display_name, p.avatar_url, ranked.mutual
    FROM (
        SELECT theirs.other_id AS id, count(*) AS mutual FROM mine
        CROSS JOIN LATERAL (
            SELECT c.other_id FROM people_connections c
            WHERE c.person_id = mine.other_id AND c.state = 'connected'
            ORDER BY c.connection_id DESC LIMIT {_THEIRS}) theirs
        WHERE theirs.other_id <> $1
        GROUP BY theirs.other_id HAVING (count(*), theirs.other_id) < ($2::bigint, $3::uuid)
        ORDER BY mutual DESC, id DESC) ranked
    CROSS JOIN LATERAL (
        SELECT one.* FROM people_people one
        WHERE one.id = ranked.id AND one.hidden_at IS NULL
          AND NOT EXISTS (SELECT FROM people_connections c WHERE c.person_id = $1 AND c.other_id = ranked.id)
          AND NOT EXISTS (SELECT FROM people_mutes m WHERE m.person_id = $1 AND m.muted_id = ranked.id)
          AND NOT EXISTS (SELECT FROM people_dismissals d WHERE d.person_id = $1 AND d.dismissed_id = ranked.id)
          AND NOT {BLOCKED.format(viewer="$1", person="ranked.id")}
        LIMIT 1) p
    ORDER BY ranked.mutual DESC, ranked.id DESC LIMIT $4"""


async def list_suggestions(
    work: Work, person_id: UUID, before: tuple[int, UUID] | None, limit: int
) -> list[Suggestion]:
    """Most mutual connections first, then the newest person; `before` is the last of the page before."""
    mutual, last_id = before or (_MINE + 1, LAST_ID)
    rows = await work.rows(_LIST, person_id, mutual, last_id, limit)
    return [Suggestion(read_card(row), row["mutual"]) for row in rows]


async def insert_dismissal(work: Work, person_id: UUID, dismissed_id: UUID, at: datetime) -> None:
    """Again changes nothing."""
    await work.write(
        """INSERT INTO people_dismissals (person_id, dismissed_id, created_at) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING""",
        person_id,
        dismissed_id,
        at,
    )
