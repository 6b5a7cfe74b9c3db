"""Attributes that an installation declares for its kinds of things: typed, validated, indexed where asked.

They are kept in one jsonb column of the kind's table. `declared` checks and shows them, `filters` finds by them,
`indexes` makes the indexes, `document` writes them into the OpenAPI document.
"""
