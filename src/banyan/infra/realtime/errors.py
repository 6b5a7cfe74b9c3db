"""What a socket or a frame can be refused for, beyond the errors of every route."""

from banyan.kernel.errors import BanyanError, Invalid, TooManyRequests, Unauthorized


class InvalidTicket(Unauthorized):
    """Unknown, used before, or too old."""

    code = "invalid_ticket"
    title = "The ticket does not hold"


class UpgradeRequired(BanyanError):
    """The address takes sockets only."""

    code = "upgrade_required"
    status = 426
    title = "This address takes WebSocket connections"


class TooManySockets(TooManyRequests):
    """The account, the address or the process has as many as it may have."""

    code = "too_many_sockets"
    title = "Too many sockets"


class TooManyTopics(TooManyRequests):
    """One socket has joined as many topics as it may."""

    code = "too_many_topics"
    title = "Too many topics on one socket"


class NotPublishable(Invalid):
    """Clients may join this topic, and send nothing on it."""

    code = "not_publishable"
    title = "Clients send nothing on this topic"
