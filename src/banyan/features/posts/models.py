"""Posts, comments and reactions as they go over HTTP and between features."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from banyan.features.accounts.models import SignUpMode
from banyan.features.people.models import Card
from banyan.infra.attributes.declared import Declarations, NewPostAttributes, PostAttributeChanges, PostAttributes
from banyan.infra.database.ids import driver_id

AudienceKind = Literal["public", "connections", "list", "self"]
# Those that need nothing more to be said.
PlainAudience = Literal["public", "connections", "self"]
ReactionKind = Literal["like", "love", "laugh", "wow", "sad", "angry"]
REACTION_KINDS: Final[tuple[ReactionKind, ...]] = get_args(ReactionKind)
# Which comments of a post a list holds: all, those that answer the post itself, or those that answer one comment.
Branch = UUID | Literal["all", "top"]
# Top-level comments have depth 0. A reply to one of this depth stands beside it.
MAX_DEPTH = 8
TAG_MAX_CHARS = 50


class Audience(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Who may see a post: everybody, the author's connections, the members of one of the author's lists, or nobody
    but the author. `id` is the list's, and only its owner is shown it.
    """

    kind: AudienceKind
    id: UUID | UnsetType = UNSET


# One object per kind: twenty of them stand in every page of a feed.
AUDIENCES: Final[dict[AudienceKind, Audience]] = {
    "public": Audience("public"),
    "connections": Audience("connections"),
    "list": Audience("list"),
    "self": Audience("self"),
}


class Mention(Struct, frozen=True, gc=False):
    """`@handle` in a text, as it was written but in lower case, and who it was then."""

    handle: str
    person_id: UUID


class Marks(Struct, frozen=True, gc=False, omit_defaults=True):
    """What was found in a text, as it is stored. `told`: who was ever told that they are mentioned in it."""

    tags: list[str] = []
    mentions: list[Mention] = []
    told: list[UUID] = []


NO_MARKS: Final = Marks()

PostBody = Annotated[str, Meta(min_length=1, description="1 to 5,000 characters; newlines and tabs are kept.")]
CommentBody = Annotated[str, Meta(min_length=1, description="1 to 2,000 characters; newlines and tabs are kept.")]
AudienceInput = Annotated[
    Audience | PlainAudience,
    Meta(description='`{"kind": "public"}` or, in short, `"public"`; `{"kind": "list", "id": ...}` for a list.'),
]


