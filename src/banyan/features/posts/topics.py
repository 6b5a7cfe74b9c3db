"""The realtime topics of posts. Events are pointers: what they point at is read through the API, by who may."""

from functools import partial
from uuid import UUID

from banyan.features.posts.errors import PostNotFound
from banyan.features.posts.models import PostPointer
from banyan.features.posts.service.announcing import PUBLIC_KEY
from banyan.features.posts.service.posts import Posts
from banyan.infra.database.work import Work
from banyan.infra.declare import Topic


def topics(posts: Posts) -> tuple[Topic, ...]:
    return (
        Topic("post", partial(_may_see, posts), address="post:{post_id}", events=PostPointer),
        Topic("posts", _is_public, anonymous=True, address=f"posts:{PUBLIC_KEY}", events=PostPointer),
    )


async def _may_see(posts: Posts, work: Work, viewer_id: UUID | None, key: str) -> bool:
    try:
        await posts.get_visible(work, viewer_id, UUID(key))
    except (PostNotFound, ValueError):
        return False
    return True


async def _is_public(work: Work, viewer_id: UUID | None, key: str) -> bool:
    return key == PUBLIC_KEY
