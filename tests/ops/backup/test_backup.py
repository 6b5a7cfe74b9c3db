"""Backups: a consistent snapshot under writes, refused when they are not whole, restored altogether or not at all."""

import asyncio
import random
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from banyan.infra.database.migrate import BANYAN
from banyan.ops.backup.archive import ArchiveWriter, check_archive
from banyan.ops.backup.create import Backup, create_backup
from banyan.ops.backup.database import count_rows
from banyan.ops.backup.manifest import place_below
from banyan.ops.backup.rehearse import rehearse_restore
from banyan.ops.backup.restore import check_backup, restore_into_database, restore_into_directory
from banyan.ops.backup.tools import find_tools, split_password
from banyan.ops.binaries import Binaries, find_binaries
from banyan.ops.errors import (
    BackupDamaged,
    BackupFailed,
    BackupNewer,
    NoBinaries,
    NotEmpty,
    WrongMajor,
)
from banyan.ops.postgres import EmbeddedPostgres
from tests.ops.backup.conftest import KNOWN
from tests.ops.writing import run, writing


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


async def test_files_are_not_read_where_requests_are_answered(
    server: EmbeddedPostgres, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = {}

    def watched(name: str, work: Callable[..., None]) -> Callable[..., None]:
        def watching(*words: Any) -> None:
            threads[name] = threading.current_thread()
            work(*words)

        return watching

    # Large files, and one sync of all of them.
    for name in ("add", "finish"):
        monkeypatch.setattr(ArchiveWriter, name, watched(name, getattr(ArchiveWriter, name)))
    await create_backup(server.dsn, data, folder)
    assert set(threads) == {"add", "finish"}
    assert threading.main_thread() not in threads.values()


async def test_a_restored_installation_has_all_of_the_first(
    backup: Backup, data: Path, place: Path, server: EmbeddedPostgres, binaries: Binaries
) -> None:
    path = Path(backup.file)
    assert path.stat().st_mode & 0o777 == 0o600
    assert contents(path.parent) == {path.name}
    assert (backup.migrations, backup.files) == (KNOWN, 1)
    epoch = await run(server.dsn, "SELECT epoch FROM streams_streams")
    restored = await restore_into_directory(path, place / "new", KNOWN, binaries=binaries)
    assert restored.rows == backup.rows
    secret = place / "new" / "secrets" / "secret"
    assert secret.read_text() == "s" * 43
    assert secret.stat().st_mode & 0o777 == 0o600
    assert contents(place / "new") == {"lock", "secrets", "postgres", "postgres.json"}
    async with await EmbeddedPostgres.open(place / "new") as second:
        assert second.major == binaries.major
        assert await run(second.dsn, "SELECT count(*) FROM notes") == 1000
        assert await run(second.dsn, "SELECT tableowner FROM pg_tables WHERE tablename = 'notes'") == "banyan"
        assert await run(second.dsn, "SELECT epoch FROM streams_streams") != epoch, "clients begin anew"
        with pytest.raises(asyncpg.PostgresError, match="new rows only"):
            await run(second.dsn, "DELETE FROM audit_entries")


async def test_under_writes_it_is_one_moment(
    server: EmbeddedPostgres, data: Path, folder: Path, place: Path, binaries: Binaries
) -> None:
    """Each transaction adds a row and counts it: in every snapshot the two agree."""
    await run(server.dsn, "CREATE TABLE counted (n bigint NOT NULL)")
    await run(server.dsn, "INSERT INTO counted VALUES (0)")
    await run(
        server.dsn,
        """CREATE FUNCTION count_written() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN UPDATE counted SET n = n + 1; RETURN NULL; END $$""",
    )
    await run(server.dsn, "CREATE TABLE written (number bigint)")
    await run(server.dsn, "CREATE TRIGGER count AFTER INSERT ON written FOR EACH ROW EXECUTE FUNCTION count_written()")
    async with writing(server.dsn) as writer:
        await writer.wait_for(50)
        before = list(writer.acknowledged)
        backup = await create_backup(server.dsn, data, folder)
        await writer.wait_for(50)
    await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=binaries)
    async with await EmbeddedPostgres.open(place / "new") as second:
        rows = await run(second.dsn, "SELECT array_agg(number) FROM written")
        assert isinstance(rows, list)
        assert await run(second.dsn, "SELECT n FROM counted") == len(rows)
        assert set(before) <= set(rows)
        assert len(rows) < len(writer.acknowledged)


