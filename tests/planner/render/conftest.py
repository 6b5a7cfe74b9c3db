"""Both shapes, and their files on a disk."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from banyan.planner.deployment import Deployment
from tests.planner.render.described import single, split


@pytest.fixture(params=["single", "split"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return single() if request.param == "single" else split()


def write(files: Mapping[str, str], folder: Path) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
