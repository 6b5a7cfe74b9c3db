"""PostgreSQL's settings for a machine that it shares with Banyan."""

import os
from pathlib import Path

_MIB = 1024 * 1024
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
MAX_CONNECTIONS = 60
LOG_FILE_BYTES = 10 * _MIB

_SETTINGS = """\
# Written anew at every start. Put settings of your own into local.conf beside this file: they win.
include '../data/postgresql.conf'

# Reached through the Unix socket alone; the password-less sign-in is safe because the kernel tells who calls.
listen_addresses = ''
unix_socket_permissions = 0700
port = 5432
max_connections = {connections}

# The rest of the memory is Banyan's and the file cache's.
shared_buffers = {shared_buffers_mib}MB
effective_cache_size = {effective_cache_mib}MB
maintenance_work_mem = {maintenance_mib}MB
work_mem = {work_mib}MB
jit = off                       # compiling costs more than our short statements take

# An acknowledged write is on the disk.
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica             # base backups and replicas need it
max_wal_senders = 4
min_wal_size = 64MB
max_wal_size = {wal_mib}MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9

random_page_cost = 1.1          # a VPS has an SSD
effective_io_concurrency = 100

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
default_text_search_config = 'pg_catalog.simple'

# PostgreSQL rotates by size, Banyan deletes the oldest. Neither parameters nor row contents are logged.
logging_collector = on
log_directory = '../logs'
log_filename = 'server-%Y%m%d-%H%M%S.log'
log_rotation_size = {log_file_kib}kB
log_rotation_age = 7d
log_error_verbosity = terse
log_parameter_max_length = 0
log_line_prefix = '%m [%p] '
log_min_messages = warning
log_checkpoints = off

include_if_exists 'local.conf'
"""


def memory_bytes() -> int:
    """The memory of the machine, or of the container when that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            memory = min(memory, int(path.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return memory


def settings_text(memory: int) -> str:
    """postgresql.conf for a machine with that many bytes of memory.

    shared_buffers is a quarter of the memory up to 128 MB, and a 16th above 2 GB, at most 1 GB: the page cache
    serves the rest, and Banyan and its images want memory too (PGTune's quarter is for a machine of its own).
    max_wal_size is a quarter of it between 1 and 4 GB, PGTune's bounds: after each checkpoint every page that is
    written goes whole into the log, and ten posts a second to 5,000 homes forced one every ten seconds at 1 GB. At 4
    they cost PostgreSQL a quarter less CPU (115 and 85 ms each) and 2 MB of log instead of 4 to 10.
    """
    mib = memory // _MIB
    return _SETTINGS.format(
        connections=MAX_CONNECTIONS,
        shared_buffers_mib=max(16, min(max(min(128, mib // 4), mib // 16), 1024)),
        effective_cache_mib=max(64, mib // 2),
        maintenance_mib=min(max(16, mib // 16), 256),
        wal_mib=min(max(1024, mib // 4), 4096),
        work_mib=min(max(4, mib // (4 * MAX_CONNECTIONS)), 32),
        log_file_kib=LOG_FILE_BYTES // 1024,
    )
