"""The values of every configuration file, each with its formula and where that comes from.

The files themselves are made by `render`, from these values and nothing else.
"""

import re
from collections.abc import Iterator
from math import ceil

from banyan.planner.deployment import BESIDE_POOL, RESERVED_CONNECTIONS, Deployment, Host, Part, Process
from banyan.planner.plan import Setting

PGTUNE = "PGTune, web profile"
_OWN = "Banyan, docs/operations.md"
_KERNEL = "Linux, ip-sysctl"
_POSTGRESQL_DOCS = "PostgreSQL's manual"
_REDIS_DOCS = "Redis' own redis.conf"
_NGINX_DOCS = "nginx' manual"
_PGBOUNCER_DOCS = "PgBouncer's manual"

_MAX_SOCKETS_DEFAULT = 18_000


def configuration(deployment: Deployment) -> list[Setting]:
    """Every value of a phase, by file. The file's first folder is the host that it is for."""
    found: list[Setting] = []
    for host in deployment.hosts:
        if not host.sized:
            continue
        if host.has(Part.DATABASE):
            found += postgresql(deployment, host)
        if host.has(Part.POOLER):
            found += pgbouncer(deployment, host)
        if host.has(Part.CACHE):
            found += redis(deployment, host)
        if host.has(Part.BALANCER):
            found += nginx(deployment, host)
        if host.processes:
            found += environment(deployment, host)
            found += workers(host)
        found += kernel(deployment, host)
        found += limits(deployment, host)
    return found


def max_connections(deployment: Deployment) -> int:
    """What PostgreSQL has to accept: everybody's connections, in tens."""
    return ceil((_opened(deployment) + RESERVED_CONNECTIONS) / 10) * 10


def connection_budget(deployment: Deployment) -> dict[str, int]:
    """Who may open how many connections to PostgreSQL, what is kept free, and max_connections as it is configured.

    Behind PgBouncer it is PgBouncer that opens them, with its reserve; the processes' own are then to PgBouncer.
    """
    budget: dict[str, int] = {}
    for process in (process for host in deployment.hosts for process in host.processes):
        name = f"{process.name} to pgbouncer" if deployment.pooled else process.name
        budget[name] = budget.get(name, 0) + process.connections
    if deployment.pooled:
        budget["pgbouncer"] = _opened(deployment)
    return budget | {"reserved": RESERVED_CONNECTIONS, "max_connections": max_connections(deployment)}


def _opened(deployment: Deployment) -> int:
    """Connections that PostgreSQL sees at most, but for the operators' own."""
    if not deployment.pooled:
        return deployment.connections
    pool = pool_behind_pgbouncer(deployment)
    return pool + _pooler_reserve(pool)


