"""What webhooks do after signals and as jobs; wiring collects all of it."""

from functools import partial

from banyan.features.webhooks.catalogue import Catalogue
from banyan.features.webhooks.jobs import ForgetDeliveries, SendDeliveries, SweepDeliveries
from banyan.features.webhooks.service.recording import Recording
from banyan.features.webhooks.service.sending import Sending
from banyan.infra.declare import AnyJobKind, AnySubscriber, JobKind, Priority, Schedule, Subscriber

SCHEDULES = (
    Schedule("webhooks.sweep", 300, SweepDeliveries()),
    Schedule("webhooks.forget", 3600, ForgetDeliveries()),
)


def subscribers(catalogue: Catalogue, recording: Recording) -> tuple[AnySubscriber, ...]:
    """One for each kind of signal, with a job only while some webhook wants it."""

    return tuple(
        Subscriber(
            signal,
            f"webhooks.on.{name}",
            recording.record,
            priority=Priority.LOW,
            wanted=partial(recording.is_wanted, name),
        )
        for name, signal in catalogue.signals.items()
    )


def job_kinds(sending: Sending) -> tuple[AnyJobKind, ...]:
    return (
        JobKind(SendDeliveries, sending.send_due, priority=Priority.OUTGOING),
        JobKind(SweepDeliveries, sending.sweep),
        JobKind(ForgetDeliveries, sending.forget, priority=Priority.LOW),
    )
