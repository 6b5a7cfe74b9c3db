"""Where the database of a data directory lives, and which user runs it.

PostgreSQL refuses to run as root, so root's Banyan runs it as an unprivileged user, and that user has to reach the
files: through /root (mode 0700 on Debian) it cannot. Parents are not ours to open, so such a data directory keeps
its database in /var/lib/banyan/ID instead; postgres.json and a note in the data directory say where.

    PLACE/postgres/           ours, so that the unprivileged user cannot exchange what is below by links
    PLACE/postgres/config/    ours, read by PostgreSQL
    PLACE/postgres/data/      PostgreSQL's, as are logs/ and socket/
    PLACE/postgresql-VERSION/ a copy of the binaries, where PostgreSQL's user cannot reach the installed ones
"""

import logging
import os
import pwd
import secrets
from pathlib import Path

import msgspec

from banyan.ops.datadir import DataDirectory, explained, like_parent, write_durably
from banyan.ops.errors import ClusterMissing, DirectoryUnusable, NoUnprivilegedUser
from banyan.ops.processes import Account, may_enter

_log = logging.getLogger("banyan.postgres")

SHARED_BASE = Path("/var/lib/banyan")
# A `banyan` user keeps the files apart from other services that run as nobody; it is used where somebody made it.
_UNPRIVILEGED = ("banyan", "nobody")
_RECORD = "postgres.json"
_NOTE = "THE-DATABASE-IS-ELSEWHERE.txt"
_BELONGS_TO = "belongs-to.txt"


class ClusterRecord(msgspec.Struct, frozen=True):
    """postgres.json. `place` is "." or an absolute path; `major` is None until initdb has finished."""

    place: str
    major: int | None = None
    made_by: str | None = None


class Home(msgspec.Struct, frozen=True):
    """The directories of one cluster, and the user that runs it (None: the one that runs Banyan)."""

    place: Path
    account: Account | None

    @property
    def postgres(self) -> Path:
        return self.place / "postgres"

    @property
    def data(self) -> Path:
        return self.postgres / "data"

    @property
    def logs(self) -> Path:
        return self.postgres / "logs"

    @property
    def socket(self) -> Path:
        return self.postgres / "socket"

    @property
    def config(self) -> Path:
        return self.postgres / "config"

    @property
    def startup_log(self) -> Path:
        """What PostgreSQL says before its log files are open."""
        return self.postgres / "startup.log"

    def own(self, path: Path) -> None:
        """Give a directory that we made to PostgreSQL's user."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)


def read_record(directory: DataDirectory) -> ClusterRecord | None:
    """None for a directory whose database was never started. Raises DirectoryUnusable for a record that is damaged."""
    path = directory.path / _RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClusterRecord)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise DirectoryUnusable(f"{path} is damaged ({error}). Restore it, it says where the database is.") from None


def write_record(directory: DataDirectory, record: ClusterRecord) -> None:
    write_durably(directory.path / _RECORD, msgspec.json.encode(record).decode() + "\n")


def made_major(home: Home) -> int | None:
    """The major that initialised the cluster; None when there is no cluster yet."""
    try:
        return int((home.data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def find_home(directory: DataDirectory) -> Home | None:
    """The home of the data directory's database, if it was ever started. Changes nothing."""
    record = read_record(directory)
    return None if record is None else _recorded_home(directory, record)


def settle(directory: DataDirectory, shared_base: Path = SHARED_BASE) -> Home:
    """Find or choose the home of the data directory's database, and make its directories."""
    with explained(directory.path):
        record = read_record(directory)
        home = _chosen_home(directory, shared_base) if record is None else _recorded_home(directory, record)
        if record is not None and record.major is not None and made_major(home) is None:
            raise ClusterMissing(
                f"{directory.path / _RECORD} says that PostgreSQL {record.major} made one in {home.data}. Put it "
                f"back, or delete {_RECORD} to begin with an empty one."
            )
        _claim(directory, home)
        _check_reach(home)
    with explained(home.place):
        _make_directories(home)
    return home


def _recorded_home(directory: DataDirectory, record: ClusterRecord) -> Home:
    place = directory.path / record.place
    return Home(place, _account(place / "postgres" / "data"))


