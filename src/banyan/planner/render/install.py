"""README.md: how the files of a phase are put in place, from new machines to a running installation."""

from collections.abc import Iterator

from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.render.phases import size_words
from banyan.planner.render.prometheus import monitoring_host
from banyan.planner.render.replication import FOLDER
from banyan.planner.render.settings_files import REPLICATOR
from banyan.planner.render.systemd import AFTER_BACKUP, BACKUPS, backup_calendar, backup_host, trial_calendar

_PACKAGES = {
    Part.BALANCER: "nginx certbot",
    Part.DATABASE: "postgresql postgresql-contrib",
    Part.POOLER: "pgbouncer",
    Part.CACHE: "redis-server",
}
_DATABASE_PORT, _POOLER_PORT = 5432, 6432


def install_md(deployment: Deployment) -> str:
    """The page. Nothing on it depends on the day, so that two renderings of a phase can be compared."""
    lines = [f"# {deployment.title}: phase {deployment.phase}", ""]
    lines += ["Made by `banyan plan render`, for Debian 12 or newer. One folder per machine:", ""]
    lines += [*_machines(deployment), "", *_notes(deployment), ""]
    lines += ["## Secrets, made once", "", *_secrets(deployment), ""]
    lines += ["## The machines, in this order", "", "As root, in the machine's folder.", ""]
    order = sorted(deployment.hosts, key=lambda host: (not host.has(Part.DATABASE), host.has(Part.BALANCER)))
    for host in order:
        lines += [f"### {host.name}", "", *_steps(deployment, host), ""]
    lines += ["## Then", "", *_afterwards(deployment), ""]
    lines += ["## A new version of Banyan", "", *_update(deployment), ""]
    lines += ["## With containers instead", "", *_containers(deployment), ""]
    return "\n".join(lines).rstrip() + "\n"


def _machines(deployment: Deployment) -> Iterator[str]:
    yield "| machine | address | size | runs |"
    yield "|---|---|---|---|"
    for host in deployment.hosts:
        runs = [f"{process.count} x {process.name}" for process in host.processes] + [str(part) for part in host.parts]
        size = size_words(host.vcpu, host.ram_gib, host.disk_gb)
        size += f" ({host.rented})" if host.rented else ""
        size += " (assumed)" if host.assumed else ""
        yield f"| {host.name} | {host.address} | {size} | {', '.join(runs)} |"


def _notes(deployment: Deployment) -> Iterator[str]:
    if len(deployment.hosts) > 1:
        yield (
            "- The addresses are examples of a private network: write yours over them before anything else, "
            "in all files"
        )
        yield (
            "  (`grep -rlF 10.0.0.10 . | xargs sed -i 's/\\b10\\.0\\.0\\.10\\b/YOURS/g'`, and so on, the "
            "highest first)."
        )
        yield "  Nobody else may be in that network: inside it nothing is encrypted."
    if any(host.assumed for host in deployment.hosts):
        yield (
            "- Sizes marked as assumed stand nowhere in the document: with others, write them into the "
            "plan's file and render"
        )
        yield "  again, for PostgreSQL's memory follows from them."
    if deployment.topology == "replicated" and not deployment.standbys and not deployment.managed_database:
        yield (
            "- The phase is called replicated, but has one machine for the database: nothing can take over "
            "from it. Give"
        )
        yield "  the role database a second machine, and render again."
    if deployment.standbys:
        names = ", ".join(host.name for host in deployment.standbys)
        yield (
            f"- {deployment.hosts_with(Part.DATABASE)[0].name} has the primary database; {names} follows it, "
            "and takes over"
        )
        yield "  when a person says so: FAILOVER.md."
    if deployment.managed_database:
        yield (
            f"- The database is rented as a service: it has to take {deployment.connections + _SPARE} "
            "connections, and to be"
        )
        yield "  PostgreSQL 15 or newer."
    if deployment.redis_cluster:
        yield "- Redis is a cluster without replicas: nothing is stored in it, and Banyan goes on without."


_SPARE = 10  # operators, backups, monitoring


