"""Facts that others follow."""

from uuid import UUID

from banyan.kernel.signals import Signal


class ConnectionMade(Signal, frozen=True):
    """Two people are connected from now on."""

    person_id: UUID
    other_id: UUID


class ConnectionEnded(Signal, frozen=True):
    """Two people were connected and no longer are: one ended it or blocked the other."""

    person_id: UUID
    other_id: UUID