async def test_what_is_cut_off_or_changed_is_refused_and_changes_nothing(
    backup: Backup, place: Path, binaries: Binaries
) -> None:
    whole = Path(backup.file).read_bytes()
    damaged = place / "damaged.tar"
    chance = random.Random(7)
    lengths = [0, 1, 511, 512, len(whole) // 2, *(len(whole) - cut for cut in (1025, 2000, 4000))]
    damages = [whole[:length] for length in lengths]
    manifest_at = whole.rindex(b"manifest.json")
    for _ in range(12):
        at = chance.randrange(512, manifest_at)
        damages.append(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    for damage in damages:
        damaged.write_bytes(damage)
        try:
            check_archive(damaged)
        except BackupDamaged:
            with pytest.raises(BackupDamaged):
                await restore_into_directory(damaged, place / "new", KNOWN, binaries=binaries)
        else:
            # Padding and the headers' times and owners are nobody's content.
            with tarfile.open(damaged) as one, tarfile.open(backup.file) as other:
                assert [(m.name, m.size) for m in one] == [(m.name, m.size) for m in other]
        assert not (place / "new").exists()
    with pytest.raises(BackupDamaged, match="no file"):
        await restore_into_directory(place / "none.tar", place / "new", KNOWN, binaries=binaries)


async def test_content_that_was_exchanged_is_refused(backup: Backup, place: Path) -> None:
    with tarfile.open(backup.file) as source, tarfile.open(place / "other.tar", "w") as other:
        for member in source.getmembers():
            content = source.extractfile(member)
            assert content is not None
            if member.name == "files/secrets/secret":
                (place / "secret").write_bytes(b"t" * 43)
                other.add(place / "secret", member.name)
            else:
                other.addfile(member, content)
    with pytest.raises(BackupDamaged, match="files/secrets/secret is not as it was written"):
        check_archive(place / "other.tar")
    shutil.copy(backup.file, place / "more.tar")
    with tarfile.open(place / "more.tar", "a") as more:
        more.add(place / "secret", "files/secrets/other")
    with pytest.raises(BackupDamaged, match="does not belong"):
        check_archive(place / "more.tar")


@pytest.mark.parametrize(
    "name", ["files/../../etc/passwd", "files//etc/passwd", "files/", "files/a/../../b", "secrets"]
)
def test_no_file_leads_out_of_the_directory(name: str) -> None:
    assert place_below(name) is None


async def test_a_newer_version_is_refused_with_words(backup: Backup, place: Path) -> None:
    with pytest.raises(BackupNewer, match=f"migration {KNOWN['banyan']:04d} of banyan; this version knows 0001"):
        check_backup(Path(backup.file), {"banyan": 1})
    # What a plug-in has put there is no reason: it may be installed later.
    assert check_backup(Path(backup.file), {}).rows == backup.rows


async def test_nothing_is_restored_over_something(
    backup: Backup, place: Path, data: Path, binaries: Binaries, server: EmbeddedPostgres
) -> None:
    (place / "taken").mkdir()
    (place / "taken" / "file").write_text("mine")
    for target in (place / "taken", data):
        before = contents(target)
        with pytest.raises(NotEmpty, match="Nothing was changed"):
            await restore_into_directory(Path(backup.file), target, KNOWN, binaries=binaries)
        assert contents(target) == before
    with pytest.raises(NotEmpty, match="Nothing was changed"):
        await restore_into_database(Path(backup.file), server.dsn, KNOWN)
    with pytest.raises(NotEmpty, match="Nothing was changed"):
        await restore_into_directory(Path(backup.file), place / "new", KNOWN, url=server.dsn)
    assert not (place / "new").exists()


async def test_an_empty_directory_is_filled_and_a_restore_that_fails_leaves_it_empty(
    backup: Backup, place: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "new").mkdir()
    (place / "new").chmod(0o711)

    async def fail(*given: object) -> None:
        raise BackupFailed("not today")

    with monkeypatch.context() as patch:
        patch.setattr("banyan.ops.backup.restore.settle_restored", fail)
        with pytest.raises(BackupFailed, match="not today"):
            await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=binaries)
        assert contents(place / "new") == set()
        with pytest.raises(BackupFailed, match="not today"):
            await restore_into_directory(Path(backup.file), place / "other", KNOWN, binaries=binaries)
        assert not (place / "other").exists()
    await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=binaries)
    assert "lock" in contents(place / "new")


