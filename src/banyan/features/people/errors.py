"""Refusals of people."""

from banyan.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests


class PersonNotFound(NotFound):
    """Also for those whom a block hides."""

    code = "person_not_found"
    title = "There is no such person"


class ConnectionNotFound(NotFound):
    code = "connection_not_found"
    title = "There is no such connection or request"


class ListNotFound(NotFound):
    """Also for other people's lists."""

    code = "list_not_found"
    title = "There is no such list"


class TooManyLists(Conflict):
    code = "too_many_lists"
    title = "You have as many lists as one may have"


class NotConnected(Invalid):
    """Lists are of people one is connected with now."""

    code = "not_connected"
    title = "You are not connected with this person"


class HandleTaken(Conflict):
    code = "handle_taken"
    title = "This handle is taken"


class HandleMoved(PersonNotFound):
    """Somebody gave this handle up and is called otherwise now."""

    def __init__(self, handle: str) -> None:
        super().__init__()
        self.handle = handle


class TooManyHandleChanges(TooManyRequests):
    code = "too_many_handle_changes"
    title = "You have changed your handle too often lately"


class AlreadyConnected(Conflict):
    code = "already_connected"
    title = "You are connected already"


class AlreadyRequested(Conflict):
    code = "already_requested"
    title = "You have asked already"


class OneSidedConnection(Conflict):
    """Only an import can bring this about."""

    code = "one_sided_connection"
    title = "A connection lacks its other side"


class OwnRequest(Forbidden):
    """Only the person who was asked may answer."""

    code = "own_request"
    title = "The other person has to answer this request"


class NotWithOneself(Invalid):
    code = "not_with_oneself"
    title = "This needs another person"
