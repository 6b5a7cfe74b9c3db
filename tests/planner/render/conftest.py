"""Each shape, and their files on a disk."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from banyan.planner.deployment import Deployment
from tests.planner.render.described import replicated, single, split


@pytest.fixture(params=[single, split, replicated], ids=lambda shape: shape.__name__)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    described: Deployment = request.param()
    return described


def write(files: Mapping[str, str], folder: Path) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
