"""Handles of many newcomers at once."""

from collections.abc import Sequence
from uuid import UUID

from banyan.infra.database.work import Work


async def find_holders(work: Work, handles: Sequence[str]) -> dict[str, UUID]:
    """Who has which of these handles."""
    rows = await work.rows("SELECT handle, id FROM people_people WHERE handle = ANY($1::text[])", list(handles))
    return {row[0]: row[1] for row in rows}
