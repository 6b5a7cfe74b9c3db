"""SQL of what an installation declares of people beside the rest."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from banyan.infra.database.work import Work


async def put_attributes(work: Work, person_id: UUID, values: Mapping[str, Any]) -> None:
    """Values of null take attributes away, others not named stay."""
    await work.write(
        """UPDATE people_people SET attributes = jsonb_strip_nulls(coalesce(attributes, '{}') || $2::jsonb)
           WHERE id = $1""",
        person_id,
        msgspec.json.encode(values).decode(),
    )


async def find_attributes(work: Work, person_id: UUID) -> str | None:
    """As they are stored."""
    found: str | None = await work.value("SELECT attributes FROM people_people WHERE id = $1", person_id)
    return found
