"""The rules of dev/check: each is broken once, and the tree itself keeps them."""

import shutil
from pathlib import Path

import pytest

from dev import check_locks, check_sizes, check_sql

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with two features that keep the rules."""
    for feature in ("people", "posts"):
        queries = tmp_path / "features" / feature / "queries.py"
        queries.parent.mkdir(parents=True)
        queries.write_text(f'"""Reads of people_cards are not ours."""\nFIND = "SELECT id FROM {feature}_cards"\n')
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_all.sql").write_text(
        "CREATE TABLE people_cards (id uuid);\nCREATE TABLE posts_cards (id uuid);\nCREATE TABLE jobs (id uuid);\n"
    )
    return tmp_path


def test_features_that_keep_to_their_tables_pass(package: Path) -> None:
    assert list(check_sql.complaints(package)) == []


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("service.py", 'x = "SELECT id FROM posts_cards"', "SQL belongs into posts/queries.py"),
        ("service/feed.py", 'x = f"DELETE FROM {y}"', "SQL belongs into posts/queries.py"),
        ("queries.py", 'x = "SELECT 1 FROM posts_cards JOIN people_cards USING (id)"', "people_cards is not a table"),
        ("queries/feed.py", 'x = "INSERT INTO jobs VALUES (1)"', "jobs is not a table of posts"),
    ],
)
def test_sql_in_the_wrong_place_fails(package: Path, name: str, source: str, complaint: str) -> None:
    path = package / "features" / "posts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    (found,) = check_sql.complaints(package)
    assert f"{name}:1: {complaint}" in found


def test_long_files_and_functions_fail(tmp_path: Path) -> None:
    for folder in ("src", "dev", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tests" / "schema.sql").write_text("\n" * 501)
    (tmp_path / "src" / "at_the_limit.py").write_text("def f():\n" + "    x = 1\n" * 99 + "\n" * 400)
    assert list(check_sizes.complaints(tmp_path)) == []
    (tmp_path / "src" / "over.sql").write_text("\n" * 501)
    (tmp_path / "dev" / "over.py").write_text("async def f():\n" + "    x = 1\n" * 100)
    assert list(check_sizes.complaints(tmp_path)) == [
        "src/over.sql: 501 lines (at most 500)",
        "dev/over.py: f has 101 lines (at most 100)",
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path


def test_the_lock_files_of_the_tree_fit(project: Path) -> None:
    assert list(check_locks.complaints(project)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("requirements.lock", "anyio==", "--find-links https://mirror.example\nanyio==", "names a registry"),
        ("requirements.lock", "\nasyncpg==", "\nextra==1.0\nasyncpg==", "extra has no hash"),
        ("requirements.lock", "\nasyncpg==", "\nasyncpg==9", "does not hold asyncpg>="),
        ("requirements-dev.lock", "\nanyio==", "\nanyio==9", "requirements-dev.lock: anyio is 9"),
        ("pyproject.toml", '"msgspec>=', '"absent>=', "does not hold absent>="),
    ],
)
def test_lock_files_that_do_not_fit_fail(project: Path, name: str, old: str, new: str, complaint: str) -> None:
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert any(complaint in found for found in check_locks.complaints(project))


def test_an_import_that_is_not_declared_fails(project: Path) -> None:
    (project / "src" / "planted.py").write_text("import json\nimport asyncpg.types\nfrom anyio import run\n")
    (found,) = check_locks.complaints(project)
    assert "src imports anyio (anyio)" in found