def _secrets(deployment: Deployment) -> Iterator[str]:
    yield "The same on every machine that needs them; nothing below goes into the checkout or the repository."
    yield ""
    yield "- `signing-key`: `openssl genpkey -algorithm ed25519`; `secret`: `openssl rand -base64 48`"
    yield "- a password of the database's user banyan: `openssl rand -hex 24`, for database-url below"
    if deployment.standbys:
        yield f"- a password of the database's user {REPLICATOR}: `openssl rand -hex 24`"
    if len(deployment.hosts) > 1:
        yield "- a password of Redis: `openssl rand -hex 24`, for redis-url below"
        yield "- `metrics-token`: `openssl rand -hex 24`, by which Prometheus may ask"


def _steps(deployment: Deployment, host: Host) -> Iterator[str]:
    number = iter(range(1, 100))
    names = [_PACKAGES[part] for part in host.parts if part is not Part.POOLER or deployment.pooled]
    names += ["git python3-venv"] if host.processes else []
    names += ["prometheus"] if host is monitoring_host(deployment) else []
    yield f"{next(number)}. `apt-get install {' '.join([*names, 'prometheus-node-exporter'])}`"
    opened = "22, 80, 443" if host.has(Part.BALANCER) else "22"
    yield f"{next(number)}. Firewall: from outside only {opened}; between these machines everything."
    yield f"{next(number)}. `cp sysctl/90-banyan.conf /etc/sysctl.d/ && sysctl --system`"
    yield "   `cp limits/90-banyan.conf /etc/security/limits.d/`"
    if host.has(Part.DATABASE):
        yield from _database_steps(deployment, host, number)
    if host.has(Part.CACHE):
        yield from _cache_steps(deployment, host, number)
    if host.has(Part.POOLER) and deployment.pooled:
        yield f"{next(number)}. `cp pgbouncer/pgbouncer.ini /etc/pgbouncer/`; its users are the database's:"
        yield "   `sudo -u postgres psql -XAt < pgbouncer/userlist.sql > /etc/pgbouncer/userlist.txt`"
        yield "   `chown postgres /etc/pgbouncer/userlist.txt`, `chmod 0600` it, `systemctl restart pgbouncer`"
    if host.processes:
        yield from _banyan_steps(deployment, host, number)
    if host.has(Part.BALANCER):
        yield from _balancer_steps(deployment, host, number)
    if host is monitoring_host(deployment):
        yield f"{next(number)}. `cp prometheus/* /etc/prometheus/`" + (
            ", the metrics-token to /etc/prometheus/banyan-metrics-token (0640, root:prometheus),"
            if len(deployment.hosts) > 1
            else ","
        )
        yield (
            "   `promtool check config /etc/prometheus/prometheus.yml`, `systemctl restart prometheus`. Who "
            "is called is up to"
        )
        yield "   an Alertmanager: name it in prometheus.yml."


def _database_steps(deployment: Deployment, host: Host, number: Iterator[int]) -> Iterator[str]:
    yield f"{next(number)}. `cp postgresql/postgresql.conf /etc/postgresql/*/main/conf.d/banyan.conf`"
    yield "   `cp postgresql/pg_hba.conf /etc/postgresql/*/main/`"
    primary = deployment.hosts_with(Part.DATABASE)[0]
    if host is primary:
        yield "   `systemctl restart postgresql`, then with the passwords from above:"
        yield "   `sudo -u postgres createuser -P banyan`, `sudo -u postgres createdb -O banyan banyan`"
        yield "   `sudo -u postgres psql -d banyan -c 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements'`"
    if not deployment.standbys:
        return
    if host is primary:
        yield f"   `sudo -u postgres createuser -P --replication {REPLICATOR}`"
    yield f"{next(number)}. `install -d {FOLDER} && cp postgresql/*.sh postgresql/*.sql {FOLDER}/`"
    yield "   `cp systemd/banyan-replication.* /etc/systemd/system/ && systemctl daemon-reload`"
    yield "   `systemctl enable --now banyan-replication.timer`"
    mates = [other for other in deployment.hosts_with(Part.DATABASE) if other is not host]
    lines = ", ".join(f"{other.address}:*:replication:{REPLICATOR}:PASSWORD" for other in mates)
    yield f"   In ~postgres/.pgpass (0600, postgres): {lines}"
    if host is not primary:
        yield (
            f"{next(number)}. `systemctl stop postgresql`, `sudo -u postgres sh {FOLDER}/clone-primary.sh "
            f"{primary.address}`,"
        )
        yield "   `systemctl start postgresql`; on the primary `SELECT * FROM pg_stat_replication` has a line more."