class NewPost(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one publishes."""

    body: PostBody
    audience: AudienceInput = "public"
    attributes: NewPostAttributes | UnsetType = UNSET


class PostChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    body: PostBody | UnsetType = UNSET
    audience: AudienceInput | UnsetType = UNSET
    # One that is null is taken away, others stay.
    attributes: PostAttributeChanges | UnsetType = UNSET


class Post(Struct, frozen=True, gc=False):
    """A post as one reader sees it; only `my_reaction`, `saved` and the audience's id depend on who that is."""

    id: UUID
    body: str
    audience: Audience
    created_at: datetime
    edited_at: datetime | None
    author: Card
    comment_count: int
    reaction_counts: dict[str, int]
    my_reaction: str | None
    saved: bool
    tags: list[str]
    mentions: list[Mention]
    # Only where the installation declares any.
    attributes: PostAttributes | UnsetType = UNSET


class Revision(Struct, frozen=True, gc=False):
    """What a post said before an edit: `edited_at` is when that edit took its place. Only the author sees for whom."""

    id: UUID
    body: str
    audience: Audience | None
    edited_at: datetime


class CommentText(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one writes under a post."""

    body: CommentBody


class NewComment(CommentText, forbid_unknown_fields=True, kw_only=True):
    """`parent_id`: the comment on the same post that this one answers."""

    parent_id: UUID | None = None


class Comment(Struct, frozen=True, gc=False):
    """A comment in its thread: `depth` 0 answers the post itself, `reply_count` counts direct replies.

    Of a deleted one that has replies a placeholder stays: `deleted`, without text and author. Whoever deleted their
    account is shown with the nil id and no handle.
    """

    id: UUID
    post_id: UUID
    parent_id: UUID | None
    depth: int
    body: str
    tags: list[str]
    mentions: list[Mention]
    created_at: datetime
    edited_at: datetime | None
    deleted: bool
    reply_count: int
    author: Card | None


class ReactionSummary(Struct, frozen=True, gc=False):
    """A post's reactions after one's own was set."""

    reaction_counts: dict[str, int]
    my_reaction: str | None


class TagUse(Struct, frozen=True, gc=False):
    """How many public posts of the last seven days have a tag."""

    tag: str
    post_count: int


class Community(Struct, frozen=True, gc=False):
    """What this community is called and how large it is: the same for everybody, at most some seconds old, the counts
    estimated above a million.
    """

    name: str
    tagline: str
    sign_up: SignUpMode
    people: int
    posts: int
    comments: int
    reactions: int
    attributes: Declarations | UnsetType = UNSET


class PostRow(Struct, frozen=True, gc=False):
    """A post as it is stored, with the reader's own reaction and whether they saved it; `version`, where it was asked
    for, changes whenever what that reader sees of it does.
    """

    id: UUID
    author_id: UUID
    body: str
    audience: AudienceKind
    list_id: UUID | None
    marks: Marks
    created_at: datetime
    edited_at: datetime | None
    comment_count: int
    reaction_counts: dict[str, int]
    my_reaction: str | None
    saved: bool
    version: int = 0


# Whose a post in a feed is.
IN_DOUBT: Final = 0
_NOT_IN_DOUBT: Final = ("public", "connections")
FOR_CONNECTIONS: Final = 1
OWN: Final = 2


def feed_version(row: PostRow, viewer_id: UUID) -> bytes:
    """Names one state of a post, of which its author is shown more than others: its id, the version of its row, whose
    it is.
    """
    whose = OWN if row.author_id == viewer_id else FOR_CONNECTIONS if row.audience in _NOT_IN_DOUBT else IN_DOUBT
    return row.id.bytes + row.version.to_bytes(8, "big", signed=True) + bytes((whose,))


class FeedPage(Struct, frozen=True, gc=False):
    """Posts in a feed, in columns; `mine` is what the reader has made of each, their reaction and `*` where they saved
    it.
    """

    # As `feed_version` makes them.
    versions: Sequence[bytes]
    author_keys: Sequence[bytes]
    # OWN, FOR_CONNECTIONS, or IN_DOUBT where more than that decides who sees the post.
    whose: bytes
    mine: list[str]

    def __len__(self) -> int:
        return len(self.versions)

    @property
    def last_id(self) -> UUID:
        return driver_id(self.versions[-1][:16])


class ShownPost(Struct, frozen=True, gc=False):
    """A post in a feed as its reader is answered it."""

    version: bytes
    json: bytes

    @property
    def id(self) -> UUID:
        return driver_id(self.version[:16])


class FeedMark(Struct, frozen=True, gc=False):
    """A post in a feed without its content: `version` changes whenever what one reader sees of it does."""

    id: UUID
    author_id: UUID
    audience: AudienceKind
    list_id: UUID | None
    version: int


class CommentRow(Struct, frozen=True, gc=False):
    """A comment as it is stored; of a deleted one the author's id is nil and the body empty."""

    id: UUID
    post_id: UUID
    author_id: UUID
    body: str
    created_at: datetime
    edited_at: datetime | None = None
    parent_id: UUID | None = None
    depth: int = 0
    reply_count: int = 0
    deleted: bool = False
    marks: Marks = NO_MARKS


class Reach(Struct, frozen=True, gc=False):
    """Of a post, what decides who sees it."""

    author_id: UUID
    audience: AudienceKind
    list_id: UUID | None


class PostText(Struct, frozen=True, gc=False):
    """What an edit changes of a post."""

    body: str
    audience: AudienceKind
    list_id: UUID | None
    marks: Marks


class RevisionRow(Struct, frozen=True, gc=False):
    """An earlier text of a post as it is stored."""

    id: UUID
    body: str
    audience: AudienceKind
    list_id: UUID | None
    edited_at: datetime


class CommentImport(Struct, frozen=True, kw_only=True, gc=False):
    """A comment to be taken over with its post."""

    id: UUID
    author_id: UUID
    body: str
    created_at: datetime


class ReactionImport(Struct, frozen=True, kw_only=True, gc=False):
    """A reaction to be taken over with its post."""

    person_id: UUID
    kind: ReactionKind
    created_at: datetime


class PostImport(Struct, frozen=True, kw_only=True, gc=False):
    """A post to be taken over in bulk, with all that stands below it; its id orders it in every feed."""

    id: UUID
    author_id: UUID
    body: str
    audience: PlainAudience
    created_at: datetime
    comments: Sequence[CommentImport] = ()
    reactions: Sequence[ReactionImport] = ()


class WrittenPost(Struct, frozen=True, gc=False):
    """A post as its author's export has it."""

    id: UUID
    body: str
    audience: str
    created_at: datetime
    edited_at: datetime | None
    # All that are stored, also those whose declaration is gone; left out where there are none.
    attributes: dict[str, Any] | UnsetType = UNSET


class EarlierText(Struct, frozen=True, gc=False):
    """What a post said, and for whom, until `edited_at`."""

    id: UUID
    post_id: UUID
    body: str
    audience: str
    edited_at: datetime


class WrittenComment(Struct, frozen=True, gc=False):
    """A comment as its author's export has it."""

    id: UUID
    post_id: UUID
    parent_id: UUID | None
    body: str
    created_at: datetime
    edited_at: datetime | None


class WrittenReaction(Struct, frozen=True, gc=False):
    """A reaction as the export of whoever chose it has it."""

    post_id: UUID
    kind: str
    created_at: datetime


class SavedPost(Struct, frozen=True, gc=False):
    """That a post was saved."""

    id: UUID
    post_id: UUID


PostNews = Literal["published", "edited", "deleted", "commented", "comment_edited", "comment_deleted", "reacted"]


class PostPointer(Struct, frozen=True, gc=False, omit_defaults=True):
    """What sockets are told of a post: that something happened, to be read through the API by who may."""

    news: PostNews
    post_id: UUID
    comment_id: UUID | None = None
