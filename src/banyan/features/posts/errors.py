"""Refusals of posts."""

from banyan.kernel.errors import Forbidden, NotFound


class PostNotFound(NotFound):
    """Also for posts that this reader may not see."""

    code = "post_not_found"
    title = "There is no such post"


class CommentNotFound(NotFound):
    """Also for comments that this reader may not see."""

    code = "comment_not_found"
    title = "There is no such comment"


class NotTheAuthor(Forbidden):
    code = "not_the_author"
    title = "This belongs to somebody else"
