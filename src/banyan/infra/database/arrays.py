"""Long arrays as text.

For a list the driver asks of each element whether it is a list itself, which takes it 1 µs each: more than PostgreSQL
needs to read the whole from text. In SQL: `unnest($1::text::uuid[])`, and never `= ANY ($1::text::uuid[])`, which may
read the text anew for each row that it looks at.
"""

from collections.abc import Iterable


def array_text(values: Iterable[str]) -> str:
    """An array as PostgreSQL reads it; values of letters, digits, - and _ alone."""
    return "{" + ",".join(values) + "}"
