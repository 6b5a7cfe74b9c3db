"""What can be wrong with a credential."""

from banyan.kernel.errors import Forbidden, Unauthorized, Unavailable


class InvalidToken(Unauthorized):
    """Not a token of ours, or one whose session has ended."""

    code = "invalid_token"
    title = "The access token does not hold"


class TokenExpired(Unauthorized):
    """It was good; a refresh gives a new one."""

    code = "token_expired"
    title = "The access token has expired"


class InsufficientScope(Forbidden):
    """The API key holds, but not for this; or this takes none."""

    code = "insufficient_scope"
    title = "The API key may not be used for this"


class HashingBusy(Unavailable):
    """More passwords wait to be checked than are worth queueing."""

    code = "overloaded"
    title = "Too many people are signing in at the moment"


class BadKeyFile(ValueError):
    """The configured signing keys cannot be read; the message says which rule they break."""
