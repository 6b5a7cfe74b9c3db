"""Posts, comments, reactions and feeds over HTTP."""

from typing import Literal
from uuid import UUID

from banyan.features.posts.errors import NotTheAuthor
from banyan.features.posts.models import (
    Comment,
    CommentText,
    Community,
    NewPost,
    Post,
    PostChanges,
    ReactionSummary,
)
from banyan.features.posts.service.comments import Comments
from banyan.features.posts.service.community import Communities
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.service.reactions import Reactions
from banyan.infra.http.routing import (
    Controller,
    Cursor,
    FromPath,
    FromQuery,
    JSONBody,
    Limit,
    Request,
    delete,
    get,
    patch,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, Page

_MODERATORS = frozenset({"moderator", "admin"})


class PostRoutes(Controller):
    path = "/v1/posts"
    tags = ["posts"]
    posts: Posts
    comments: Comments
    reactions: Reactions

    @post()
    async def publish(self, request: Request, data: JSONBody[NewPost]) -> Post:
        """Publish a post."""
        return await self.posts.publish_post(request.work, request.account_id, data)

    @get(access="anyone")
    async def list(
        self,
        request: Request,
        audience: FromQuery[Literal["public"]] = "public",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Post]:
        """The newest public posts."""
        return await self.posts.list_public(request.work, request.viewer_id, limit, cursor)

    @get("/{post_id:uuid}", access="anyone")
    async def show(self, request: Request, post_id: FromPath[UUID]) -> Post:
        """One post."""
        shown = await self.posts.get_post(request.work, request.viewer_id, post_id)
        request.share(f"post:{post_id}", f"person:{shown.author.id}")
        return shown

    @patch("/{post_id:uuid}", raises=[NotTheAuthor])
    async def edit(self, request: Request, post_id: FromPath[UUID], data: JSONBody[PostChanges]) -> Post:
        """Change the text or the audience of one's own post."""
        return await self.posts.edit_post(request.work, request.account_id, post_id, data)

    @delete("/{post_id:uuid}", raises=[NotTheAuthor])
    async def remove(self, request: Request, post_id: FromPath[UUID]) -> None:
        """Delete one's own post with its comments and reactions."""
        await self.posts.delete_post(request.work, request.account_id, post_id)

    @post("/{post_id:uuid}/comments")
    async def comment(self, request: Request, post_id: FromPath[UUID], data: JSONBody[CommentText]) -> Comment:
        """Comment on a post."""
        return await self.comments.write_comment(request.work, request.account_id, post_id, data)

    @get("/{post_id:uuid}/comments", access="anyone")
    async def list_comments(
        self, request: Request, post_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Comment]:
        """The comments on a post, oldest first."""
        return await self.comments.list_comments(request.work, request.viewer_id, post_id, limit, cursor)

    @put("/{post_id:uuid}/reactions/{kind:str}")
    async def react(self, request: Request, post_id: FromPath[UUID], kind: FromPath[str]) -> ReactionSummary:
        """React to a post.

        `kind` is one of like, love, laugh, wow, sad, angry and takes the place of one's earlier reaction.
        """
        return await self.reactions.put_reaction(request.work, request.account_id, post_id, kind)

    @delete("/{post_id:uuid}/reactions/{kind:str}")
    async def take_back(self, request: Request, post_id: FromPath[UUID], kind: FromPath[str]) -> None:
        """Take back one's reaction of that kind."""
        await self.reactions.remove_reaction(request.work, request.account_id, post_id, kind)


class CommentRoutes(Controller):
    path = "/v1/comments"
    tags = ["posts"]
    comments: Comments

    @patch("/{comment_id:uuid}", raises=[NotTheAuthor])
    async def edit(self, request: Request, comment_id: FromPath[UUID], data: JSONBody[CommentText]) -> Comment:
        """Change one's own comment."""
        return await self.comments.edit_comment(request.work, request.account_id, comment_id, data)

    @delete("/{comment_id:uuid}", raises=[NotTheAuthor])
    async def remove(self, request: Request, comment_id: FromPath[UUID]) -> None:
        """Delete a comment: one's own, one on one's own post, or as a moderator."""
        principal = request.principal
        moderates = principal is not None and principal.role in _MODERATORS
        await self.comments.delete_comment(request.work, request.account_id, comment_id, moderates=moderates)


class FeedRoutes(Controller):
    path = "/v1/feed"
    tags = ["posts"]
    homes: Homes

    @get()
    async def show(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Post]:
        """One's home feed: one's own posts and those of one's connections, newest first."""
        return await self.homes.read_feed(request.work, request.account_id, limit, cursor)


class ProfileFeedRoutes(Controller):
    path = "/v1/people/{handle:str}/posts"
    tags = ["posts"]
    posts: Posts

    @get(access="anyone")
    async def list(
        self, request: Request, handle: FromPath[str], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Post]:
        """A person's posts that one may see, newest first."""
        return await self.posts.list_by_author(request.work, request.viewer_id, handle, limit, cursor)


class CommunityRoutes(Controller):
    path = "/v1/community"
    tags = ["posts"]
    communities: Communities

    @get(access="anyone")
    async def show(self, request: Request) -> Community:
        """How large this community is."""
        return await self.communities.get_community(request.work)
