"""Where PostgreSQL's Unix socket goes: a path of at most 107 bytes, in a directory of its own user's."""

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from banyan.ops.datadir import explained, write_durably
from banyan.ops.placement import Home

# The kernel's limit is 107 bytes with the name of the socket, "/.s.PGSQL.5432".
_MAX_DIRECTORY_BYTES = 107 - len("/.s.PGSQL.5432")
# Anything else would need quoting in PostgreSQL's settings and in addresses.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_RECORD = "socket-directory"


def socket_directory(home: Home) -> Path:
    """The cluster's own directory where the path is short and plain, else one below /run or /tmp (0700).

    The latter is remembered, so that a start after a kill takes it again.
    """
    if fits(home.socket):
        return home.socket
    record = home.config / _RECORD
    if record.exists():
        known = Path(record.read_text().strip())
        if _is_ours(home, known):
            return known
    with explained(home.config):
        made = _make_short(home)
        write_durably(record, f"{made}\n")
    return made


def fits(directory: Path) -> bool:
    """Whether a socket in it can be named by the kernel and by addresses."""
    return len(os.fsencode(directory)) <= _MAX_DIRECTORY_BYTES and _PLAIN.fullmatch(str(directory)) is not None


def ensure_socket_directory(home: Home, directory: Path) -> None:
    """Make it again where somebody tidied /tmp meanwhile."""
    if not directory.exists():
        directory.mkdir(mode=0o700)
        home.own(directory)


def remove_socket_directory(home: Home, directory: Path) -> None:
    if directory != home.socket:
        shutil.rmtree(directory, ignore_errors=True)


def _make_short(home: Home) -> Path:
    parents = ["/run"] if os.geteuid() == 0 else []
    for parent in [*parents, tempfile.gettempdir(), "/tmp"]:
        if not os.access(parent, os.W_OK | os.X_OK) or not fits(Path(parent, "banyan-12345678")):
            continue
        made = Path(tempfile.mkdtemp(prefix="banyan-", dir=parent))
        home.own(made)
        return made
    raise FileNotFoundError(2, "no directory for temporary files is writable", "/tmp")


def _is_ours(home: Home, directory: Path) -> bool:
    """Whether nobody else put a directory of that name into /tmp."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    owner = os.geteuid() if home.account is None else home.account.uid
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and found.st_mode & 0o077 == 0
