"""Fails when a feature keeps SQL outside queries.py, or reads a table that is not its own.

A table belongs to the feature whose folder name starts its name; the others are reached through that feature's api.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE INTO|LOCK TABLE|TRUNCATE)\s")
CREATED_TABLE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)


def tables_of(migrations: Path) -> set[str]:
    return {name for path in migrations.glob("*.sql") for name in CREATED_TABLE.findall(path.read_text())}


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string in a file, the fixed parts of f-strings included, docstrings not."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value


def complaints(package: Path) -> Iterator[str]:
    tables = tables_of(package / "migrations")
    for path in sorted((package / "features").glob("*/**/*.py")):
        inside = path.relative_to(package / "features")
        feature = inside.parts[0]
        keeps_sql = inside.with_suffix("").parts[1] == "queries"
        for line, text in texts(path.read_text()):
            if not keeps_sql:
                if STATEMENT.match(text):
                    yield f"{inside}:{line}: SQL belongs into {feature}/queries.py"
                continue
            for word in sorted(tables.intersection(re.findall(r"\w+", text))):
                if not word.startswith(f"{feature}_"):
                    yield f"{inside}:{line}: {word} is not a table of {feature}"


def main() -> int:
    found = list(complaints(Path(__file__).resolve().parent.parent / "src" / "banyan"))
    print("\n".join(found) or "every feature keeps to its own tables")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
