"""A primary and its standbys: the scripts that clone and promote, what is measured, and what to do when one is lost.

The standby follows through a slot of its own, asynchronously: a standby that is gone stops no write, and what was
written in the last moment before a primary is lost may be lost with it. So clients begin anew after a promotion, as
after a restore: what they have seen may be newer than the database.
"""

from collections.abc import Iterator

from banyan.planner.configuration import server_name
from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.render.settings_files import DATABASE, REPLICATOR
from banyan.planner.render.systemd import backup_host

_CLONE = """\
#!/bin/sh
# Makes this machine's PostgreSQL a standby of another. As postgres, while the server here is stopped:
#   sh clone-primary.sh ADDRESS-OF-THE-PRIMARY [DATA-DIRECTORY]
# What the server held before is kept beside its directory: delete that when the standby follows. The password of
# {replicator} is taken from ~/.pgpass (ADDRESS:5432:replication:{replicator}:PASSWORD).
set -eu
primary=$1
data=${{2:-$(ls -d /var/lib/postgresql/*/main)}}
slot={slot}

if [ -e "$data/postmaster.pid" ]; then
    echo "PostgreSQL still runs on $data: stop it first." >&2
    exit 1
fi
# A slot of an earlier clone keeps what nobody reads any more.
psql -X -q -d "host=$primary user={replicator} dbname=postgres replication=true" -c "DROP_REPLICATION_SLOT $slot" \\
    2>/dev/null || true
if [ -e "$data" ]; then
    mv "$data" "$data.before-$(date +%Y%m%d-%H%M%S)"
fi
pg_basebackup --host "$primary" --username {replicator} --pgdata "$data" --wal-method stream --checkpoint fast \\
    --create-slot --slot "$slot" --write-recovery-conf
echo "Cloned from $primary. Start PostgreSQL here; on the primary, pg_stat_replication then names $slot."
"""

_PROMOTE = """\
#!/bin/sh
# Makes this machine's PostgreSQL the primary. As postgres; only when the old primary is off and stays off, because two
# primaries take different writes. See FAILOVER.md.
set -eu
psql -X -q -v ON_ERROR_STOP=1 -d {database} <<'SQL'
DO $$ BEGIN
    IF NOT pg_is_in_recovery() THEN RAISE 'this is a primary already'; END IF;
    IF NOT pg_promote(true, 60) THEN RAISE 'it did not end its recovery within 60 s'; END IF;
END $$;
-- What clients have seen may be newer than this database: each begins anew.
UPDATE streams_streams SET epoch = gen_random_uuid();
UPDATE streams_logs SET epoch = gen_random_uuid();
SQL
echo "This is the primary now."
"""

_MEASURE = """\
-- For Prometheus, through the text files of its node exporter.
SELECT 'postgresql_is_primary ' || (NOT pg_is_in_recovery())::int
UNION ALL
SELECT 'postgresql_standbys_streaming ' || count(*) FROM pg_stat_replication WHERE state = 'streaming'
UNION ALL
SELECT 'postgresql_standby_lag_bytes{standby="' || slot_name || '"} '
    || CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) END
FROM pg_replication_slots WHERE slot_type = 'physical';
"""

_SERVICE = """\
[Unit]
Description=How far the standbys of this PostgreSQL are, for Prometheus
After=postgresql.service

[Service]
Type=oneshot
UMask=0022
ExecStart=/bin/sh -c 'runuser -u postgres -- psql -XAtq -d postgres -f {folder}/replication.sql > {file}.part'
ExecStart=/bin/mv {file}.part {file}
ProtectHome=yes
ProtectSystem=full
PrivateTmp=yes
"""

_TIMER = """\
[Unit]
Description=Every 15 seconds: how far the standbys of this PostgreSQL are

[Timer]
OnBootSec=15s
OnUnitActiveSec=15s
AccuracySec=1s

[Install]
WantedBy=timers.target
"""

FOLDER = "/etc/banyan-postgresql"
_TEXT_FILE = "/var/lib/prometheus/node-exporter/postgresql.prom"


def replication_files(deployment: Deployment, host: Host) -> dict[str, str]:
    """For each PostgreSQL of several, by path: either may become the primary. None where there is one alone."""
    if not deployment.standbys or not host.has(Part.DATABASE):
        return {}
    return {
        "postgresql/clone-primary.sh": _CLONE.format(replicator=REPLICATOR, slot=server_name(host)),
        "postgresql/promote.sh": _PROMOTE.format(database=DATABASE),
        "postgresql/replication.sql": _MEASURE,
        "systemd/banyan-replication.service": _SERVICE.format(folder=FOLDER, file=_TEXT_FILE),
        "systemd/banyan-replication.timer": _TIMER,
    }


