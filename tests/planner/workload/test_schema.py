"""The published schema is the one of the models."""

import json

from banyan.planner.workload.schema import PATH, make_schema, schema_text


def test_the_published_schema_is_fresh() -> None:
    assert PATH.read_text() == schema_text(), "run: python -m banyan.planner.workload.schema"


def test_it_refuses_unknown_keys_and_takes_intervals() -> None:
    schema = make_schema()
    assert schema["additionalProperties"] is False
    registered = schema["$defs"]["People"]["properties"]["registered_users"]
    assert {"type": "number"} in registered["anyOf"]
    assert json.loads(PATH.read_text())["required"] == ["name", "people"]
