"""Work for later."""

from banyan.kernel.signals import Job


class CloseOldItems(Job, frozen=True):
    """Close what nobody has touched for long."""
