"""The published JSON Schemas of planner files and of plans, made from the models.

`python -m banyan.planner.schema` writes them again after a change of the models.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from banyan.planner.plan import Plan
from banyan.planner.workload.models import Workload

_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
FILE_PATH = Path(__file__).parent / "workload" / "schema.json"
PLAN_PATH = Path(__file__).with_name("plan.schema.json")


def make_file_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a planner file."""
    return {**_DIALECT, **Workload.model_json_schema(), "title": "Banyan planner file"}


def make_plan_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of what `banyan plan FILE --format json` prints. Keys may join, none goes."""
    (reference,), definitions = msgspec.json.schema_components([Plan], ref_template="#/$defs/{name}")
    return {**_DIALECT, **reference, "$defs": definitions, "title": "Banyan plan"}


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it is published and as `banyan plan schema` prints it."""
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE_PATH.write_text(schema_text(make_file_schema()))
    PLAN_PATH.write_text(schema_text(make_plan_schema()))
