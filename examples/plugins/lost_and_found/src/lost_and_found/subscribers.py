"""What happens after signals and by the clock."""

from banyan.infra.declare import AnyJobKind, AnySubscriber, JobKind, Schedule, Subscriber
from lost_and_found.jobs import CloseOldItems
from lost_and_found.service import LostAndFound
from lost_and_found.signals import ItemReturned

SCHEDULES = (Schedule("lost_and_found.close_old_items", 3600, CloseOldItems()),)


def subscribers(items: LostAndFound) -> tuple[AnySubscriber, ...]:
    return (Subscriber(ItemReturned, "lost_and_found.thank", items.thank_helper),)


def job_kinds(items: LostAndFound) -> tuple[AnyJobKind, ...]:
    return (JobKind(CloseOldItems, items.close_old),)
