"""Posts in memory as they are answered, each as one version of its rows: a feed asks the database which versions
stand in it, and reads only those that nobody here has asked for before.

Nothing in here can be out of date: a reader looks for exactly the version that their own statement has just found, so
there is nothing to announce and nothing to drop.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from banyan.features.people.api import PeopleApi
from banyan.features.people.models import Card
from banyan.features.posts.models import AudienceKind, Post, PostRow, feed_version
from banyan.features.posts.queries.posts import list_by_id
from banyan.features.posts.service.posts import Posts
from banyan.infra.bus import Bus
from banyan.infra.cache import Versions
from banyan.infra.database.ids import driver_id
from banyan.infra.database.work import Work

# With a text of 200 characters one takes about 1 KB.
_CACHED_POSTS = 10_000

# Neither stands in a text: a quotation mark inside of one has a backslash before it.
_AUTHOR: Final = b'"author":'
_UNTOUCHED: Final = b'"my_reaction":null,"saved":false'

_ERA: Final = attrgetter("era")
_encode: Final = msgspec.json.Encoder().encode


class PostCopy(Struct, gc=False):
    """One version of a post: what decides who sees it, and its JSON for who has made nothing of it.

    Its author has copies of their own, since they are shown more.
    """

    json: bytes
    # Of the cards among which the author's was found that stands in the JSON.
    era: object
    author_id: UUID
    audience: AudienceKind
    list_id: UUID | None
    id: UUID
    # How much of the JSON stands before and after the author's card, and after what the reader has made of the post.
    before_bytes: int
    after_bytes: int
    end_bytes: int

    @classmethod
    def of(cls, row: PostRow, post: Post, era: object) -> "PostCopy":
        """`post` is the row as it is answered."""
        text = _encode(post)
        before = text.index(_AUTHOR) + len(_AUTHOR)
        after = before + len(_encode(post.author))
        end = text.index(_UNTOUCHED, after) + len(_UNTOUCHED)
        size = len(text)
        return cls(text, era, row.author_id, row.audience, row.list_id, row.id, before, size - after, size - end)

    def put_author(self, card: Card, era: object) -> None:
        """The JSON with the author's card as it is now."""
        self.json = self.json[: self.before_bytes] + _encode(card) + self.json[-self.after_bytes :]
        self.era = era

    def touched(self, mine: str) -> bytes:
        """The JSON for a reader with this reaction, followed by `*` where they saved the post."""
        kind, saved = mine.removesuffix("*"), mine.endswith("*")
        end = len(self.json) - self.end_bytes
        touched = b'"my_reaction":%b,"saved":%b' % (_encode(kind or None), _encode(saved))
        return self.json[: end - len(_UNTOUCHED)] + touched + self.json[end:]


class PostCopies:
    """Two readers of one version share one value."""

    def __init__(self, people: PeopleApi, posts: Posts) -> None:
        self._people = people
        self._posts = posts
        self._copies: Versions[bytes, PostCopy] = Versions(max_entries=_CACHED_POSTS)

    def listen(self, bus: Bus) -> None:
        """Begins anew after a time without the database: it may have been set back, and give versions twice."""
        bus.on_reset(self._copies.clear)

    async def list_copies(
        self, work: Work, viewer_id: UUID, versions: Sequence[bytes]
    ) -> tuple[list[PostCopy | None], bool]:
        """One for each of `versions`, which this reader has just found, with the author's card as it is now; None for
        a post that is gone since, or whose author is. One statement for all posts that are not in memory, one for all
        cards. Beside them whether all are what was found: what has changed since may not be for this reader any more.
        """
        copies = self._copies.find_many(versions)
        era = self._people.cards_era()
        if None not in copies and {era}.issuperset(map(_ERA, copies)):
            return copies, True
        missing = [version[:16] for version, copy in zip(versions, copies, strict=True) if copy is None]
        rows = await list_by_id(work, None, (str(driver_id(key)) for key in missing)) if missing else []
        outdated = [copy for copy in copies if copy is not None and copy.era is not era]
        author_ids = [row.author_id for row in rows] + [copy.author_id for copy in outdated]
        cards = await self._people.cards_in_order(work, author_ids)
        known = {copy.id: copy for copy in copies if copy is not None}
        for copy, card in zip(outdated, cards[len(rows) :], strict=True):
            if card is None:
                del known[copy.id]
            else:
                copy.put_author(card, era)
        for row, post in await self._dress(work, viewer_id, rows, cards[: len(rows)]):
            known[row.id] = copy = PostCopy.of(row, post, era)
            # What a transaction writes twice has one version all the same, until it is over.
            if not work.in_transaction:
                self._copies.put(feed_version(row, viewer_id), copy)
        found = [known.get(driver_id(version[:16])) for version in versions]
        return found, None not in found and self._copies.find_many(versions) == found

    async def _dress(
        self, work: Work, viewer_id: UUID, rows: Sequence[PostRow], cards: Sequence[Card | None]
    ) -> list[tuple[PostRow, Post]]:
        by_id = {row.id: row for row in rows}
        return [(by_id[post.id], post) for post in await self._posts.dress_with(work, viewer_id, rows, cards)]
