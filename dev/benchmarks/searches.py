"""What a search over the posts would take in PostgreSQL. The platform has none yet: this is the database alone, with
a table of its own that holds the posts' texts, full text and trigrams beside each other, and is dropped in the end.
"""

import asyncpg

from banyan.app.settings import Settings
from banyan.infra.database.connect import connect
from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.figures import Figure
from dev.benchmarks.pgbench import run_pgbench
from dev.benchmarks.serving import progress

_BUILD = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
DROP TABLE IF EXISTS bench_search;
CREATE UNLOGGED TABLE bench_search AS
    SELECT id, lower(body) AS body, to_tsvector('simple', body) AS words FROM posts_posts WHERE audience = 'public';
CREATE INDEX ON bench_search USING gin (words);
CREATE INDEX ON bench_search USING gin (body gin_trgm_ops);
ANALYZE bench_search;
"""
_WORDS = """
SELECT word FROM ts_stat('SELECT words FROM bench_search TABLESAMPLE SYSTEM (5)')
WHERE length(word) BETWEEN 5 AND 12 ORDER BY abs(ndoc - 200) LIMIT 50
"""
# A word as it is written, newest first; and one with a letter missing, the most alike first.
_EXACT = "SELECT id FROM bench_search WHERE words @@ to_tsquery('simple', '{word}:*') ORDER BY id DESC LIMIT 20"
_TYPO = (
    "SELECT id FROM bench_search WHERE '{word}' <% body ORDER BY word_similarity('{word}', body) DESC, id DESC LIMIT 20"
)


async def measure_searches(settings: Settings, postgres: EmbeddedPostgres, seconds: float) -> list[Figure]:
    """For `seconds` each, over the words of middle frequency."""
    progress("searches")
    connection: asyncpg.Connection = await connect(settings.database)
    try:
        await connection.execute(_BUILD)
        words = [row["word"] for row in await connection.fetch(_WORDS) if row["word"].isalpha()]
        rows = await connection.fetchval("SELECT count(*) FROM bench_search")
        found = []
        for name, statement in (("a word", _EXACT), ("a word with a letter missing", _TYPO)):
            given = [word if statement is _EXACT else word[:2] + word[3:] for word in words]
            each = run_pgbench(postgres, [statement.format(word=word) for word in given], 4, seconds)
            figures = Figure(f"search of {name}", each / 1e3, "ms of PostgreSQL's CPU", note=f"[{rows:,} posts]")
            found.append(figures)
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_search")
        await connection.close()
    return found
