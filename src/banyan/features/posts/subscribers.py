"""What posts do after signals and as jobs; wiring collects both lists."""

from banyan.features.people.signals import ConnectionEnded, ConnectionMade, ListMemberAdded
from banyan.features.posts.jobs import FanOutPost
from banyan.features.posts.service.homes import Homes
from banyan.features.posts.signals import PostPublished
from banyan.infra.declare import AnyJobKind, AnySubscriber, JobKind, Lane, Subscriber

# Several at once take both cores of a small machine, and readers wait.
_FAN_OUT = Lane("posts.fan_out", at_once=1)


def subscribers(homes: Homes) -> tuple[AnySubscriber, ...]:
    return (
        Subscriber(PostPublished, "posts.fan_out", homes.fan_out_published, lane=_FAN_OUT),
        Subscriber(ConnectionMade, "posts.backfill", homes.follow_made),
        Subscriber(ConnectionEnded, "posts.remove", homes.follow_ended),
        Subscriber(ListMemberAdded, "posts.backfill_list", homes.follow_listed),
    )


def job_kinds(homes: Homes) -> tuple[AnyJobKind, ...]:
    return (JobKind(FanOutPost, homes.fan_out, lane=_FAN_OUT),)
