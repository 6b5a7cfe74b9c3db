"""Each import contract is broken once in a copy of the tree: a contract that cannot fail protects nothing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of `tree` on the sources of `tree`."""
    call = "from importlinter.cli import lint_imports_command as c; c(['--no-logo', '--no-cache'])"
    return subprocess.run(
        (sys.executable, "-c", call),
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


PLANTED = (
    ("Folders point one way", "kernel/ids.py", "import banyan.infra.database"),
    ("Folders point one way", "kernel/text.py", "if TYPE_CHECKING: import banyan.infra.cache"),
    ("Folders point one way", "plugin/contract.py", "import banyan.app.targets"),
    ("Folders point one way", "infra/bus/table.py", "import banyan.plugin"),
    ("Folders point one way", "unranked/__init__.py", '"""New."""'),
    ("Folders point one way", "planner/plan.py", "import banyan.features.people.models"),
    ("Features are ranked", "features/people/models.py", "import banyan.features.posts.models"),
    ("Features are ranked", "features/unranked/__init__.py", '"""New."""'),
    ("Others see a feature only", "features/posts/models.py", "import banyan.features.people.routes"),
    ("Others see a feature only", "infra/http/planted.py", "import banyan.features.people.routes"),
    ("The web pages speak only", "web/pages.py", "import banyan.infra.log"),
    ("The planner is pure", "planner/plan.py", "import banyan.infra.log"),
    ("The kernel is values only", "kernel/ids.py", "import structlog"),
    ("The database driver is seen only by", "features/people/routes.py", "import asyncpg"),
    ("Only a feature's own service", "features/people/routes.py", "import banyan.features.people.queries"),
    ("Rules know nothing of HTTP", "features/people/queries/ties.py", "import banyan.infra.http.routing"),
    ("No import cycles anywhere", "kernel/ring_a.py", "import banyan.kernel.ring_b"),
    ("No import cycles anywhere", "kernel/ring_b.py", "import banyan.kernel.ring_a"),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for folder in ("src", "dev"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", copy)
    return copy


@pytest.fixture(scope="module")
def complaints(tree: Path) -> dict[str, str]:
    """What is said of each contract once all violations are planted, by its name."""
    for _, name, line in PLANTED:
        path = tree / "src" / "banyan" / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{line}\n")
    said = lint(tree)
    assert said.returncode == 1
    _, _, broken = said.stdout.partition("Broken contracts")
    parts = re.split(r"\n(.+)\n-+\n", broken)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_tree_keeps_every_contract() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(("contract", "name", "line"), PLANTED)
def test_a_planted_violation_fails(complaints: dict[str, str], contract: str, name: str, line: str) -> None:
    (said,) = (words for title, words in complaints.items() if title.startswith(contract))
    if "ring" in name:
        complaint = ".ring_b -> .ring_a"
    elif "import " in line:
        complaint = f"banyan.{name.removesuffix('.py').replace('/', '.')} -> {line.rpartition('import ')[2]}"
    else:
        complaint = name.split("/")[-2]
    assert complaint in said