def _cache_steps(deployment: Deployment, host: Host, number: Iterator[int]) -> Iterator[str]:
    password = (
        ""
        if len(deployment.hosts) == 1
        else "; `requirepass PASSWORD` into /etc/redis/password.conf (0640, root:redis)"
    )
    yield f"{next(number)}. `cp redis/redis.conf /etc/redis/`{password}; `systemctl restart redis-server`"
    caches = deployment.hosts_with(Part.CACHE)
    if deployment.redis_cluster and host is caches[-1]:
        members = " ".join(f"{other.address}:6379" for other in caches)
        yield f"   All of them run? Then once: `redis-cli -a PASSWORD --cluster create {members}`"
    elif host is not caches[0]:
        yield f"   It waits, empty, for the day when {caches[0].name} is lost (FAILOVER.md): redis-url names the other."


def database_url(deployment: Deployment, host: Host, *, direct: bool = False) -> str:
    """How Banyan on that host finds the primary: with standbys all are named, and whichever is the primary is taken."""
    if deployment.managed_database:
        return "postgresql://banyan:PASSWORD@HOST-OF-THE-SERVICE:5432/banyan?sslmode=require"
    port = _POOLER_PORT if deployment.pooled and not direct else _DATABASE_PORT
    databases = deployment.hosts_with(Part.DATABASE)
    where = ",".join(f"{'127.0.0.1' if other is host else other.address}:{port}" for other in databases)
    return f"postgresql://banyan:PASSWORD@{where}/banyan" + (
        "?target_session_attrs=primary" if len(databases) > 1 else ""
    )


def _banyan_steps(deployment: Deployment, host: Host, number: Iterator[int]) -> Iterator[str]:
    folder = deployment.folder
    yield f"{next(number)}. `useradd --system --home {folder} banyan`; a checkout of Banyan in {folder}, banyan's own;"
    yield f"   `sudo -u banyan {folder}/banyan --help` once: it makes its environment."
    yield (
        f"{next(number)}. In /etc/banyan (0750, root:banyan): `banyan.env` from here, `signing-key` and "
        "`secret` (as all, 0640), and"
    )
    yield f"   `database-url`: {database_url(deployment, host)}"
    if deployment.pooled:
        yield f"   `database-url-direct`: {database_url(deployment, host, direct=True)} (migrations, backups)"
    for cache in deployment.hosts_with(Part.CACHE)[:1]:
        password = "" if len(deployment.hosts) == 1 else ":PASSWORD@"
        yield f"   `redis-url`: redis://{password}{'127.0.0.1' if cache is host else cache.address}:6379/0"
    if len(deployment.hosts) > 1:
        yield "   `metrics-token`"
    yield (
        "   Mail: BANYAN_MAIL__HOST, __USERNAME, __PASSWORD_FILE and __FROM_ADDRESS in `banyan.env`; without "
        "them none leaves."
    )
    backs_up = host is backup_host(deployment)
    if backs_up:
        yield (
            f"{next(number)}. `install -d -m 0700 -o banyan -g banyan {BACKUPS}`, and in {AFTER_BACKUP} "
            "(executable) what"
        )
        yield "   takes them to another place: rclone, restic, rsync. They hold everything but the two secrets."
    yield f"{next(number)}. `cp systemd/* /etc/systemd/system/ && systemctl daemon-reload`"
    timers = " banyan-backup.timer banyan-restore-test.timer" if backs_up else ""
    yield f"   `systemctl enable --now banyan.target{timers}`"


