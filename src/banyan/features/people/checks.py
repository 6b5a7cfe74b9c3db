"""What a handle, a name and a bio may look like: the same for a form and for an import."""

import re
from uuid import UUID

from banyan.kernel.errors import Invalid
from banyan.kernel.text import check_line, check_lines

DISPLAY_NAME_MAX_CHARS = 80
BIO_MAX_CHARS = 500
NEIGHBOURHOOD_MAX_CHARS = 80

_HANDLE = re.compile(r"(?!\.)(?!.*\.\.)[a-z0-9_.]{3,30}(?<!\.)")
# Names that could pass for the house itself, or that addresses such as /people/me will want.
_RESERVED_HANDLES = frozenset(
    """about abuse account accounts admin administrator all anonymous anyone api app banyan billing blog bot community
    contact deleted dev docs everyone faq feed help here home host info legal login logout mail me mod moderation
    moderator news noreply nobody null official operator owner postmaster privacy register root search security self
    settings signin signup staff status support system team terms undefined user users web webmaster www
    you""".split()  # noqa: SIM905 - one name a line would be 70 lines
)


def read_handle(value: str) -> str | None:
    """A handle as somebody typed it into an address, in lower case; None for what cannot be one."""
    handle = value.lower()
    return handle if _HANDLE.fullmatch(handle) else None


def check_handle(value: str) -> str:
    """The handle in lower case. Raises Invalid."""
    handle = read_handle(value.strip())
    if handle is None:
        raise Invalid.field(
            "handle",
            "invalid_handle",
            "3 to 30 letters a-z, digits, `_` and `.`; no dot at either end, no two in a row.",
        )
    if handle in _RESERVED_HANDLES:
        raise Invalid.field("handle", "reserved_handle", "This handle is reserved.")
    return handle


def check_display_name(value: str) -> str:
    """One visible line. Raises Invalid."""
    return check_line(value, "display_name", max_chars=DISPLAY_NAME_MAX_CHARS)


def check_bio(value: str) -> str:
    """A few lines or nothing. Raises Invalid."""
    return check_lines(value, "bio", min_chars=0, max_chars=BIO_MAX_CHARS)


def check_neighbourhood(value: str) -> str:
    """One line or nothing. Raises Invalid."""
    return check_line(value, "neighbourhood", min_chars=0, max_chars=NEIGHBOURHOOD_MAX_CHARS)


def read_person_ids(value: str) -> list[UUID]:
    """Ids with commas between. Raises Invalid."""
    try:
        return [UUID(part.strip()) for part in value.split(",") if part.strip()]
    except ValueError:
        raise Invalid.field("person_ids", "invalid", "Ids of people, commas between.") from None
