"""Fails when a file has more than 500 lines or a function more than 100."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 100
# In tests only Python counts: a schema dump or a recorded answer there is data.
SUFFIXES = {
    "src": {".py", ".sql", ".js", ".css", ".html"},
    "dev": {"", ".py", ".sh"},
    "tests": {".py"},
    "examples": {".py", ".sql"},
}


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and length of every function above the limit, decorators not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield node.name, lines


def complaints(root: Path) -> Iterator[str]:
    for folder, suffixes in SUFFIXES.items():
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in suffixes or not path.is_file():
                continue
            source = path.read_text()
            lines = source.count("\n")
            if lines > MAX_FILE_LINES:
                yield f"{path.relative_to(root)}: {lines} lines (at most {MAX_FILE_LINES})"
            if path.suffix == ".py":
                for name, length in long_functions(source):
                    yield f"{path.relative_to(root)}: {name} has {length} lines (at most {MAX_FUNCTION_LINES})"


def main() -> int:
    found = list(complaints(Path(__file__).resolve().parent.parent))
    print("\n".join(found) or "every file and function is short enough")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
