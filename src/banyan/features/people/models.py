"""What people are to each other and to the outside."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from struct import unpack
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from banyan.features.accounts.models import Role
from banyan.infra.attributes.declared import PersonAttributeChanges, PersonAttributes
from banyan.infra.mail.message import Language
from banyan.infra.presence.models import PresenceState

# Whoever looks for so many ids in one set is quicker with a hash table of it; for fewer, to make that takes longer.
_WORTH_UNPACKING = 50
# Of a thousand connections.
_KEPT_BYTES = 16 * 1000

ConnectionState = Literal["sent", "received", "connected"]
# Who sees more of a profile than its card.
Visibility = Literal["everyone", "members", "connections"]
# Who is told whether a person is online, and when they were last.
PresenceVisibility = Literal["connections", "nobody"]


class Card(Struct, frozen=True, gc=False):
    """As much of a person as stands beside everything they write."""

    id: UUID
    handle: str
    display_name: str
    avatar_url: str | None


# Whose account is gone; no account has the nil id.
NOBODY: Final = UUID(int=0)
# Stands beside what they wrote.
DELETED_ACCOUNT: Final = Card(NOBODY, "", "Deleted account", None)


class ConnectionLink(Struct, frozen=True, gc=False):
    """How the reader is connected with the person shown."""

    id: UUID
    state: ConnectionState


class Location(Struct, frozen=True, gc=False):
    """Roughly where somebody is: within `accuracy_meters` of this point, in degrees."""

    latitude: float
    longitude: float
    accuracy_meters: int


class Profile(Struct, frozen=True, gc=False):
    """A person as others see them; `connection` is null for a stranger and for anonymous readers, `muted` says
    whether the reader has muted them.

    Where `limited` is true, this person shows no more to this reader than their card: `bio`, `neighbourhood`,
    `location`, `created_at` and `connection_count` are null.
    """

    id: UUID
    handle: str
    display_name: str
    bio: str | None
    neighbourhood: str | None
    location: Location | None
    avatar_url: str | None
    created_at: datetime | None
    connection_count: int | None
    connection: ConnectionLink | None
    muted: bool
    limited: bool
    # Null for whom it is not shown to.
    presence: PresenceState | None = None
    # Only where the installation declares any.
    attributes: PersonAttributes | UnsetType = UNSET


class Me(Struct, frozen=True, gc=False):
    """One's own profile with what only oneself may know of the account."""

    id: UUID
    handle: str
    display_name: str
    bio: str
    neighbourhood: str | None
    location: Location | None
    visibility: Visibility
    presence_visibility: PresenceVisibility
    avatar_url: str | None
    created_at: datetime
    connection_count: int
    email: str
    email_verified: bool
    role: Role
    language: Language
    # Only where the installation declares any.
    attributes: PersonAttributes | UnsetType = UNSET


class LocationInput(Struct, forbid_unknown_fields=True, kw_only=True):
    """A point in degrees, as exact as one likes: only a cell of about 1 km is kept of it."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class ProfileChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    handle: Annotated[str, Meta(description="3 to 30 of a-z, 0-9, `_` and `.`; kept in lower case.")] | UnsetType = (
        UNSET
    )
    display_name: Annotated[str, Meta(description="One line of 1 to 80 characters.")] | UnsetType = UNSET
    bio: Annotated[str, Meta(description="At most 500 characters.")] | UnsetType = UNSET
    neighbourhood: (
        Annotated[str, Meta(description="One line of at most 80 characters, or none.")] | UnsetType | None
    ) = UNSET
    location: LocationInput | UnsetType | None = UNSET
    visibility: (
        Annotated[
            Visibility,
            Meta(description="Who sees more than name and picture: everyone, members only, or connections only."),
        ]
        | UnsetType
    ) = UNSET
    presence_visibility: (
        Annotated[
            PresenceVisibility,
            Meta(description="Who sees whether one is online, and when one was last: connections, or nobody."),
        ]
        | UnsetType
    ) = UNSET
    # One that is null is taken away, others stay.
    attributes: PersonAttributeChanges | UnsetType = UNSET


class MyChanges(ProfileChanges, forbid_unknown_fields=True, kw_only=True):
    """Of one's profile, and the language of mails to oneself. Fields left out stay as they are."""

    language: Language | UnsetType = UNSET


class ConnectionRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to ask."""

    person_id: UUID


class Connection(Struct, frozen=True, gc=False):
    """A connection or a request, as one side sees it: `person` is the other side."""

    id: UUID
    state: ConnectionState
    person: Card
    created_at: datetime


class ConnectionCopy(Struct, frozen=True, gc=False):
    """A `Connection` as a client keeps it offline: the same JSON, made of what is text or JSON already."""

    id: str
    state: ConnectionState
    person: Raw
    created_at: datetime


class Block(Struct, frozen=True, gc=False):
    """A person whom the reader has blocked."""

    person: Card
    created_at: datetime


ListName = Annotated[str, Meta(min_length=1, max_length=200, description="One line of 1 to 80 characters.")]


class NewList(Struct, forbid_unknown_fields=True, kw_only=True):
    """A list of connections to be made."""

    name: ListName


class ListChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    name: ListName | UnsetType = UNSET


class ConnectionList(Struct, frozen=True, gc=False):
    """A named list of one's connections; only its owner knows of it."""

    id: UUID
    name: str
    member_count: int
    created_at: datetime


