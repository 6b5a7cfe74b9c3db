"""What other features and plug-ins may ask of posts."""

from uuid import UUID

from banyan.features.posts.models import Post
from banyan.features.posts.service.announcing import FEEDS_TOPIC
from banyan.features.posts.service.posts import Posts
from banyan.infra.database.work import Work

__all__ = ["FEEDS_TOPIC", "PostsApi"]


class PostsApi:
    """Reads of posts, by the rules of visibility."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts

    async def get_post(self, work: Work, viewer_id: UUID | None, post_id: UUID) -> Post:
        """A post as this reader may see it; None reads as anybody. Raises PostNotFound."""
        return await self._posts.get_post(work, viewer_id, post_id)
