"""Pieces that statements of people share."""

from typing import Any

from banyan.features.people.models import Card

# A block stands between the two, whoever made it.
BLOCKED = """EXISTS (SELECT FROM people_blocks b
    WHERE (b.person_id, b.blocked_id) IN (({viewer}, {person}), ({person}, {viewer})))"""
# The person is not hidden from everybody. The few who are become one hash table: asked one by one they would double
# the cost of 10,000 connections.
THERE = "{person} NOT IN (SELECT id FROM people_people WHERE hidden_at IS NOT NULL)"


def read_card(row: Any) -> Card:
    return Card(row["id"], row["handle"], row["display_name"], row["avatar_url"])
