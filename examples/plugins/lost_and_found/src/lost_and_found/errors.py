"""Refusals of lost and found."""

from banyan.kernel.errors import Conflict, Forbidden, NotFound


class ItemNotFound(NotFound):
    """Also for those of people whom a block hides."""

    code = "item_not_found"
    title = "There is no such item"


class NotTheReporter(Forbidden):
    code = "not_the_reporter"
    title = "Somebody else has reported this item"


class ItemNotOpen(Conflict):
    code = "item_not_open"
    title = "This item is back with its owner, or closed"


class TooManyItems(Conflict):
    code = "too_many_items"
    title = "You have as many open items as one may have"
