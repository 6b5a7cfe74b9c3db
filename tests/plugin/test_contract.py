"""Each rule of the contract is broken once in a copy of the example: a rule that cannot fail protects nothing."""

import shutil
from pathlib import Path

import pytest

from banyan.plugin.contract import complaints

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugins" / "lost_and_found" / "src" / "lost_and_found"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "lost_and_found"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_example_keeps_it(folder: Path) -> None:
    assert list(complaints(folder)) == []


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("service.py", "from banyan.features.posts.queries import posts", "banyan.features.posts.queries.posts is not"),
        ("service.py", "from banyan.features.people import queries", "banyan.features.people.queries is not public"),
        ("service.py", "import banyan.app.wiring", "banyan.app.wiring is not public"),
        ("models.py", "from banyan.infra.database import pool", "banyan.infra.database.pool is not public"),
        ("service.py", "import asyncpg", "only queries know the database's driver"),
        ("service.py", "from banyan.infra.http.routing import get", "only routes know HTTP"),
        ("routes.py", "from lost_and_found.queries import find_item", "only service, api and jobs read queries"),
        ("routes.py", "from lost_and_found import queries", "only service, api and jobs read queries"),
        ("service.py", "X = 'SELECT 1 FROM lost_and_found_items'", "SQL belongs into queries"),
        ("queries.py", "X = 'SELECT id FROM people_people'", "people_people is not a table of lost_and_found"),
        ("queries.py", "X = f'UPDATE posts_posts SET body = {1}'", "posts_posts is not a table of lost_and_found"),
        ("queries.py", "def (", "this is not Python"),
        ("migrations/0003_more.sql", "CREATE TABLE gone (id uuid);", "gone must begin with lost_and_found_"),
        ("migrations/0003_more.sql", "CREATE UNIQUE INDEX some ON lost_and_found_items (id);", "some must begin"),
        ("migrations/more.sql", "", "a migration is called NNNN_what_it_does.sql"),
    ],
)
def test_a_planted_violation_is_found(folder: Path, file: str, text: str, words: str) -> None:
    with (folder / file).open("a") as planted:
        planted.write(f"\n{text}\n")
    found = list(complaints(folder))
    assert len(found) == 1 and words in found[0], found


def test_a_statement_may_name_its_own_subqueries(folder: Path) -> None:
    sql = """WITH gone AS MATERIALIZED (SELECT id FROM lost_and_found_items), b AS (SELECT 1)
    SELECT * FROM gone JOIN b ON true CROSS JOIN LATERAL unnest($1::uuid[]) AS x"""
    with (folder / "queries.py").open("a") as file:
        file.write(f'\nX = """{sql}"""\n')
    assert list(complaints(folder)) == []


def test_a_folder_without_plugin(folder: Path) -> None:
    (folder / "plugin.py").unlink()
    assert list(complaints(folder)) == ["lost_and_found: there is no plugin.py, which must hold PLUGIN"]