class ListMember(Struct, frozen=True, gc=False):
    """Somebody on a list; `created_at` is when they were put there."""

    person: Card
    created_at: datetime


class Mute(Struct, frozen=True, gc=False):
    """A person whose posts the reader does not want in their feed."""

    person: Card
    created_at: datetime


class PresenceList(Struct, frozen=True, gc=False):
    """Of those asked for whose presence the reader may see; all of it may be older by `within_seconds`."""

    items: list[PresenceState]
    within_seconds: int


class Suggestion(Struct, frozen=True, gc=False):
    """Somebody whom the reader may know; `mutual_count` is how many of their connections do, or at least so many."""

    person: Card
    mutual_count: int


def _table(packed: bytes) -> frozenset[bytes]:
    return frozenset(unpack("16s" * (len(packed) // 16), packed))


# A reader asks for one page after another, a sync asks the same set more than once. A table takes five times the bytes
# of what it is made of, so there are few of large sets.
_kept_tables = lru_cache(maxsize=256)(_table)
_large_tables = lru_cache(maxsize=4)(_table)


class IdSet(Collection[UUID]):
    """A set of ids in 16 bytes each: for 200 ids 3 KB instead of the 30 KB of a frozenset.

    `in` is a search through the bytes: as fast as hashing a UUID for some hundreds of ids, 10 µs for 10,000.
    """

    __slots__ = ("packed",)

    def __init__(self, packed: bytes = b"") -> None:
        # The ids one after the other, for those who search for many in one go.
        self.packed = packed

    @classmethod
    def of(cls, ids: Iterable[UUID]) -> "IdSet":
        return cls(b"".join(one.bytes for one in ids))

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, UUID):
            return False
        return self._contains_from(0, value.bytes)

    def __iter__(self) -> Iterator[UUID]:
        packed = self.packed
        return (UUID(bytes=packed[start : start + 16]) for start in range(0, len(packed), 16))

    def __len__(self) -> int:
        return len(self.packed) // 16

    def contains_each(self, wanted: Sequence[bytes]) -> list[bool]:
        """For each of these ids, as 16 bytes, whether it is in the set."""
        if len(self.packed) <= _KEPT_BYTES:
            return list(map(_kept_tables(self.packed).__contains__, wanted))
        if len(wanted) >= _WORTH_UNPACKING:
            return list(map(_large_tables(self.packed).__contains__, wanted))
        find = self.packed.find
        return [
            (place := find(one)) >= 0 and (place % 16 == 0 or self._contains_from(place + 1, one)) for one in wanted
        ]

    def _contains_from(self, start: int, wanted: bytes) -> bool:
        """The same bytes may also lie across two neighbours."""
        place = self.packed.find(wanted, start)
        while place % 16 and place >= 0:
            place = self.packed.find(wanted, place + 1)
        return place >= 0

    @property
    def last(self) -> UUID:
        """The id that was packed last; raises ValueError in an empty set."""
        return UUID(bytes=self.packed[-16:])


class Relations(Struct, frozen=True, gc=False):
    """What others are to one person: `connected` with them, `hidden` from them (blocked by either side), `muted` by
    them; `listed`, the ids of others' lists that they are on; and `away`, who is hidden from everybody.
    """

    connected: IdSet = IdSet()
    hidden: IdSet = IdSet()
    muted: IdSet = IdSet()
    listed: IdSet = IdSet()
    away: IdSet = IdSet()

    def unwanted(self) -> list[UUID]:
        """Whose doings stay out of what is gathered from everybody: hidden by a block or altogether, or muted."""
        return [*self.hidden, *self.away, *self.muted]


class PersonImport(Struct, frozen=True, kw_only=True):
    """A person to be taken over in bulk."""

    id: UUID
    handle: str
    display_name: str
    bio: str
    avatar_url: str | None = None
    created_at: datetime


class ConnectionSide(Struct, frozen=True, gc=False):
    """One side of an accepted connection to be taken over in bulk; the other side carries the same id and time."""

    person_id: UUID
    other_id: UUID
    connection_id: UUID
    created_at: datetime


class EarlierHandle(Struct, frozen=True, gc=False):
    """A handle that its owner has given up."""

    id: UUID
    handle: str
    changed_at: datetime


class OwnListMember(Struct, frozen=True, gc=False):
    """That somebody is on one of one's lists."""

    id: UUID
    list_id: UUID
    person_id: UUID
    created_at: datetime


class Dismissal(Struct, frozen=True, gc=False):
    """A suggestion that one did not want to see again."""

    person_id: UUID
    created_at: datetime
