"""What may be declared, what is taken of it, and what a query may ask."""

from typing import Any

import pytest
from pydantic import ValidationError

from banyan.infra.attributes.declared import Declared
from banyan.infra.attributes.filters import Condition, conditions_sql, read_conditions
from banyan.infra.attributes.settings import AttributesSettings
from banyan.kernel.errors import Invalid

POSTS: dict[str, Any] = {
    "colour": {"type": "choice", "choices": ["red", "blue"], "indexed": True},
    "price": {"type": "number", "minimum": 0, "indexed": True},
    "rooms": {"type": "integer", "minimum": 1, "maximum": 20, "indexed": True},
    "since": {"type": "date", "indexed": True},
    "urgent": {"type": "boolean", "indexed": True},
    "label": {"type": "string", "max_chars": 10, "indexed": True},
    "note": {"type": "string", "audience": "self"},
}


def declared(**changes: Any) -> Declared:
    return Declared(AttributesSettings.model_validate({"posts": POSTS | changes}).posts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Colour": {"type": "string"}},
        {"a'b": {"type": "string"}},
        {"x" * 31: {"type": "string"}},
        {"colour": {"type": "text"}},
        {"colour": {"type": "choice"}},
        {"colour": {"type": "string", "choices": ["red"]}},
        {"colour": {"type": "choice", "choices": ["red", "red"]}},
        {"label": {"type": "string", "minimum": 1}},
        {"price": {"type": "number", "minimum": 2, "maximum": 1}},
        {"label": {"type": "string", "max_chars": 501, "indexed": True}},
        {"note": {"type": "string", "audience": "self", "indexed": True}},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AttributesSettings.model_validate({"posts": wrong})


def test_people_have_no_list_to_filter() -> None:
    with pytest.raises(ValidationError, match="no list of people"):
        AttributesSettings.model_validate({"people": {"size": {"type": "string", "indexed": True}}})


def test_values_are_taken_as_declared() -> None:
    given = {
        "colour": "red",
        "price": 2.5,
        "rooms": 3,
        "since": "2026-11-25",
        "urgent": False,
        "label": " x ",
        "note": None,
    }
    taken = {name: value for name, value in given.items() if value is not None} | {"label": "x"}
    assert declared().check_new(given) == taken
    assert declared().check_changes({"colour": None}) == {"colour": None}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"colour": "green"}, "unknown_choice"),
        ({"colour": 1}, "wrong_type"),
        ({"price": -1}, "out_of_range"),
        ({"price": True}, "wrong_type"),
        ({"price": "1"}, "wrong_type"),
        ({"rooms": 1.5}, "wrong_type"),
        ({"rooms": 21}, "out_of_range"),
        ({"price": 10**30}, "out_of_range"),
        ({"since": "25.11.2026"}, "invalid_date"),
        ({"since": "20261125"}, "invalid_date"),
        ({"urgent": 1}, "wrong_type"),
        ({"label": "x" * 11}, "too_long"),
        ({"label": ""}, "too_short"),
        ({"label": "a\0"}, "control_character"),
        ({"weight": 1}, "unknown_field"),
        ({"colour": ["red"]}, "wrong_type"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(values: dict[str, Any], code: str) -> None:
    for check in (declared().check_new, declared().check_changes):
        with pytest.raises(Invalid) as refusal:
            check(values)
        (name,) = values
        assert [(one.field, one.code) for one in refusal.value.fields] == [(f"attributes.{name}", code)]


def test_what_is_required_must_be_there_and_stays() -> None:
    strict = declared(colour=POSTS["colour"] | {"required": True})
    with pytest.raises(Invalid) as refusal:
        strict.check_new({"price": 1})
    assert [(one.field, one.code) for one in refusal.value.fields] == [("attributes.colour", "missing_field")]
    assert strict.check_changes({"price": None}) == {"price": None}
    with pytest.raises(Invalid):
        strict.check_changes({"colour": None})


def test_without_a_declaration_nothing_is_taken() -> None:
    with pytest.raises(Invalid):
        Declared().check_new({})
    assert not Declared() and Declared().show('{"colour": "red"}', own=True) == {}


def test_only_oneself_sees_what_is_for_oneself() -> None:
    stored = '{"colour": "red", "note": "mine", "gone": 1}'
    assert declared().show(stored, own=True) == {"colour": "red", "note": "mine"}
    assert declared().show(stored, own=False) == {"colour": "red"}


def test_a_query_is_read_into_conditions() -> None:
    query = [
        ("limit", "5"),
        ("attributes.colour", "red"),
        ("attributes.price.min", "2.5"),
        ("attributes.rooms", "3"),
        ("attributes.since.max", "2026-11-25"),
        ("attributes.urgent", "true"),
        ("attributes.label", "3"),
    ]
    conditions = read_conditions(declared(), query)
    assert conditions == [
        Condition("colour", "=", '"red"'),
        Condition("price", ">=", "2.5"),
        Condition("rooms", "=", "3"),
        Condition("since", "<=", '"2026-11-25"'),
        Condition("urgent", "=", "true"),
        Condition("label", "=", '"3"'),
    ]
    assert conditions_sql(conditions[:2], "p.attributes", 5) == (
        " AND p.attributes -> 'colour' = $5::jsonb AND p.attributes -> 'price' >= $6::jsonb"
        " AND jsonb_typeof(p.attributes -> 'price') = jsonb_typeof($6::jsonb)"
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("attributes.weight", "1"),
        ("attributes.note", "mine"),
        ("attributes.colour", "green"),
        ("attributes.colour.min", "blue"),
        ("attributes.price.above", "1"),
        ("attributes.price.min", "cheap"),
        ("attributes.price.min", "true"),
        ("attributes.price.min", "[1]"),
        ("attributes.since.min", "yesterday"),
        ("attributes.", "1"),
    ],
)
def test_a_query_that_finds_nothing_is_said_to_be_wrong(key: str, text: str) -> None:
    with pytest.raises(Invalid):
        read_conditions(declared(), [(key, text)])
