"""A database's schema as stable text, the same for PostgreSQL 15 and 18.

`python -m tests.support.schema` writes tests/migrations/schema.txt anew.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from tests.support.postgres import Cluster, Templates

FILE = Path(__file__).parents[1] / "migrations" / "schema.txt"

# What belongs to an extension is the extension's business.
_OURS = """
    NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = {catalogue}::regclass AND d.objid = {oid} AND d.deptype = 'e')
"""
_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"
_TABLES = f"""
SELECT c.oid, c.relname, c.relkind::text AS kind, c.reloptions,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END AS definition,
    CASE WHEN c.relpartbound IS NOT NULL THEN pg_get_expr(c.relpartbound, c.oid) END AS bound,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
    c.relpersistence = 'u' AS unlogged
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND {_OURS.format(catalogue="'pg_class'", oid="c.oid")}
ORDER BY c.relname
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.attidentity::text AS identity,
    a.attgenerated::text AS generated, pg_get_expr(d.adbin, d.adrelid) AS default_,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
"""
# From PostgreSQL 18 on NOT NULL is a constraint with a name of its own; the columns say it already.
_CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid, true) AS definition FROM pg_constraint
WHERE conrelid = $1 AND contype <> 'n' ORDER BY conname
"""
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
WHERE i.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype <> 'f')
ORDER BY 1
"""
_TRIGGERS = """
SELECT pg_get_triggerdef(oid, true) AS definition FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY 1
"""
_STATISTICS = "SELECT pg_get_statisticsobjdef(oid) AS definition FROM pg_statistic_ext WHERE stxrelid = $1 ORDER BY 1"
_SEQUENCES = f"""
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
  AND {_OURS.format(catalogue="'pg_class'", oid="c.oid")}
ORDER BY 1
"""
_FUNCTIONS = f"""
SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
  AND {_OURS.format(catalogue="'pg_proc'", oid="p.oid")}
ORDER BY p.proname, pg_get_function_identity_arguments(p.oid)
"""
_TYPES = f"""
SELECT t.typname, CASE t.typtype
    WHEN 'e' THEN (SELECT 'enum ' || string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
     FROM pg_enum WHERE enumtypid = t.oid)
    WHEN 'd' THEN (SELECT 'domain over ' || format_type(t.typbasetype, t.typtypmod)
        || coalesce(string_agg(' ' || pg_get_constraintdef(c.oid, true), '' ORDER BY c.conname), '')
     FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype <> 'n')
    ELSE (SELECT 'composite ' || string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
     FROM pg_attribute WHERE attrelid = t.typrelid AND NOT attisdropped)
    END AS definition
FROM pg_type t LEFT JOIN pg_class r ON r.oid = t.typrelid
WHERE t.typnamespace = 'public'::regnamespace AND (t.typtype IN ('e', 'd') OR r.relkind = 'c')
  AND {_OURS.format(catalogue="'pg_type'", oid="t.oid")}
ORDER BY t.typname
"""
_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view"}


async def describe(connection: asyncpg.Connection) -> str:
    """Extensions, types, functions, sequences, then each table with all that hangs on it, sorted by name."""
    lines = [f"extension {row['extname']}" for row in await connection.fetch(_EXTENSIONS)]
    lines += [f"type {row['typname']}: {row['definition']}" for row in await connection.fetch(_TYPES)]
    lines += [f"sequence {row['relname']}" for row in await connection.fetch(_SEQUENCES)]
    for function in await connection.fetch(_FUNCTIONS):
        lines += ["", function["definition"].rstrip()]
    for table in await connection.fetch(_TABLES):
        lines += ["", *await _table(connection, table)]
    return "\n".join(lines).strip() + "\n"


async def _table(connection: asyncpg.Connection, table: asyncpg.Record) -> list[str]:
    lines = [f"{'unlogged ' if table['unlogged'] else ''}{_KINDS[table['kind']]} {table['relname']}"]
    lines += [f"  with {option}" for option in sorted(table["reloptions"] or ())]
    lines += [f"  {text}" for text in (table["partition_key"], table["bound"]) if text]
    if table["definition"]:
        lines += [f"  {line}" for line in table["definition"].splitlines()]
    lines += [f"  {_column(row)}" for row in await connection.fetch(_COLUMNS, table["oid"])]
    for row in await connection.fetch(_CONSTRAINTS, table["oid"]):
        lines.append(f"  constraint {row['conname']}: {row['definition']}")
    for sql in (_INDEXES, _TRIGGERS, _STATISTICS):
        lines += _definitions(await connection.fetch(sql, table["oid"]))
    return lines


def _column(row: asyncpg.Record) -> str:
    parts = [row["attname"], row["type"]]
    if row["collation"]:
        parts.append(f"collate {row['collation']}")
    if row["attnotnull"]:
        parts.append("not null")
    if row["identity"]:
        parts.append({"a": "generated always as identity", "d": "generated by default as identity"}[row["identity"]])
    if row["default_"]:
        kind = {"s": "generated stored", "v": "generated virtual"}.get(row["generated"], "default")
        parts.append(f"{kind} {row['default_']}")
    return " ".join(parts)


def _definitions(rows: Sequence[asyncpg.Record]) -> list[str]:
    return [f"  {row['definition']}" for row in rows]


async def _describe_url(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await describe(connection)
    finally:
        await connection.close()


def main() -> None:
    """Writes down the schema that the migrations make on a fresh server."""
    cluster = Cluster(18)
    try:
        cluster.start()
        with Templates(cluster) as templates, templates.clone() as url:
            FILE.write_text(asyncio.run(_describe_url(url)), "utf-8")
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
