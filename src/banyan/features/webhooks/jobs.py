"""Work that webhooks leave for later."""

from uuid import UUID

from banyan.kernel.signals import Job


class SendDeliveries(Job, frozen=True):
    """Send what is due at one webhook. One such job at a time per webhook: a slow receiver takes one place only."""

    webhook_id: UUID


class SweepDeliveries(Job, frozen=True):
    """Set going what is overdue, whatever became of its job."""


class ForgetDeliveries(Job, frozen=True):
    """Remove deliveries that the log no longer keeps."""
