"""The bare part to compare with: PostgreSQL's own load generator on the same statements."""

import subprocess
import tempfile
from pathlib import Path

from banyan.ops.postgres import EmbeddedPostgres
from dev.benchmarks.processes import family_cpu_seconds


def run_pgbench(postgres: EmbeddedPostgres, statements: list[str], clients: int, seconds: float) -> float:
    """PostgreSQL's CPU per statement in microseconds, prepared, by as many clients.

    Raises CalledProcessError when a statement fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        scripts: list[str] = []
        for number, statement in enumerate(statements):
            path = Path(folder) / f"{number}.sql"
            path.write_text(f"{statement};\n")
            scripts += ["-f", str(path)]
        command = [
            str(postgres.binaries.program("pgbench")),
            *("-n", "-M", "prepared", "-c", str(min(clients, 8)), "-T", str(round(seconds)), *scripts),
            postgres.dsn,
        ]
        before = family_cpu_seconds(postgres.pid or 0)
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = family_cpu_seconds(postgres.pid or 0) - before
    line = next(line for line in said.splitlines() if line.startswith("number of transactions actually processed"))
    return spent / int(line.rpartition(":")[2].split("/")[0]) * 1e6
