"""Each import contract is broken once in a copy of the tree: a contract that cannot fail protects nothing."""

import os
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


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("src", "dev"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("contract", "planted"),
    [
        ("Folders point one way", {"kernel/ids.py": "import banyan.infra.database"}),
        ("Folders point one way", {"plugin/contract.py": "import banyan.app.targets"}),
        ("Folders point one way", {"infra/bus/table.py": "import banyan.plugin"}),
        ("Folders point one way", {"unranked/__init__.py": '"""New."""'}),
        ("Features are ranked", {"features/people/models.py": "import banyan.features.posts.models"}),
        ("Features are ranked", {"features/unranked/__init__.py": '"""New."""'}),
        ("Others see a feature only", {"features/posts/models.py": "import banyan.features.people.routes"}),
        ("Others see a feature only", {"infra/http/planted.py": "import banyan.features.people.routes"}),
        ("The web pages speak only", {"web/pages.py": "import banyan.infra.log"}),
        ("Folders point one way", {"planner/plan.py": "import banyan.features.people.models"}),
        ("The planner is pure", {"planner/plan.py": "import banyan.infra.log"}),
        ("The kernel is values only", {"kernel/ids.py": "import structlog"}),
        ("The database driver is seen only by", {"features/people/routes.py": "import asyncpg"}),
        ("Only a feature's own service", {"features/people/routes.py": "import banyan.features.people.queries"}),
        ("Rules know nothing of HTTP", {"features/people/queries/ties.py": "import litestar"}),
        ("Litestar is seen only by", {"infra/database/planted.py": "from litestar import get"}),
        (
            "No import cycles anywhere",
            {"kernel/ring_a.py": "import banyan.kernel.ring_b", "kernel/ring_b.py": "import banyan.kernel.ring_a"},
        ),
    ],
)
def test_a_planted_violation_fails(tree: Path, contract: str, planted: dict[str, str]) -> None:
    for name, line in planted.items():
        path = tree / "src" / "banyan" / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{line}\n")
    result = lint(tree)
    assert result.returncode == 1
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), result.stdout
