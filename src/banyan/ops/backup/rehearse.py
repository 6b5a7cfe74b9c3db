"""A restore that is only a rehearsal: it shows that a backup works, how old it is and how long a real one takes."""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from pydantic import SecretStr

from banyan.infra.audit.trail import check_chain
from banyan.infra.database.migrate import Source, migrate
from banyan.infra.database.pool import Pool
from banyan.infra.database.settings import DatabaseSettings
from banyan.ops.backup.create import Backup
from banyan.ops.backup.restore import Report, restore_into_directory
from banyan.ops.binaries import Binaries
from banyan.ops.datadir import DataDirectory, explained
from banyan.ops.errors import BackupDamaged
from banyan.ops.placement import find_home
from banyan.ops.postgres import EmbeddedPostgres


class Rehearsal(Struct, frozen=True):
    """A backup that was restored on trial. RPO: how much would be lost if everything else were lost now. RTO: from
    the file to a database of this version that answers.
    """

    backup: Backup
    rpo_seconds: float
    rto_seconds: float
    audit_entries: int


async def rehearse_restore(
    path: Path,
    sources: Sequence[Source],
    known: Mapping[str, int],
    *,
    binaries: Binaries | None = None,
    report: Report = lambda words, count, total: None,
) -> Rehearsal:
    """Restores into a directory of its own, brings the database to this version, and deletes it. Raises an OpsError."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="banyan-rehearsal-"))
    try:
        with explained(folder):
            # PostgreSQL's user passes through it where we are root.
            folder.chmod(0o711)
        backup = await restore_into_directory(path, folder / "data", known, binaries=binaries, report=report)
        async with await EmbeddedPostgres.open(folder / "data") as server:
            settings = DatabaseSettings(url=SecretStr(server.dsn), pool_size=1)
            await migrate(settings, sources)
            pool = await Pool.open(settings)
            try:
                chain = await check_chain(pool.work())
            finally:
                await pool.close()
            rto_seconds = time.monotonic() - began
        if chain.broken_at is not None:
            raise BackupDamaged(
                f"{path} restores well, but its audit log was tampered with at entry {chain.broken_at}."
            )
    finally:
        _remove(folder)
    rpo_seconds = (datetime.now(UTC) - backup.made_at).total_seconds()
    return Rehearsal(backup, round(rpo_seconds, 3), round(rto_seconds, 3), chain.entries)


def _remove(folder: Path) -> None:
    """With the database, should it be elsewhere."""
    home = find_home(DataDirectory(folder / "data"))
    if home is not None and home.place.parent != folder:
        shutil.rmtree(home.place, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
