"""Posts, comments, reactions and feeds over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from banyan.features.people.errors import HandleMoved
from banyan.features.posts.errors import NotTheAuthor
from banyan.features.posts.models import (
    Branch,
    Comment,
    CommentText,
    Community,
    NewComment,
    NewPost,
    Post,
    PostChanges,
    ReactionSummary,
    Revision,
    TagUse,
)
from banyan.features.posts.service.comments import Comments
from banyan.features.posts.service.community import Communities
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.service.posts import Posts
from banyan.features.posts.service.reactions import Reactions
from banyan.features.posts.service.saves import Saves
from banyan.features.posts.service.tags import Tags
from banyan.infra.http.routing import (
    MOVED,
    Controller,
    Cursor,
    FromPath,
    FromQuery,
    JSONBody,
    Limit,
    Moved,
    QueryParameter,
    Request,
    delete,
    get,
    patch,
    post,
    put,
)
from banyan.kernel.pages import DEFAULT_LIMIT, EncodedPage, Page

_MODERATORS = frozenset({"moderator", "admin"})

ParentId = Annotated[UUID | None, QueryParameter(description="Only the direct replies to this comment.")]
Threaded = Annotated[bool, QueryParameter(description="Only comments that answer the post itself.")]


class PostRoutes(Controller):
    path = "/v1/posts"
    tags = ["posts"]
    posts: Posts
    comments: Comments
    reactions: Reactions
    saves: Saves

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
        return await self.posts.list_public(request.work, request.viewer_id, limit, cursor, request.query)

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

    @get("/{post_id:uuid}/revisions", access="anyone")
    async def list_revisions(
        self, request: Request, post_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Revision]:
        """What a post said before its edits, newest first.

        Whoever may see the post finds the earlier texts that were for them too.
        """
        return await self.posts.list_revisions(request.work, request.viewer_id, post_id, limit, cursor)

    @put("/{post_id:uuid}/save", status=204)
    async def save(self, request: Request, post_id: FromPath[UUID]) -> None:
        """Save a post for later."""
        await self.saves.save_post(request.work, request.account_id, post_id)

    @delete("/{post_id:uuid}/save")
    async def unsave(self, request: Request, post_id: FromPath[UUID]) -> None:
        """Take a post from those one has saved."""
        await self.saves.unsave_post(request.work, request.account_id, post_id)

    @post("/{post_id:uuid}/comments")
    async def comment(self, request: Request, post_id: FromPath[UUID], data: JSONBody[NewComment]) -> Comment:
        """Comment on a post, or answer a comment on it.

        Threads are at most eight replies deep: a reply to one of the last level stands beside it.
        """
        return await self.comments.write_comment(request.work, request.account_id, post_id, data)

    @get("/{post_id:uuid}/comments", access="anyone")
    async def list_comments(
        self,
        request: Request,
        post_id: FromPath[UUID],
        parent_id: ParentId = None,
        threaded: Threaded = False,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Comment]:
        """The comments on a post, oldest first.

        All of them, or only those that answer the post itself, or only those that answer one comment.
        """
        branch: Branch = parent_id or ("top" if threaded else "all")
        return await self.comments.list_comments(request.work, request.viewer_id, post_id, limit, cursor, branch)

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

    @get("/{comment_id:uuid}", access="anyone")
    async def show(self, request: Request, comment_id: FromPath[UUID]) -> Comment:
        """One comment."""
        return await self.comments.get_comment(request.work, request.viewer_id, comment_id)

    @get("/{comment_id:uuid}/replies", access="anyone")
    async def list_replies(
        self, request: Request, comment_id: FromPath[UUID], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Comment]:
        """The direct replies to a comment, oldest first."""
        return await self.comments.list_replies(request.work, request.viewer_id, comment_id, limit, cursor)

    @patch("/{comment_id:uuid}", raises=[NotTheAuthor])
    async def edit(self, request: Request, comment_id: FromPath[UUID], data: JSONBody[CommentText]) -> Comment:
        """Change one's own comment."""
        return await self.comments.edit_comment(request.work, request.account_id, comment_id, data)

    @delete("/{comment_id:uuid}", raises=[NotTheAuthor])
    async def remove(self, request: Request, comment_id: FromPath[UUID]) -> None:
        """Delete a comment: one's own, one on one's own post, or as a moderator.

        Of one with replies a placeholder stays.
        """
        principal = request.principal
        moderates = principal is not None and principal.role in _MODERATORS
        await self.comments.delete_comment(request.work, request.account_id, comment_id, moderates=moderates)


class FeedRoutes(Controller):
    path = "/v1/feed"
    tags = ["posts"]
    homes: Homes

    @get(answers=Page[Post])
    async def show(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> EncodedPage:
        """One's home feed: one's own posts and those of one's connections, newest first."""
        return await self.homes.read_feed(request.work, request.account_id, limit, cursor)


class SavedRoutes(Controller):
    path = "/v1/saved"
    tags = ["posts"]
    saves: Saves

    @get()
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Post]:
        """The posts one has saved and may still see, newest saved first."""
        return await self.saves.list_saved(request.work, request.account_id, limit, cursor)


class TagRoutes(Controller):
    path = "/v1/tags"
    tags = ["posts"]
    tagged: Tags

    @get(access="anyone")
    async def list(self, request: Request, limit: Limit = DEFAULT_LIMIT) -> Page[TagUse]:
        """The tags that are used most in public posts of the last seven days; one page is all there is."""
        return await self.tagged.list_used(request.work, limit)

    @get("/{tag:str}/posts", access="anyone")
    async def list_posts(
        self, request: Request, tag: FromPath[str], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Post]:
        """The posts with a tag that one may see, newest first.

        Capitals and different ways to write the same letters make no difference.
        """
        return await self.tagged.list_tagged(request.work, request.viewer_id, tag, limit, cursor)


class ProfileFeedRoutes(Controller):
    path = "/v1/people/{handle:str}/posts"
    tags = ["posts"]
    posts: Posts

    @get(access="anyone", also=MOVED)
    async def list(
        self, request: Request, handle: FromPath[str], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[Post] | Moved:
        """A person's posts that one may see, newest first.

        A handle that somebody gave up answers 308 with their present one.
        """
        try:
            return await self.posts.list_by_author(request.work, request.viewer_id, handle, limit, cursor)
        except HandleMoved as moved:
            return request.moved_to(f"/v1/people/{moved.handle}/posts")


class CommunityRoutes(Controller):
    path = "/v1/community"
    tags = ["posts"]
    communities: Communities

    @get(access="anyone")
    async def show(self, request: Request) -> Community:
        """What this community is called, and how large it is."""
        return await self.communities.get_community(request.work)
