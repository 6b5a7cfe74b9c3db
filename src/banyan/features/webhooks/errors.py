"""Refusals of webhooks."""

from banyan.kernel.errors import Conflict, NotFound


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    title = "There is no such webhook"


class DeliveryNotFound(NotFound):
    """Also for one of another webhook, and one that the log no longer keeps."""

    code = "delivery_not_found"
    title = "There is no such delivery"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = "There are as many webhooks as there may be"


class SecretUnreadable(Conflict):
    """It was sealed under another `auth.secret`."""

    code = "secret_unreadable"
    title = "The webhook's secret cannot be read any more"