async def test_two_restores_into_one_directory(backup: Backup, place: Path, binaries: Binaries) -> None:
    outcomes = await asyncio.gather(
        *(restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=binaries) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Backup", "DirectoryInUse"]
    async with await EmbeddedPostgres.open(place / "new") as second:
        assert await run(second.dsn, "SELECT count(*) FROM notes") == 1000


async def test_rows_that_are_missing_after_the_restore_are_noticed(
    server: EmbeddedPostgres, data: Path, folder: Path, place: Path, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count_one_more(connection: asyncpg.Connection) -> dict[str, int]:
        tables = await count_rows(connection)
        return {**tables, "public.notes": tables["public.notes"] + 1}

    monkeypatch.setattr("banyan.ops.backup.create.count_rows", count_one_more)
    backup = await create_backup(server.dsn, data, folder)
    with pytest.raises(BackupFailed, match=r"public\.notes has 1000 rows after the restore, the backup 1001"):
        await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=binaries)
    assert not (place / "new").exists()


async def test_a_failed_backup_leaves_nothing(
    server: EmbeddedPostgres, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(server.superuser_dsn, "CREATE TABLE secret_of_the_superuser AS SELECT 1 AS n")
    with pytest.raises(BackupFailed, match="permission denied"):
        await create_backup(server.dsn, data, folder)
    assert contents(folder) == set()


async def test_what_is_not_banyans_is_said_plainly(own_database: str, folder: Path) -> None:
    with pytest.raises(BackupFailed, match="holds no Banyan"):
        await create_backup(own_database, None, folder)
    with pytest.raises(BackupFailed, match="Cannot connect"):
        await create_backup(f"postgresql://banyan@/none?host={folder}", None, folder)
    assert contents(folder) == set()


@pytest.fixture
async def own_database(server: EmbeddedPostgres) -> str:
    """An empty database beside the first."""
    await run(server.dsn, "CREATE DATABASE other TEMPLATE template0")
    return server.dsn.replace("/banyan?", "/other?")


async def test_from_and_into_a_database_that_is_named(
    backup: Backup, own_database: str, folder: Path, place: Path
) -> None:
    without_files = await create_backup(own_database.replace("/other?", "/banyan?"), None, folder)
    assert without_files.files == 0
    restored = await restore_into_directory(Path(backup.file), place / "new", KNOWN, url=own_database)
    assert restored.rows == backup.rows
    assert await run(own_database, "SELECT count(*) FROM notes") == 1000
    assert contents(place / "new") == {"lock", "secrets"}


async def test_a_restore_into_a_database_is_one_transaction(backup: Backup, own_database: str) -> None:
    # The dump makes this function before all tables.
    await run(own_database, "CREATE FUNCTION jobs_finish(job uuid, held uuid) RETURNS boolean RETURN true")
    with pytest.raises(BackupFailed, match="already exists"):
        await restore_into_database(Path(backup.file), own_database, KNOWN)
    assert await run(own_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_an_older_postgresql_is_refused(place: Path, folder: Path, backup: Backup, binaries: Binaries) -> None:
    if binaries.major == 15:
        # The other way round is how one moves to a newer major.
        await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=find_binaries(18))
        async with await EmbeddedPostgres.open(place / "new") as second:
            assert second.major == 18
    else:
        with pytest.raises(WrongMajor, match="Use PostgreSQL 18 or newer"):
            await restore_into_directory(Path(backup.file), place / "new", KNOWN, binaries=find_binaries(15))
        assert not (place / "new").exists()


async def test_a_rehearsal_says_how_old_and_how_quick(backup: Backup, binaries: Binaries) -> None:
    rehearsal = await rehearse_restore(Path(backup.file), (BANYAN,), KNOWN, binaries=binaries)
    assert rehearsal.backup.rows == backup.rows
    assert rehearsal.rpo_seconds >= rehearsal.rto_seconds > 0


async def test_which_files_are_in_it(server: EmbeddedPostgres, data: Path) -> None:
    for name in (
        "banyan.toml",
        "mail_texts/accounts/en.toml",
        "banyan.log",
        "running.json",
        ".secret.1234",
        "own/lock",
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    (data / "own" / "tool").write_text("#!/bin/sh\n")
    (data / "own" / "tool").chmod(0o755)
    backup = await create_backup(server.dsn, data, data / "backups")
    again = await create_backup(server.dsn, data, data / "backups")
    members = {member.name: member for member in check_archive(Path(again.file)).members}
    assert set(members) == {
        "database.dump",
        "files/banyan.toml",
        "files/mail_texts/accounts/en.toml",
        "files/own/lock",
        "files/own/tool",
        "files/secrets/secret",
    }
    assert members["files/own/tool"].mode == 0o755
    assert backup.file != again.file
    (data / "media").symlink_to(data.parent)
    with pytest.raises(BackupFailed, match="link to a directory"):
        await create_backup(server.dsn, data, data / "backups")
    assert len(contents(data / "backups")) == 2


def test_passwords_stay_off_command_lines() -> None:
    assert split_password("postgresql://u:p%40ss@h:5432/n?sslmode=require") == (
        "postgresql://u@h:5432/n?sslmode=require",
        "p@ss",
    )
    assert split_password("postgresql://u@/n?host=/tmp") == ("postgresql://u@/n?host=/tmp", None)
    assert split_password("postgresql://u:p@one:1,two:2/n") == ("postgresql://u@one:1,two:2/n", "p")


def test_tools_fit_the_server() -> None:
    assert find_tools(15, tls=False).major == 15
    assert find_tools(16, tls=False).major == 18
    with pytest.raises(NoBinaries, match="postgresql-client-18"):
        find_tools(18, tls=True)
    with pytest.raises(NoBinaries, match="PostgreSQL 99 or newer"):
        find_tools(99, tls=False)