def _chosen_home(directory: DataDirectory, shared_base: Path) -> Home:
    account = _account(directory.path / "postgres" / "data")
    if account is None or may_enter(account, directory.path):
        return Home(directory.path, account)
    _mention_abandoned(directory, shared_base)
    identity = secrets.token_hex(6)
    home = Home(shared_base / identity, account)
    with explained(home.place):
        shared_base.mkdir(mode=0o755, parents=True, exist_ok=True)
        home.place.mkdir(mode=0o711)
    # Noted before initdb, so that an interrupted start does not leave an unknown place behind.
    write_record(directory, ClusterRecord(str(home.place)))
    _write_note(directory, home, account)
    return home


def rename_owner(directory: DataDirectory) -> None:
    """After a data directory was moved: a database that is elsewhere learns whose it is now."""
    home = find_home(directory)
    if home is not None and home.account is not None and home.place != directory.path:
        write_durably(home.place / _BELONGS_TO, f"{directory.path}\n")
        _write_note(directory, home, home.account)


def _write_note(directory: DataDirectory, home: Home, account: Account) -> None:
    write_durably(
        directory.path / _NOTE,
        f"PostgreSQL runs as {account.name}, not as root, and {account.name} cannot enter "
        f"{directory.path}.\nThe database of this directory is therefore in {home.place}.\n"
        "The two belong together: copy, move or delete both.\n",
    )


def _mention_abandoned(directory: DataDirectory, shared_base: Path) -> None:
    """A data directory that was deleted leaves its database; only a person can know whether it is still wanted."""
    for path in shared_base.glob(f"*/{_BELONGS_TO}"):
        if path.read_text().strip() == str(directory.path):
            _log.warning("%s holds the database of an earlier %s: delete it if you can", path.parent, directory.path)


def _claim(directory: DataDirectory, home: Home) -> None:
    """Keep a copy of a data directory from running the original's database."""
    if home.place == directory.path:
        return
    path = home.place / _BELONGS_TO
    owner = Path(path.read_text().strip()) if path.exists() else directory.path
    if owner != directory.path and _points_to(owner, home.place):
        raise DirectoryUnusable(
            f"{directory.path} is a copy of {owner}: its database in {home.place} was not copied with it. "
            f"Use {owner}, or delete {directory.path / _RECORD} to begin with an empty database."
        )
    if owner != directory.path or not path.exists():
        write_durably(path, f"{directory.path}\n")


def _points_to(directory: Path, place: Path) -> bool:
    record = read_record(DataDirectory(directory))
    return record is not None and record.place == str(place)


def _account(data: Path) -> Account | None:
    """The user that has to run the cluster: its owner, and for a new one of root's somebody without rights."""
    owner_id = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        _check_own(data, owner_id)
        return None
    names: tuple[str, ...] = _UNPRIVILEGED
    if owner_id is not None:
        try:
            names = (pwd.getpwuid(owner_id).pw_name,)
        except KeyError:
            raise NoUnprivilegedUser(
                f"{data} belongs to the user id {owner_id}, which has no name in /etc/passwd. Add it there, "
                "or give the directory to another user (chown -R)."
            ) from None
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise NoUnprivilegedUser(
        f"PostgreSQL refuses to run as root, and /etc/passwd has none of {', '.join(names)}. Make one "
        "(useradd --system banyan), run Banyan as an ordinary user, or set DATABASE_URL to a PostgreSQL elsewhere."
    )


def _check_own(data: Path, owner_id: int | None) -> None:
    user_id = os.geteuid()
    if owner_id not in {None, user_id}:
        raise DirectoryUnusable(
            f"{data} belongs to the user id {owner_id}, and this is {user_id}. Start as root or as its owner."
        )
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        raise NoUnprivilegedUser(
            f"PostgreSQL asks for its user's name, and the user id {user_id} has none in /etc/passwd. Add a line "
            "there, run as another user, or set DATABASE_URL to a PostgreSQL elsewhere."
        ) from None


def _check_reach(home: Home) -> None:
    account = home.account
    if account is None or may_enter(account, home.place):
        return
    blocked = next(path for path in [*reversed(home.place.parents), home.place] if not may_enter(account, path))
    raise DirectoryUnusable(
        f"PostgreSQL runs as {account.name}, who may not enter {blocked}, so it cannot reach its files in "
        f"{home.place}. Move the directory to where it was, or allow passing through: chmod o+x {blocked}."
    )


def _make_directories(home: Home) -> None:
    root = home.account is not None
    for path, mode in ((home.postgres, 0o711 if root else 0o700), (home.config, 0o755 if root else 0o700)):
        if not path.exists():
            path.mkdir(mode=mode)
            like_parent(path)
    for path in (home.logs, home.socket):
        if not path.exists():
            path.mkdir(mode=0o700)
            home.own(path)
