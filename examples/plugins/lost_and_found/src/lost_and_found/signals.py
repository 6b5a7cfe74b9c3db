"""Facts that others follow; webhooks may tell of them."""

from uuid import UUID

from banyan.kernel.signals import Signal


class ItemReported(Signal, frozen=True):
    """Somebody has lost or found something."""

    item_id: UUID
    person_id: UUID
    kind: str


class ItemReturned(Signal, frozen=True):
    """Something is back with its owner; `helper_id` has brought it."""

    item_id: UUID
    person_id: UUID
    helper_id: UUID | None
