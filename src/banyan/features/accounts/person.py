"""What accounts need of the people feature, which ranks above: wiring passes it as functions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from banyan.features.accounts.models import PersonNames
from banyan.infra.database.work import Work


@dataclass(frozen=True, slots=True)
class PersonLink:
    """`check` (handle, display name) and `create` (id, handle, display name) raise what people say of a handle
    or name that cannot be had; `find_names` answers for every account, since each has its person. To others a person
    does not exist from `hide` until `show`.
    """

    check: Callable[[Work, str, str], Awaitable[None]]
    create: Callable[[Work, UUID, str, str], Awaitable[PersonNames]]
    find_names: Callable[[Work, UUID], Awaitable[PersonNames]]
    hide: Callable[[Work, UUID], Awaitable[None]]
    show: Callable[[Work, UUID], Awaitable[None]]


class NewPerson(Struct, frozen=True):
    """A person to be made in bulk, with the id of their account."""

    id: UUID
    names: PersonNames
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PersonBulk:
    """What an import of accounts needs of people: `read` gives handle and display name as they are kept, or raises
    Invalid; `find_holders` says who has which of many handles; `create` makes many persons and raises what people
    say when one of the handles was taken meanwhile.
    """

    read: Callable[[str, str], PersonNames]
    find_holders: Callable[[Work, Sequence[str]], Awaitable[dict[str, UUID]]]
    create: Callable[[Work, Sequence[NewPerson]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PeopleDirectory:
    """How operators find people: `list_names` of many, hidden ones too; `search` (text, before, limit) gives ids of
    those whose handle or name holds the text, newest first; `find_id` by handle.
    """

    list_names: Callable[[Work, Sequence[UUID]], Awaitable[dict[UUID, PersonNames]]]
    search: Callable[[Work, str, UUID | None, int], Awaitable[list[UUID]]]
    find_id: Callable[[Work, str], Awaitable[UUID | None]]
