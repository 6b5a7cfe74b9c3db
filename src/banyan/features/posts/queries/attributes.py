"""SQL of what an installation declares beside the rest: read apart, so that others pay nothing for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from banyan.features.posts.models import PostRow
from banyan.features.posts.queries.posts import COLUMNS, JOINS, post_rows
from banyan.infra.attributes.filters import Condition, conditions_sql
from banyan.infra.database.work import Work


async def put_attributes(work: Work, post_id: UUID, values: Mapping[str, Any], edited_at: datetime | None) -> None:
    """Values of null take attributes away, others not named stay."""
    await work.write(
        """UPDATE posts_posts SET attributes = jsonb_strip_nulls(coalesce(attributes, '{}') || $2::jsonb),
               edited_at = coalesce($3, edited_at)
           WHERE id = $1""",
        post_id,
        msgspec.json.encode(values).decode(),
        edited_at,
    )


async def find_attributes(work: Work, post_ids: Sequence[UUID]) -> dict[UUID, str]:
    """As they are stored; posts without any are left out."""
    rows = await work.rows(
        """SELECT p.id, p.attributes FROM unnest($1::uuid[]) AS wanted (id)
           CROSS JOIN LATERAL (SELECT id, attributes FROM posts_posts WHERE id = wanted.id LIMIT 1) p
           WHERE p.attributes IS NOT NULL""",
        post_ids,
    )
    return dict(map(tuple, rows))


async def list_public_with(
    work: Work,
    viewer_id: UUID | None,
    unwanted: Sequence[UUID],
    conditions: Sequence[Condition],
    before: UUID,
    limit: int,
) -> list[PostRow]:
    """Public posts that fulfil all conditions, newest first, without the posts of `unwanted`."""
    sql = f"""SELECT {COLUMNS} FROM posts_posts p {JOINS}
        WHERE p.audience = 'public' AND p.id < $2 AND p.author_id <> ALL($4::uuid[])
        {conditions_sql(conditions, "p.attributes", 5)} ORDER BY p.id DESC LIMIT $3"""
    values = [condition.value for condition in conditions]
    return post_rows(await work.rows(sql, viewer_id, before, limit, unwanted, *values))
