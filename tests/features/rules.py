"""The rules of who sees what, in a few lines: what the services are compared with."""

from uuid import UUID

from msgspec import Struct, field

from banyan.features.posts.models import AudienceKind

Person = int
Pair = frozenset[Person]


class ModelComment(Struct):
    author: Person
    body: str
    parent: UUID | None
    deleted: bool = False


class ModelPost(Struct):
    author: Person
    body: str
    audience: AudienceKind
    list_id: UUID | None = None
    edited: bool = False
    reactions: dict[Person, str] = field(default_factory=dict)
    comments: dict[UUID, ModelComment] = field(default_factory=dict)

    def replies(self, comment_id: UUID) -> list[UUID]:
        return [one for one, comment in self.comments.items() if comment.parent == comment_id]


class Model(Struct):
    posts: dict[UUID, ModelPost] = field(default_factory=dict)
    # Who asked; a pair that is connected stands in `connected` instead.
    asked: dict[Pair, Person] = field(default_factory=dict)
    connected: set[Pair] = field(default_factory=set)
    blocks: set[tuple[Person, Person]] = field(default_factory=set)
    mutes: set[tuple[Person, Person]] = field(default_factory=set)
    # Owner and members.
    lists: dict[UUID, tuple[Person, set[Person]]] = field(default_factory=dict)
    # Whoever saved which post, first saved first.
    saved: list[tuple[Person, UUID]] = field(default_factory=list)

    def hidden(self, one: Person | None, other: Person) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def sees(self, viewer: Person | None, post: ModelPost) -> bool:
        if viewer == post.author:
            return True
        if self.hidden(viewer, post.author):
            return False
        if post.audience == "connections":
            return viewer is not None and frozenset((viewer, post.author)) in self.connected
        if post.audience == "list":
            return post.list_id in self.lists and viewer in self.lists[post.list_id][1]
        return post.audience == "public"

    def newest_first(self) -> list[tuple[UUID, ModelPost]]:
        return sorted(self.posts.items(), reverse=True)

    def feed(self, viewer: Person) -> list[UUID]:
        return [
            post_id
            for post_id, post in self.newest_first()
            if post.author == viewer
            or (
                frozenset((viewer, post.author)) in self.connected
                and (viewer, post.author) not in self.mutes
                and self.sees(viewer, post)
            )
        ]

    def profile(self, viewer: Person | None, author: Person) -> list[UUID]:
        return [post_id for post_id, post in self.newest_first() if post.author == author and self.sees(viewer, post)]

    def public(self, viewer: Person | None) -> list[UUID]:
        return [
            post_id
            for post_id, post in self.newest_first()
            if post.audience == "public" and self.sees(viewer, post) and (viewer, post.author) not in self.mutes
        ]

    def tagged(self, viewer: Person | None, tag: str) -> list[UUID]:
        return [
            post_id
            for post_id, post in self.newest_first()
            if f"#{tag}" in post.body and self.sees(viewer, post) and (viewer, post.author) not in self.mutes
        ]

    def list_saved(self, viewer: Person) -> list[UUID]:
        return [
            post_id
            for person, post_id in reversed(self.saved)
            if person == viewer and self.sees(viewer, self.posts[post_id])
        ]

    def comments(self, viewer: Person | None, post: ModelPost) -> list[tuple[UUID, str, bool]]:
        return [
            (comment_id, comment.body, comment.deleted)
            for comment_id, comment in sorted(post.comments.items())
            if comment.deleted or not self.hidden(viewer, comment.author)
        ]

    def ties(self, viewer: Person) -> dict[Person, str]:
        """Connections and requests as one person sees them."""
        states = {
            next(iter(pair - {viewer})): "sent" if asker == viewer else "received"
            for pair, asker in self.asked.items()
            if viewer in pair
        }
        return states | {next(iter(pair - {viewer})): "connected" for pair in self.connected if viewer in pair}

    def part(self, pair: tuple[Person, Person]) -> None:
        """Connection and request end, and with them membership in each other's lists."""
        self.connected.discard(frozenset(pair))
        self.asked.pop(frozenset(pair), None)
        for owner, members in self.lists.values():
            if owner in pair:
                members.difference_update(set(pair) - {owner})

    def delete_post(self, post_id: UUID) -> None:
        del self.posts[post_id]
        self.saved = [one for one in self.saved if one[1] != post_id]

    def delete_comment(self, post: ModelPost, comment_id: UUID) -> None:
        """With replies a placeholder stays; without, it goes and takes placeholders above it along."""
        comment = post.comments[comment_id]
        if post.replies(comment_id):
            comment.deleted, comment.body = True, ""
            return
        gone: UUID | None = comment_id
        while gone is not None:
            above = post.comments.pop(gone).parent
            hollow = above is not None and post.comments[above].deleted and not post.replies(above)
            gone = above if hollow else None
