"""Saying that inboxes have changed, to those who look at them."""

from collections.abc import Sequence
from uuid import UUID

from banyan.infra.database.work import Work
from banyan.infra.declare import ME_TOPIC


def announce(work: Work, people: Sequence[UUID]) -> None:
    """Their inboxes have changed."""
    if people:
        work.announce(ME_TOPIC, *(str(one) for one in dict.fromkeys(people)))