def _pooler_reserve(pool: int) -> int:
    return max(2, pool // 10)


def pool_behind_pgbouncer(deployment: Deployment) -> int:
    """Connections that do work at once: a few per core of the database, and never more than the pools hold."""
    cores = deployment.host_of(Part.DATABASE).vcpu
    return min(deployment.connections, max(20, ceil(cores) * 8))


def postgresql(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """PGTune's rules for the web, on PostgreSQL's share of the memory and the connections that really come."""
    file = f"{host.name}/postgresql/postgresql.conf"
    memory, cores = host.database_memory_mib, max(1, ceil(host.vcpu))
    connections = max_connections(deployment)
    shared = memory // 4
    helpers = max(8, cores)
    work = max(4, int((memory - shared) / (3 * (connections + helpers))))

    def value(name: str, value: str, formula: str, source: str = PGTUNE) -> Setting:
        return Setting(file, name, value, formula, source)

    where = "'localhost'" if len(deployment.hosts) == 1 else f"'localhost, {host.address}'"
    yield value("listen_addresses", where, "this machine, and the private network where others come from", _OWN)
    pools = "pool behind PgBouncer" if deployment.pooled else f"sum over processes of (pool + {BESIDE_POOL})"
    yield value("max_connections", str(connections), f"{pools} + {RESERVED_CONNECTIONS}, in tens", _OWN)
    yield value("shared_buffers", f"{shared}MB", f"memory share {memory} MiB / 4")
    yield value("effective_cache_size", f"{memory * 3 // 4}MB", f"3/4 of {memory} MiB")
    yield value("maintenance_work_mem", f"{min(memory // 16, 8192)}MB", f"min({memory} MiB / 16, 8 GB)")
    formula = f"max(4 MB, ({memory} - {shared}) / (3 x ({connections} connections + {helpers} helpers)))"
    yield value("work_mem", f"{work}MB", formula)
    yield value("wal_buffers", f"{max(1, min(shared * 3 // 100, 16))}MB", "min(3% of shared_buffers, 16 MB)")
    yield value("min_wal_size", "1GB" if host.disk_gb >= 40 else "256MB", "1 GB; less on a disk below 40 GB")
    yield value("max_wal_size", "4GB" if host.disk_gb >= 40 else "1GB", "4 GB; less on a disk below 40 GB")
    yield value("checkpoint_completion_target", "0.9", "writes spread over most of the time between checkpoints")
    yield value("random_page_cost", "1.1", "the disk is an SSD")
    yield value("effective_io_concurrency", "200", "the disk is an SSD")
    yield value("default_statistics_target", "100", "fixed")
    yield value("max_worker_processes", str(helpers), f"max(8, {cores} cores)")
    yield value("max_parallel_workers", str(helpers), "as max_worker_processes")
    parallel = min(4, max(1, cores // 2))
    yield value("max_parallel_workers_per_gather", str(parallel), f"min(4, {cores} cores / 2)")
    yield value("max_parallel_maintenance_workers", str(parallel), f"min(4, {cores} cores / 2)")
    yield value("jit", "off", "compiling costs more than short statements take", _OWN)
    yield value("synchronous_commit", "on", "an acknowledged write is never lost", _OWN)
    yield value("wal_level", "replica", "a replica or an archive can be added without a restart", _POSTGRESQL_DOCS)
    yield value("max_wal_senders", "4", "a replica, a base backup, and one of each being replaced", _POSTGRESQL_DOCS)
    if deployment.standbys:
        yield from _replication(deployment, host, file)
    yield value("shared_preload_libraries", "'pg_stat_statements'", "which statements cost most", _POSTGRESQL_DOCS)
    yield value("log_min_duration_statement", "1000", "slow statements: longer than 1 s", "MeCabal, key metrics")
    yield value("log_parameter_max_length", "0", "what people wrote is not logged", _OWN)
    yield value("password_encryption", "'scram-sha-256'", "no weaker passwords", _POSTGRESQL_DOCS)
    yield value("timezone", "'UTC'", "times are kept in UTC", _OWN)


def _replication(deployment: Deployment, host: Host, file: str) -> Iterator[Setting]:
    """The same on primary and standby, which change places. What a standby follows is written when it is cloned."""

    def value(name: str, value: str, formula: str, source: str = _POSTGRESQL_DOCS) -> Setting:
        return Setting(file, name, value, formula, source)

    yield value("cluster_name", f"'{server_name(host)}'", "its name in pg_stat_replication", _OWN)
    yield value("hot_standby", "on", "a standby answers when it is asked how far it is")
    kept = int(min(max(host.disk_gb / 8, 2), 16)) if host.disk_gb else 4
    formula = "an eighth of the disk, 2 to 16 GB; a standby that is away for longer is cloned anew"
    yield value("max_slot_wal_keep_size", f"{kept}GB", formula)
    formula = "writes do not wait for a standby: one machine less must not stop them"
    yield value("synchronous_standby_names", "''", formula, _OWN)


def server_name(host: Host) -> str:
    """As PostgreSQL takes it for a replication slot."""
    return re.sub(r"[^a-z0-9]", "_", host.name.lower())


def pgbouncer(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """Transaction pooling: many clients, few connections at work."""
    file = f"{host.name}/pgbouncer/pgbouncer.ini"
    pool = pool_behind_pgbouncer(deployment)

    def value(name: str, value: str, formula: str, source: str = _PGBOUNCER_DOCS) -> Setting:
        return Setting(file, name, value, formula, source)

    where = "127.0.0.1" if len(deployment.hosts) == 1 else f"127.0.0.1,{host.address}"
    yield value("listen_addr", where, "this machine, and the private network where others come from", _OWN)
    yield value("listen_port", "6432", "its usual port")
    yield value(
        "pool_mode", "transaction", "a connection is lent for a transaction; Banyan keeps no session state", _OWN
    )
    clients = max(100, ceil(deployment.connections * 1.5 / 10) * 10)
    yield value(
        "max_client_conn", str(clients), "1.5 x what all pools may open, at least 100: old and new side by side"
    )
    yield value("default_pool_size", str(pool), "8 per core of the database, at least 20, at most what pools hold")
    yield value("reserve_pool_size", str(_pooler_reserve(pool)), "a tenth of the pool, for bursts")
    yield value("max_db_connections", str(pool + _pooler_reserve(pool)), "pool and reserve, below max_connections")
    yield value("query_wait_timeout", "5", "as Banyan's database.acquire_timeout_seconds", _OWN)
    yield value("server_idle_timeout", "600", "fixed")
    yield value("ignore_startup_parameters", "extra_float_digits,options", "drivers send them")


def redis(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """A cache and a bus: nothing in it must outlive it, so nothing is written to disk."""
    file = f"{host.name}/redis/redis.conf"
    usable = max(32, host.cache_memory_mib * 3 // 4)
    clients = max(256, ceil(deployment.connections / 100) * 100)

    def value(name: str, value: str, formula: str, source: str = _REDIS_DOCS) -> Setting:
        return Setting(file, name, value, formula, source)

    where = "127.0.0.1 -::1" if len(deployment.hosts) == 1 else f"127.0.0.1 {host.address}"
    yield value("bind", where, "this machine, and the private network where others come from", _OWN)
    yield value("port", "6379", "its usual port")
    yield value(
        "maxmemory", f"{usable}mb", f"3/4 of its {host.cache_memory_mib} MiB: the rest is buffers and fragments"
    )
    yield value("maxmemory-policy", "allkeys-lru", "all of it is cache, limits and bus; jobs are in PostgreSQL", _OWN)
    yield value("save", '""', "nothing in it must outlive it", _OWN)
    yield value("appendonly", "no", "nothing in it must outlive it", _OWN)
    yield value("maxclients", str(clients), "a few per process, at least 256")
    yield value("client-output-buffer-limit", "pubsub 64mb 16mb 60", "a slow process is cut, not buffered without end")
    yield value("tcp-keepalive", "60", "a vanished process is noticed in two minutes")
    yield value("timeout", "0", "the bus is silent at night")
    yield value("lazyfree-lazy-eviction", "yes", "eviction never stops the others")
    if deployment.redis_cluster:
        yield value("dir", "/var/lib/redis", "where cluster-config-file lies")
        yield value("cluster-enabled", "yes", "three servers or more share the keys")
        yield value("cluster-config-file", "nodes.conf", "written by the server itself")
        yield value(
            "cluster-node-timeout", "2000", "as Banyan's redis.timeout_seconds: a member is gone after it", _OWN
        )


def nginx(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """The front: TLS, paths, limits that are loose where many share an address."""
    file = f"{host.name}/nginx/nginx.conf"
    cores = max(1, ceil(host.vcpu))
    connections = max(2048, ceil((2 * deployment.sockets + 4 * deployment.requests_per_second) / cores / 1024) * 1024)

    def value(name: str, value: str, formula: str, source: str = _NGINX_DOCS) -> Setting:
        return Setting(file, name, value, formula, source)

    yield value("worker_processes", str(cores), "one per core")
    formula = f"(2 x {deployment.sockets} sockets + 4 x requests per second) / {cores} cores, in 1024s, at least 2048"
    yield value("worker_connections", str(connections), formula)
    yield value("worker_rlimit_nofile", str(connections * 2), "two files per connection at most")
    yield value("client_max_body_size", "10m", "as Banyan's http.max_body_bytes", _OWN)
    rate = max(100, ceil(deployment.requests_per_second / 4))
    formula = "a quarter of the peak, at least 100: a campus shares an address; Banyan's own limits are the fine ones"
    yield value("limit_req_zone", f"$binary_remote_addr zone=address:10m rate={rate}r/s", formula, _OWN)
    yield value("limit_req", f"zone=address burst={rate * 4} nodelay", "four seconds of it at once", _OWN)
    yield value("limit_conn", "address_connections 10000", "as Banyan's realtime.sockets_per_address", _OWN)
    yield value("keepalive", "32", "idle connections to Banyan that each worker keeps")
    yield value("proxy_read_timeout", "75s", "a silent socket is pinged every 25 s; three of them", _OWN)
    yield value("gzip_min_length", "1024", "as Banyan's http.compress_min_bytes", _OWN)


def environment(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """Banyan's settings, the same on each host but for what lies nearer there."""
    file = f"{host.name}/banyan/banyan.env"

    def value(name: str, value: str, formula: str) -> Setting:
        return Setting(file, name, value, formula, _OWN)

    yield value(
        "BANYAN_COMMUNITY__NAME", f'"{deployment.community or deployment.title}"', "its name on pages and in mails"
    )
    yield value("BANYAN_HTTP__PUBLIC_URL", f"https://{deployment.domain}", "what people open")
    fronts = ["127.0.0.1" if other is host else other.address for other in deployment.hosts_with(Part.BALANCER)]
    proxies = ", ".join(f'"{address}/32"' for address in fronts)
    yield value("BANYAN_HTTP__TRUSTED_PROXIES", f"'[{proxies}]'", "nginx, whose X-Forwarded-For is believed")
    if deployment.processes("realtime"):
        yield value(
            "BANYAN_REALTIME__URL", f"wss://{deployment.domain}/v1/socket", "sockets have processes of their own"
        )
    groups = deployment.processes("realtime") or deployment.processes("all")
    processes = sum(process.count for _, process in groups) or 1
    most = max(_MAX_SOCKETS_DEFAULT, ceil(deployment.sockets * 1.5 / processes / 1000) * 1000)
    yield value("BANYAN_REALTIME__MAX_SOCKETS", str(most), f"1.5 x {deployment.sockets} / {processes}, at least 18,000")
    yield value("BANYAN_DATABASE__URL_FILE", "/etc/banyan/database-url", "a secret")
    yield value("BANYAN_AUTH__SIGNING_KEY_FILE", "/etc/banyan/signing-key", "a secret")
    yield value("BANYAN_AUTH__SECRET_FILE", "/etc/banyan/secret", "a secret")
    if deployment.hosts_with(Part.CACHE):
        yield value("BANYAN_REDIS__URL_FILE", "/etc/banyan/redis-url", "a secret where the network is shared")
    if len(deployment.hosts) > 1:
        yield value(
            "BANYAN_HTTP__METRICS_TOKEN_FILE", "/etc/banyan/metrics-token", "Prometheus asks from another machine"
        )
    if deployment.pooled:
        yield value("BANYAN_DATABASE__PREPARED_STATEMENTS", "false", "PgBouncer lends connections by transaction")


def workers(host: Host) -> Iterator[Setting]:
    """How many processes of each kind, and the pool of each."""
    file = f"{host.name}/systemd/banyan.target"
    for process in host.processes:
        yield Setting(file, f"{process.name}.processes", str(process.count), _process_rule(process), _OWN)
        formula = "connections in use at peak (Little's law) with room, over its processes"
        yield Setting(file, f"{process.name}.pool_size", str(process.pool_size), formula, _OWN)
        formula = "measured memory of a process, and what its sockets and caches take"
        yield Setting(file, f"{process.name}.memory_mib", str(process.memory_mib), formula, _OWN)


def _process_rule(process: Process) -> str:
    if process.name == "scheduler":
        return "one does the work, a second would wait for it"
    return "one per core that its work needs (Erlang-C at the p95 objective)"


def files_of(deployment: Deployment, host: Host) -> int:
    """Open files that one process of this host may need at most."""
    sockets = max(_MAX_SOCKETS_DEFAULT, deployment.sockets)
    return max(65_536, 2 ** (2 * sockets).bit_length()) if host.processes or host.has(Part.BALANCER) else 65_536


def kernel(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """What the kernel allows: queues, ports, memory of sockets."""
    file = f"{host.name}/sysctl/90-banyan.conf"

    def value(name: str, value: str, formula: str, source: str = _KERNEL) -> Setting:
        return Setting(file, name, value, formula, source)

    yield value("net.core.somaxconn", "4096", "connections that wait to be accepted", "accounts store, 1")
    yield value("net.ipv4.tcp_max_syn_backlog", "8192", "handshakes under way", "accounts store, 1")
    yield value("net.ipv4.ip_local_port_range", "10000 65535", "ports towards processes behind", "accounts store, 1")
    yield value("net.ipv4.tcp_keepalive_time", "120", "peers that vanished are noticed")
    yield value("net.ipv4.tcp_slow_start_after_idle", "0", "a kept connection stays fast")
    yield value("vm.swappiness", "10", "servers are not swapped out for file cache")
    yield value("fs.file-max", str(max(1_048_576, 4 * files_of(deployment, host))), "4 x a process' open files")
    yield value("fs.nr_open", str(max(1_048_576, files_of(deployment, host))), "at least a process' open files")
    if host.has(Part.DATABASE):
        yield value("vm.dirty_background_bytes", "67108864", "64 MiB: small and steady writes", _POSTGRESQL_DOCS)
        yield value("vm.dirty_bytes", "536870912", "512 MiB: no long stall at a checkpoint", _POSTGRESQL_DOCS)
    if host.has(Part.BALANCER):
        tracked = max(262_144, 2 ** (4 * deployment.sockets).bit_length())
        # The leading minus: the key exists only where a firewall tracks connections.
        yield value("-net.netfilter.nf_conntrack_max", str(tracked), "4 x sockets, at least 262,144")


def limits(deployment: Deployment, host: Host) -> Iterator[Setting]:
    """Open files, for shells and services that systemd does not start (units have limits of their own)."""
    file = f"{host.name}/limits/90-banyan.conf"
    files = str(files_of(deployment, host))
    formula = "2 x sockets of a process, a power of two, at least 65,536"
    users = ["banyan"] if host.processes else []
    users += ["www-data"] if host.has(Part.BALANCER) else []
    users += ["postgres"] if host.has(Part.DATABASE) else []
    for user in users:
        for kind in ("soft", "hard"):
            yield Setting(file, f"{user} {kind} nofile", files, formula, "accounts store, 1")
