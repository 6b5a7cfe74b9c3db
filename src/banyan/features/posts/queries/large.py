"""SQL of very large accounts."""

from uuid import UUID

from banyan.infra.database.work import Work


async def list_large(work: Work) -> frozenset[UUID]:
    """All of them: there are few."""
    return frozenset(row[0] for row in await work.rows("SELECT author_id FROM posts_large_authors"))


async def insert_large(work: Work, author_id: UUID) -> None:
    await work.write("INSERT INTO posts_large_authors (author_id) VALUES ($1) ON CONFLICT DO NOTHING", author_id)
