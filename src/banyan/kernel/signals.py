"""What leaves a transaction: signals (facts in the past tense) and jobs (work to be done)."""

import msgspec


class Signal(msgspec.Struct, frozen=True):
    """A fact of a feature in the past tense, such as `PostPublished`; it leaves through the outbox."""


class Job(msgspec.Struct, frozen=True):
    """What one background job has to do; its fields are the payload."""


def kind_of(declared: type[Signal] | type[Job]) -> str:
    """The stable name of a signal or job: feature folder and class name, such as `posts.PostPublished`."""
    folder = declared.__module__.split(".")[-2]
    return f"{folder}.{declared.__name__}"