def failover_md(deployment: Deployment) -> str:
    """FAILOVER.md: what to do when a machine is lost, in order. For deployments with a standby."""
    lines = [f"# When a machine of {deployment.title} (phase {deployment.phase}) is lost", ""]
    lines += ["Nothing below happens by itself but what is said to: a person decides that a machine is lost.", ""]
    lines += ["## The primary database", "", *_numbered(_primary(deployment)), ""]
    lines += ["## A standby", "", *_numbered(_standby()), ""]
    lines += ["## An application machine", "", *_app(deployment), ""]
    lines += ["## A balancer", "", *_balancer(deployment), ""]
    lines += ["## Redis", "", *_cache(deployment), ""]
    lines += ["## Once a quarter, on purpose", ""]
    lines += [
        "Change places in the quiet hour: stop the primary cleanly (`systemctl stop postgresql`: it hands all it has"
    ]
    lines += ["to its standbys first), then the steps above. What was never tried does not work when it is needed."]
    return "\n".join(lines) + "\n"


def _numbered(steps: Iterator[str]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _primary(deployment: Deployment) -> Iterator[str]:
    standby = deployment.standbys[0]
    yield (
        "A restart of PostgreSQL or of the machine takes a minute or two and loses nothing: try that first. Meanwhile "
        "Banyan answers 503 and goes on by itself."
    )
    yield (
        "Is it lost for longer: **make sure that it stays off**. Power it off at the provider; if it still answers, "
        "`systemctl disable --now postgresql`. Two primaries take different writes, and those of one are thrown away."
    )
    yield (
        f"On {standby.name}: `sudo -u postgres sh {FOLDER}/promote.sh`. What had not arrived there is lost: "
        "`postgresql_standby_lag_bytes` in Prometheus says how much that was, mostly nothing."
    )
    if deployment.pooled:
        yield f"On {standby.name}: `systemctl restart pgbouncer`, which remembers that its server was a standby."
    yield (
        f"Banyan finds it by itself, because its database-url names both. Put {standby.address} first there (and in "
        "database-url-direct), so that nobody waits for a machine that is gone, and restart the processes one by one: "
        "`systemctl restart 'banyan-*@*'` on one application machine, then on the next."
    )
    yield "A new machine, or the old one when it is back, becomes the standby: the next section."


def _standby() -> Iterator[str]:
    yield (
        "Writes go on. The primary keeps what a standby misses up to max_slot_wal_keep_size; if it comes back before, "
        "it follows by itself (`SELECT * FROM pg_stat_replication` on the primary)."
    )
    yield (
        "Otherwise clone it anew, on it: `systemctl stop postgresql`, "
        f"`sudo -u postgres sh {FOLDER}/clone-primary.sh ADDRESS-OF-THE-PRIMARY`, `systemctl start postgresql`."
    )
    yield (
        "If it never comes back, let go of its slot on the primary: `SELECT pg_drop_replication_slot(slot_name) FROM "
        "pg_replication_slots WHERE NOT active`."
    )


def _app(deployment: Deployment) -> Iterator[str]:
    yield "- nginx passes it over within seconds, its sockets come back elsewhere, its jobs are taken over within 30 s."
    yield "- The scheduler of the other machine goes on."
    place = backup_host(deployment).name
    yield (
        f"- Backups are taken on {place}: if it is lost, copy its two timers and their services to another, "
        "and start them."
    )


def _balancer(deployment: Deployment) -> Iterator[str]:
    if len(deployment.hosts_with(Part.BALANCER)) == 1:
        yield "- There is one: nobody gets in while it is gone. Put its files on an application machine, and point the"
        yield "  domain there."
        return
    yield "- The domain has the addresses of all: browsers and most clients go on with the next by themselves."
    yield "- Take its address out of the domain's (TTL of 60 s), until it is back."
    yield "- Certificates are renewed on the first: if that is the lost one, run certbot on the next."


def _cache(deployment: Deployment) -> Iterator[str]:
    yield (
        "- Banyan goes on without: events go over PostgreSQL, `/readyz` says `redis: degraded`. Nothing is "
        "stored there."
    )
    caches = deployment.hosts_with(Part.CACHE)
    if deployment.redis_cluster:
        yield (
            "- Events return to Redis when the member is back with its nodes.conf, or when its keys are "
            "given to others:"
        )
        yield "  `redis-cli --cluster fix ADDRESS:6379 --cluster-fix-with-unreachable-masters`."
    elif len(caches) > 1:
        yield (
            f"- {caches[1].name} has another, empty: put {caches[1].address} into redis-url on the "
            "application machines,"
        )
        yield "  and restart the processes one by one. All have to name the same one."
