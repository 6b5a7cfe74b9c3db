"""Posts, comments and reactions as they go over HTTP and between features."""

from datetime import datetime
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from banyan.features.accounts.models import SignUpMode
from banyan.features.people.models import Card

AudienceKind = Literal["public", "connections", "self"]
ReactionKind = Literal["like", "love", "laugh", "wow", "sad", "angry"]
REACTION_KINDS: Final[tuple[ReactionKind, ...]] = get_args(ReactionKind)


class Audience(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Who may see a post: everybody, the author's connections, or nobody but the author."""

    kind: AudienceKind


# One object per kind: twenty of them stand in every page of a feed.
AUDIENCES: Final[dict[AudienceKind, Audience]] = {
    "public": Audience("public"),
    "connections": Audience("connections"),
    "self": Audience("self"),
}

PostBody = Annotated[str, Meta(min_length=1, description="1 to 5,000 characters; newlines and tabs are kept.")]
CommentBody = Annotated[str, Meta(min_length=1, description="1 to 2,000 characters; newlines and tabs are kept.")]
AudienceInput = Annotated[Audience | AudienceKind, Meta(description='`{"kind": "public"}` or, in short, `"public"`.')]


class NewPost(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one publishes."""

    body: PostBody
    audience: AudienceInput = "public"


class PostChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    body: PostBody | UnsetType = UNSET
    audience: AudienceInput | UnsetType = UNSET


class Post(Struct, frozen=True, gc=False):
    """A post as one reader sees it; only `my_reaction` depends on who that is."""

    id: UUID
    body: str
    audience: Audience
    created_at: datetime
    edited_at: datetime | None
    author: Card
    comment_count: int
    reaction_counts: dict[str, int]
    my_reaction: str | None


class CommentText(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one writes under a post."""

    body: CommentBody


class Comment(Struct, frozen=True, gc=False):
    id: UUID
    post_id: UUID
    body: str
    created_at: datetime
    edited_at: datetime | None
    author: Card


class ReactionSummary(Struct, frozen=True, gc=False):
    """A post's reactions after one's own was set."""

    reaction_counts: dict[str, int]
    my_reaction: str | None


class Community(Struct, frozen=True, gc=False):
    """How large this community is: the same for everybody, at most some seconds old, estimated above a million."""

    name: str
    sign_up: SignUpMode
    people: int
    posts: int
    comments: int
    reactions: int


class PostRow(Struct, frozen=True, gc=False):
    """A post as it is stored, with the reader's own reaction."""

    id: UUID
    author_id: UUID
    body: str
    audience: AudienceKind
    created_at: datetime
    edited_at: datetime | None
    comment_count: int
    reaction_counts: dict[str, int]
    my_reaction: str | None


class FeedMark(Struct, frozen=True, gc=False):
    """A post in a feed without its content: `version` changes whenever what one reader sees of it does."""

    id: UUID
    author_id: UUID
    audience: AudienceKind
    version: int


class CommentRow(Struct, frozen=True, gc=False):
    """A comment as it is stored."""

    id: UUID
    post_id: UUID
    author_id: UUID
    body: str
    created_at: datetime
    edited_at: datetime | None


class PostImport(Struct, frozen=True, kw_only=True):
    """A post to be taken over in bulk; its id orders it in every feed."""

    id: UUID
    author_id: UUID
    body: str
    audience: AudienceKind
    created_at: datetime


class CommentImport(Struct, frozen=True, kw_only=True):
    """A comment to be taken over in bulk."""

    id: UUID
    post_id: UUID
    author_id: UUID
    body: str
    created_at: datetime


class ReactionImport(Struct, frozen=True, kw_only=True):
    """A reaction to be taken over in bulk."""

    post_id: UUID
    person_id: UUID
    kind: ReactionKind
    created_at: datetime
