"""Facts that others follow."""

from uuid import UUID

from banyan.kernel.signals import Signal


class ConnectionAsked(Signal, frozen=True):
    """Somebody has asked another for a connection."""

    connection_id: UUID
    person_id: UUID
    asked_id: UUID


class ConnectionMade(Signal, frozen=True):
    """Two people are connected from now on: `other_id` had asked, `person_id` has said yes."""

    person_id: UUID
    other_id: UUID


class ConnectionEnded(Signal, frozen=True):
    """Two people were connected and no longer are: one ended it or blocked the other."""

    person_id: UUID
    other_id: UUID


class ListMemberAdded(Signal, frozen=True):
    """Somebody stands on another's list from now on."""

    list_id: UUID
    owner_id: UUID
    person_id: UUID


class ListMemberRemoved(Signal, frozen=True):
    """Somebody was taken off another's list, or is no longer a connection of its owner."""

    list_id: UUID
    owner_id: UUID
    person_id: UUID


class ListDeleted(Signal, frozen=True):
    """A list is gone with all its members; no `ListMemberRemoved` comes for them."""

    list_id: UUID
    owner_id: UUID


class PersonCreated(Signal, frozen=True):
    """A new person is here."""

    person_id: UUID
    handle: str


class ProfileChanged(Signal, frozen=True):
    """A person has changed what their profile shows."""

    person_id: UUID
