"""What a call may raise: all of it is a BanyanError."""

from collections.abc import Sequence

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """What is wrong with one field: a dotted path such as `audience.kind`, a stable code, words for people."""

    field: str
    code: str
    detail: str


class BanyanError(Exception):
    """Base of everything that this package raises."""


class Problem(BanyanError):
    """The server refused. `code` is stable and meant for programs, `detail` for people; `request_id` is in its log.

    An answer that is no problem document (of a proxy, for one) has the code `http_STATUS`.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str = "",
        detail: str = "",
        request_id: str = "",
        errors: Sequence[FieldError] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds

    def error_of(self, field: str) -> FieldError | None:
        """What is wrong with that field, if anything."""
        return next((error for error in self.errors if error.field == field), None)


class Unreachable(BanyanError):
    """No answer came, however often we asked: whether the call had its effect is not known.

    The same call with the same `idempotency_key` finds out, and never has the effect twice.
    """

    def __init__(self, message: str, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class SocketEnded(BanyanError):
    """The server wants the socket no more, so it is not opened again: `session_ended`, `too_many_sockets`.

    `another_account`: since it was lost, somebody else has signed in or out.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnexpectedAnswer(BanyanError):
    """The server answered something else than its documentation says; a newer package may know it."""
