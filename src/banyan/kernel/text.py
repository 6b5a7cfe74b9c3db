"""Text that people write: trimmed and checked at the door, before it reaches a table or another person's screen."""

import re

from banyan.kernel.errors import Invalid

# Control characters (C0, DEL, C1) and lone surrogates, which are not valid UTF-8. Newline and tab are let through
# where lines are. PostgreSQL refuses NUL; the others only ever disturb the terminals and pages that show them.
# In a line (a name, a title) so do embeddings, overrides and isolates, which turn round what stands beside it.
_FORBIDDEN_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Zero-width and direction marks: allowed inside text (Arabic and emoji need them), but no text by themselves.
_INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u061c"
)


def check_line(value: str, field: str, *, min_chars: int = 1, max_chars: int) -> str:
    """One line of text without the space around it. Raises Invalid naming `field`."""
    return _check(value.strip(), field, _FORBIDDEN_IN_LINE, min_chars, max_chars)


def check_lines(value: str, field: str, *, min_chars: int = 1, max_chars: int) -> str:
    """Text that may have newlines and tabs, without the space around it; CRLF becomes LF. Raises Invalid."""
    text = value.strip()
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return _check(text, field, _FORBIDDEN_IN_LINES, min_chars, max_chars)


def _check(text: str, field: str, forbidden: re.Pattern[str], min_chars: int, max_chars: int) -> str:
    if len(text) > max_chars:
        raise Invalid.field(field, "too_long", f"At most {max_chars} characters.")
    if len(text) < min_chars or (min_chars and not text.strip(_INVISIBLE)):
        raise Invalid.field(field, "too_short", f"At least {min_chars} characters that can be seen.")
    if forbidden.search(text):
        raise Invalid.field(field, "control_character", "Control characters are not text.")
    return text
