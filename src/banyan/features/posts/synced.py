"""What of posts a client keeps offline."""

from banyan.features.posts.service.synced import SyncedPosts
from banyan.infra.declare import SyncedKind


def synced_kinds(posts: SyncedPosts) -> tuple[SyncedKind, ...]:
    return (
        SyncedKind("post", posts.feed_versions, posts.feed_values, posts.whole_feed),
        SyncedKind("saved", posts.saved_versions, posts.saved_values),
    )
