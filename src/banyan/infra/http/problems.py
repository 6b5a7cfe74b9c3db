"""Errors as RFC 9457 problem documents: one shape for every refusal, never a stack trace."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from banyan.kernel.errors import BanyanError, FieldError

PROBLEM_TYPE = b"application/problem+json"


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong: `code` is stable and meant for programs, `detail` for people."""

    type: str = "about:blank"
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] = []


class MethodNotAllowed(BanyanError):
    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class BodyTooLarge(BanyanError):
    code = "body_too_large"
    status = 413
    title = "Body too large"


class BodyTooSlow(BanyanError):
    code = "body_timeout"
    status = 408
    title = "Body did not arrive in time"


class UnsupportedMediaType(BanyanError):
    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class UriTooLong(BanyanError):
    code = "uri_too_long"
    status = 414
    title = "Address too long"


class HeadTooLarge(BanyanError):
    code = "headers_too_large"
    status = 431
    title = "Request line and headers too large"


class HeadTooSlow(BanyanError):
    code = "headers_timeout"
    status = 408
    title = "Request line and headers did not arrive in time"


class Internal(BanyanError):
    """A bug of ours: the log has the trace under the same request id, the answer has none of it."""


def encode_problem(error: BanyanError, request_id: str) -> bytes:
    """The problem document of an error, as JSON."""
    return msgspec.json.encode(
        Problem(
            title=error.title,
            status=error.status,
            code=error.code,
            detail=error.detail,
            request_id=request_id,
            errors=list(error.fields),
        )
    )
