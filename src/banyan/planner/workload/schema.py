"""The published JSON Schema of planner files, made from the models.

`python -m banyan.planner.workload.schema` writes it again after a change of the models.
"""

import json
from pathlib import Path
from typing import Any

from banyan.planner.workload.models import Workload

PATH = Path(__file__).with_name("schema.json")


def make_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a planner file."""
    schema = Workload.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Banyan planner file"}


def schema_text() -> str:
    """The schema as it is published and as `banyan plan schema` prints it."""
    return json.dumps(make_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text())