def _balancer_steps(deployment: Deployment, host: Host, number: Iterator[int]) -> Iterator[str]:
    balancers = deployment.hosts_with(Part.BALANCER)
    domain = deployment.domain
    addresses = "its address" if len(balancers) == 1 else "the addresses of all balancers (a TTL of 60 s)"
    if host is balancers[0]:
        yield (
            f"{next(number)}. {domain} points to {addresses}. A certificate, by the page that nginx has after "
            "its installation:"
        )
        yield f"   `certbot certonly --webroot -w /var/www/html -d {domain} --deploy-hook 'systemctl reload nginx'`"
        if len(balancers) > 1:
            yield "   (while the others do not answer yet, only this one's address in the domain)"
    else:
        yield (
            f"{next(number)}. The certificate is {balancers[0].name}'s, which renews it: copy "
            "/etc/letsencrypt from there now, and let"
        )
        yield (
            "   a script in its /etc/letsencrypt/renewal-hooks/deploy do so: `rsync -a /etc/letsencrypt/ "
            f"{host.address}:/etc/letsencrypt/"
        )
        yield f"   && ssh {host.address} systemctl reload nginx`."
    yield f"{next(number)}. `cp nginx/nginx.conf /etc/nginx/`, `nginx -t && systemctl reload nginx`"


def _afterwards(deployment: Deployment) -> Iterator[str]:
    yield f"- `curl -f https://{deployment.domain}/readyz`, and `banyan status` on each machine."
    yield "- The first admin: `banyan admin first-admin-link`."
    yield f"- Backups: {backup_calendar(deployment)} on {backup_host(deployment).name}, kept"
    yield f"  {deployment.backup_retention_days} days in {BACKUPS}."
    yield f"- Restore tests: {trial_calendar(deployment)}; `journalctl -u banyan-restore-test` says RPO and RTO."


def _update(deployment: Deployment) -> Iterator[str]:
    yield "1. `systemctl start banyan-backup`, on the machine that has it."
    yield (
        f"2. On each machine with Banyan: the new checkout in {deployment.folder}, `sudo -u banyan "
        f"{deployment.folder}/banyan --help`."
    )
    yield "3. On one of them `systemctl restart banyan-migrate`: it is safe while the version before serves."
    yield (
        "4. The processes one after the other (`systemctl restart banyan-api@8000`, then the next), so that "
        "one always answers."
    )


def _containers(deployment: Deployment) -> Iterator[str]:
    yield "One of the two ways, not both. sysctl and limits are the machine's, as above; in the machine's folder:"
    yield ""
    yield "- a checkout of Banyan as `./source`, and `docker compose build`"
    yield "- the secrets in `./secrets` by the names above: the folder 0700, the files 0644, for containers read them"
    yield "  as users of their own. Beside a database also `database-password`."
    if deployment.pooled:
        yield "- `secrets/userlist.txt` is PgBouncer's."
    if len(deployment.hosts) > 1:
        yield "- `secrets/redis-password.conf` holds `requirepass PASSWORD`."
    if deployment.standbys:
        yield from _cloned_containers()
    yield f"- The first certificate: `certbot certonly --standalone -d {deployment.domain}`"
    yield "- Later ones: `certbot renew --webroot -w /var/www/html`,"
    yield "  `docker compose exec balancer nginx -s reload`"
    yield "- `docker compose up -d`"
    yield f"- Backups on {backup_host(deployment).name}, by cron: `docker compose run --rm backup`"


def _cloned_containers() -> Iterator[str]:
    psql = "`docker compose exec database psql -U banyan -h 127.0.0.1`"
    yield f"- On the primary, once it is up, {psql}:"
    yield f"  `CREATE ROLE {REPLICATOR} LOGIN REPLICATION PASSWORD '...'`"
    yield "- Its password also in `secrets/replication-password` of each database."
    yield "- A standby before its first `up`, and anew after its volume is removed: `docker compose run --rm clone`"
    yield f"- Promoting it: {psql} with the statements of promote.sh."
