"""Errors that carry their HTTP status and a stable code; one handler answers them (RFC 9457)."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """What is wrong with one field: a dotted path such as `audience.kind`, a stable code, words for people."""

    field: str
    code: str
    detail: str


class BanyanError(Exception):
    """Base of every refusal. Subclasses set `code`, `status` and `title`; `detail` says what would be right."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    # A refusal that must be remembered (failed sign-in, token reuse): its writes are committed all the same.
    keeps_work: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        fields: Sequence[FieldError] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = tuple(fields)
        self.retry_after_seconds = retry_after_seconds


class Malformed(BanyanError):
    """The request cannot be read at all: broken JSON, wrong encoding, impossible header."""

    code = "malformed"
    status = 400
    title = "Malformed request"


class Unauthorized(BanyanError):
    code = "unauthorized"
    status = 401
    title = "Sign in first"


class Forbidden(BanyanError):
    code = "forbidden"
    status = 403
    title = "Not allowed"


class NotFound(BanyanError):
    """It does not exist, or this reader may not see it: the two are never told apart."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(BanyanError):
    code = "conflict"
    status = 409
    title = "Conflict with the present state"


class Invalid(BanyanError):
    """Readable, but a field has a value that cannot be accepted."""

    code = "invalid"
    status = 422
    title = "Invalid input"

    @classmethod
    def field(cls, field: str, code: str, detail: str) -> "Invalid":
        """One wrong field."""
        return cls(detail, fields=(FieldError(field, code, detail),))


class TooManyRequests(BanyanError):
    code = "too_many_requests"
    status = 429
    title = "Too many requests"


class Unavailable(BanyanError):
    """A part is down or full; the same request may succeed after `retry_after_seconds`."""

    code = "unavailable"
    status = 503
    title = "Not available at the moment"
