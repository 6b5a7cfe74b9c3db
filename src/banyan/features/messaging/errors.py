"""Refusals of messaging."""

from banyan.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class ConversationNotFound(NotFound):
    """Also for conversations that one is no member of, and for direct ones while a block stands between the two."""

    code = "conversation_not_found"
    title = "There is no such conversation"


class MessageNotFound(NotFound):
    """Also for messages that were deleted, and for those of people whom a block hides."""

    code = "message_not_found"
    title = "There is no such message"


class MemberNotFound(NotFound):
    code = "member_not_found"
    title = "This person is no member of the conversation"


class NotTheAuthor(Forbidden):
    code = "not_the_author"
    title = "This message is somebody else's"


class NotTheOwner(Forbidden):
    """Only a group's owner renames it and takes others out."""

    code = "not_the_owner"
    title = "Only the owner of the group may do this"


class DirectConversation(Conflict):
    """A conversation of two has no title, and nobody joins or leaves it."""

    code = "direct_conversation"
    title = "This is a conversation of two"


class RecipientGone(Conflict):
    """The other side of a direct conversation has deleted their account, and the days to think it over are past."""

    code = "recipient_gone"
    title = "The other person is no longer here"


class GroupFull(Conflict):
    code = "group_full"
    title = "This group has as many members as a group may have"


class ClientIdReused(Invalid):
    """One `client_id` names one message."""

    code = "client_id_reused"
    title = "This client_id was used for another message"
