"""What went wrong on the way to a route or in it, as the refusal that the caller gets."""

import re
from typing import Any

from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from banyan.infra.http.problems import Internal, MethodNotAllowed, UnsupportedMediaType
from banyan.kernel.errors import BanyanError, FieldError, Invalid, Malformed, NotFound

_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")


def as_refusal(error: Exception) -> BanyanError:
    """Internal for what is nobody's fault but ours."""
    if isinstance(error, BanyanError):
        return error
    if isinstance(error, ValidationException):
        return _invalid_input(error)
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed("This address does not take that method.")
    if isinstance(error, NotFoundException):
        return NotFound("There is nothing at this address.")
    if isinstance(error, HTTPException) and error.status_code == UnsupportedMediaType.status:
        return UnsupportedMediaType("Send `Content-Type: application/json`.")
    if isinstance(error, HTTPException) and 400 <= error.status_code < 500:
        return Malformed("The body must be one JSON value of the documented shape, in UTF-8.")
    return Internal("Something broke on our side; the log has it under this request_id.")


def _invalid_input(error: ValidationException) -> Invalid:
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [_field_error(item) for item in extra]
    return Invalid("Some fields are not as documented: see `errors`.", fields=fields)


def _field_error(item: dict[str, Any]) -> FieldError:
    message = str(item.get("message", ""))
    place = str(item.get("key", "body"))
    if message == "'data'":
        return FieldError("body", "missing_field", "This address wants a JSON body.")
    for pattern, code in ((_UNKNOWN, "unknown_field"), (_MISSING, "missing_field")):
        if match := pattern.search(message):
            prefix = "" if place in ("data", "body") else place + "."
            return FieldError(prefix + match["name"], code, message)
    # What Litestar calls `data` is the body to everybody else.
    return FieldError("body" if place == "data" else place.removeprefix("data."), "invalid", message)
