"""The published schemas are those of the models, and plans are as theirs says."""

import json
from datetime import date

import jsonschema_rs
import msgspec
import pytest

from banyan.planner.compute import compute_plan
from banyan.planner.schema import FILE_PATH, PLAN_PATH, make_file_schema, make_plan_schema, schema_text
from banyan.planner.workload.parse import parse_workload
from tests.planner.test_baseline import EXAMPLES, NAMES


def test_the_published_schemas_are_fresh() -> None:
    assert FILE_PATH.read_text() == schema_text(make_file_schema()), "run: python -m banyan.planner.schema"
    assert PLAN_PATH.read_text() == schema_text(make_plan_schema()), "run: python -m banyan.planner.schema"


def test_unknown_keys_are_refused_and_intervals_taken() -> None:
    schema = make_file_schema()
    assert schema["additionalProperties"] is False
    registered = schema["$defs"]["People"]["properties"]["registered_users"]
    assert {"type": "number"} in registered["anyOf"]
    assert schema["required"] == ["name", "people"]


@pytest.mark.parametrize("stack", ["declared", "banyan"])
@pytest.mark.parametrize("name", NAMES)
def test_plans_are_as_their_schema_says(name: str, stack: str) -> None:
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    plan = compute_plan(workload, as_of=date(2026, 11, 26), stack=stack, worlds=50)
    schema = make_plan_schema()
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(
        json.loads(msgspec.json.encode(plan).decode())
    )
    without_demand = {**json.loads(msgspec.json.encode(plan)), "demand": None}
    assert not jsonschema_rs.Draft202012Validator(schema).is_valid(without_demand)
