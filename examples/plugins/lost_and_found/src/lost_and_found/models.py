"""Items as they go over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from banyan.features.people.models import Card

ItemKind = Literal["lost", "found"]
ItemState = Literal["open", "returned", "closed"]

Title = Annotated[str, Meta(min_length=1, description="One line of at most 100 characters.")]
Description = Annotated[str, Meta(description="At most 2,000 characters.")]
Place = Annotated[str, Meta(description="Where it was, in words: one line of at most 200 characters.")]


class NewItem(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one has lost or found."""

    kind: ItemKind
    title: Title
    description: Description = ""
    place: Place = ""


class ItemChanges(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields left out stay as they are."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    place: Place | UnsetType = UNSET


class Returned(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who is to be thanked, if anybody is: the person who found a lost thing."""

    helper_id: UUID | None = None


class Item(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: ItemKind
    state: ItemState
    title: str
    description: str
    place: str
    created_at: datetime
    person: Card


class Helper(Struct, frozen=True):
    """Somebody who brought things back to their owners, and how many."""

    person: Card
    returned_count: int


class ItemRow(Struct, frozen=True, kw_only=True):
    """An item as it is stored."""

    id: UUID
    person_id: UUID
    kind: ItemKind
    state: ItemState
    title: str
    description: str
    place: str
    created_at: datetime


class HelperRow(Struct, frozen=True):
    """A helper as it is stored; `id` orders them: the latest to help first."""

    id: UUID
    person_id: UUID
    returned_count: int
