"""Pieces that statements of people share."""

from typing import Any
from uuid import UUID

from banyan.features.people.models import Card

LAST_ID = UUID(int=(1 << 128) - 1)

# A block stands between the two, whoever made it.
BLOCKED = """EXISTS (SELECT FROM people_blocks b
    WHERE (b.person_id, b.blocked_id) IN (({viewer}, {person}), ({person}, {viewer})))"""
# The person is hidden from everybody. They are few and have an index of their own.
AWAY = """EXISTS (SELECT FROM people_people away WHERE away.id = {person} AND away.hidden_at IS NOT NULL)"""


def read_card(row: Any) -> Card:
    return Card(row["id"], row["handle"], row["display_name"], row["avatar_url"])
