"""The contract that a plug-in's folder keeps, checked on its sources without running them."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

# What a plug-in may import of Banyan. All of it changes only with a word in `changes/`.
PUBLIC = (
    "banyan.plugin",
    "banyan.features.*.api",
    "banyan.features.*.models",
    "banyan.features.*.errors",
    "banyan.features.*.signals",
    "banyan.infra.audit.models",
    "banyan.infra.audit.trail",
    "banyan.infra.bus",
    "banyan.infra.cache",
    "banyan.infra.database.work",
    "banyan.infra.declare",
    "banyan.infra.http.application",
    "banyan.infra.http.routing",
    "banyan.infra.outgoing.*",
    "banyan.kernel.*",
)
# Files that know the database, HTTP or both sides; the others hold rules and values.
_KEEPS_SQL = "queries"
_KEEPS_HTTP = ("routes", "plugin")
_READS_QUERIES = ("service", "api", "jobs", "queries")
_HTTP = ("banyan.infra.http",)

_STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE INTO|LOCK TABLE|TRUNCATE)\s")
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE(?: IF NOT EXISTS)?)\s+([a-z_]\w*)\b(?!\s*\()", re.IGNORECASE)
_CREATED = re.compile(
    r"\bCREATE\s+(?:UNLOGGED\s+)?(?:TABLE|SEQUENCE|TYPE|VIEW|FUNCTION|(?:UNIQUE\s+)?INDEX(?:\s+CONCURRENTLY)?)\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?(\w+)",
    re.IGNORECASE,
)
# After FROM and the like: no table, but a word of SQL or the name of a subquery of this statement.
_NO_TABLE = frozenset({"unnest", "lateral", "only", "select", "set", "values", "excluded"})
_SUBQUERY = re.compile(r"(?:\bWITH|,)\s+(\w+)(?:\s*\([^)]*\))?\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s*)?\(", re.IGNORECASE)


def complaints(folder: Path) -> Iterator[str]:
    """What breaks the contract in the package at `folder`, a line each."""
    name = folder.name
    if not (folder / "plugin.py").is_file():
        yield f"{name}: there is no plugin.py, which must hold PLUGIN"
        return
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        part = place.parts[0].removesuffix(".py")
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except SyntaxError as error:
            yield f"{name}/{place}:{error.lineno}: this is not Python: {error.msg}"
            continue
        for line, words in (*_imports(name, part, tree), *_statements(name, part, tree)):
            yield f"{name}/{place}:{line}: {words}"
    yield from _migrations(folder)


def _imports(name: str, part: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from banyan.features.people import api` names a module by its last word.
            modules = [node.module] if _is_public(node.module) else [f"{node.module}.{a.name}" for a in node.names]
        else:
            continue
        for module in modules:
            yield from ((node.lineno, words) for words in _judge(name, part, module))


def _judge(name: str, part: str, module: str) -> Iterator[str]:
    """What is wrong with importing `module` in the part of the plug-in that is called `part`."""
    if module.split(".", maxsplit=1)[0] == "banyan" and not _is_public(module):
        yield f"{module} is not public: what may be imported is listed in banyan.plugin.contract.PUBLIC"
    if module.startswith("asyncpg") and part != _KEEPS_SQL:
        yield "only queries know the database's driver"
    if module.startswith(_HTTP) and part not in _KEEPS_HTTP:
        yield "only routes know HTTP"
    if module.startswith(f"{name}.queries") and part not in _READS_QUERIES:
        yield "only service, api and jobs read queries"


def _is_public(module: str) -> bool:
    return any(fnmatchcase(module, pattern) or fnmatchcase(module, f"{pattern}.*") for pattern in PUBLIC)


def _statements(name: str, part: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    nodes = list(ast.walk(tree))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node in docstrings:
            continue
        if part != _KEEPS_SQL:
            if _STATEMENT.match(node.value):
                yield node.lineno, "SQL belongs into queries"
        elif _STATEMENT.match(node.value):
            for table in sorted(_tables(node.value)):
                if not table.startswith(f"{name}_"):
                    yield node.lineno, f"{table} is not a table of {name}: others are reached through their api"


def _tables(sql: str) -> set[str]:
    own = {found.lower() for found in _SUBQUERY.findall(sql)}
    return {found.lower() for found in _TABLE.findall(sql)} - own - _NO_TABLE


def _migrations(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "migrations").glob("*")):
        if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", path.name):
            yield f"{folder.name}/migrations/{path.name}: a migration is called NNNN_what_it_does.sql"
            continue
        for created in _CREATED.findall(path.read_text("utf-8")):
            if not created.lower().startswith(f"{folder.name}_"):
                yield f"{folder.name}/migrations/{path.name}: {created} must begin with {folder.name}_"
