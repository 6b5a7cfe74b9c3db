"""Two pages for people: how the files of a phase are put in place, and what to do when the phase is outgrown."""

from collections.abc import Iterator

from banyan.planner.configuration import max_connections
from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.render.prometheus import alarms
from banyan.planner.render.systemd import BACKUPS, backup_calendar, backup_host, instances, trial_calendar

_PACKAGES = {
    Part.BALANCER: "nginx",
    Part.DATABASE: "postgresql postgresql-contrib",
    Part.POOLER: "pgbouncer",
    Part.CACHE: "redis-server",
}


def install_md(deployment: Deployment) -> str:
    """README.md: from new machines to a running installation."""
    lines = [f"# {deployment.title}: phase {deployment.phase}", ""]
    lines += ["Made by `banyan plan render`. One folder per machine:", "", *_machines(deployment), ""]
    lines += ["## First the machines, in this order", ""]
    order = sorted(deployment.hosts, key=lambda host: (not host.has(Part.DATABASE), host.has(Part.BALANCER)))
    for host in order:
        lines += [f"### {host.name}", "", *_steps(deployment, host), ""]
    lines += ["## Then", "", *_afterwards(deployment), ""]
    lines += ["With containers instead: put secrets into `./secrets` of a machine's folder (the same names), copy a"]
    lines += [
        "checkout of Banyan beside `docker-compose.yml`, and `docker compose up -d`. One of the two ways, not both."
    ]
    return "\n".join(lines) + "\n"


def _machines(deployment: Deployment) -> Iterator[str]:
    yield "| machine | address | size | runs |"
    yield "|---|---|---|---|"
    for host in deployment.hosts:
        runs = [f"{process.count} x {process.name}" for process in host.processes] + [str(part) for part in host.parts]
        size = f"{host.vcpu:g} vCPU, {host.ram_gib:g} GiB, {host.disk_gb:g} GB"
        yield f"| {host.name} | {host.address} | {size} {host.rented} | {', '.join(runs)} |"


def _steps(deployment: Deployment, host: Host) -> Iterator[str]:
    number = iter(range(1, 100))
    packages = " ".join(_PACKAGES[part] for part in host.parts)
    yield f"{next(number)}. `apt-get install {packages} python3-venv prometheus-node-exporter`".replace("  ", " ")
    opened = "22, 80, 443" if host.has(Part.BALANCER) else "22"
    yield f"{next(number)}. Firewall: from outside only {opened}; between these machines everything."
    yield f"{next(number)}. `cp sysctl/90-banyan.conf /etc/sysctl.d/ && sysctl --system`;"
    yield "   `cp limits/90-banyan.conf /etc/security/limits.d/`"
    if host.has(Part.DATABASE):
        yield f"{next(number)}. `cp postgresql/postgresql.conf /etc/postgresql/*/main/conf.d/banyan.conf`,"
        yield "   `cp postgresql/pg_hba.conf /etc/postgresql/*/main/`, restart PostgreSQL, then as postgres:"
        yield "   `createuser -P banyan && createdb -O banyan banyan`"
        yield "   `psql -d banyan -c 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements'`"
    if host.has(Part.CACHE):
        password = "" if len(deployment.hosts) == 1 else "; write `requirepass ...` to /etc/redis/password.conf (0640)"
        yield f"{next(number)}. `cp redis/redis.conf /etc/redis/`{password}; restart redis-server."
    if host.has(Part.POOLER):
        needed = "" if deployment.pooled else " (not in this phase: `systemctl disable --now pgbouncer`)"
        yield f"{next(number)}. `cp pgbouncer/pgbouncer.ini /etc/pgbouncer/`, fill userlist.txt, restart{needed}."
    if host.processes:
        yield from _banyan_steps(deployment, host, number)
    if host.has(Part.BALANCER):
        yield f"{next(number)}. A certificate for {deployment.domain} (`certbot certonly --webroot -w /var/www/acme`),"
        yield "   `cp nginx/nginx.conf /etc/nginx/`, `nginx -t && systemctl reload nginx`."
        yield f"{next(number)}. `cp prometheus/* /etc/prometheus/`, restart Prometheus (here or on its own machine)."


def _banyan_steps(deployment: Deployment, host: Host, number: Iterator[int]) -> Iterator[str]:
    folder = deployment.folder
    yield f"{next(number)}. `useradd --system --home {folder} banyan`; a checkout of Banyan in {folder}, banyan's own;"
    yield f"   `sudo -u banyan {folder}/banyan --help` once: it makes its environment."
    yield f"{next(number)}. In /etc/banyan (0750, root:banyan): `banyan.env` from here, and the secrets, 0640:"
    server = "127.0.0.1" if host.has(Part.DATABASE) else deployment.host_of(Part.DATABASE).address
    port = 6432 if deployment.pooled else 5432
    yield f"   `database-url`: postgresql://banyan:PASSWORD@{server}:{port}/banyan"
    if deployment.pooled:
        yield f"   `database-url-direct`: postgresql://banyan:PASSWORD@{server}:5432/banyan (migrations, backups)"
    yield "   `signing-key`: `openssl genpkey -algorithm ed25519`; `secret`: `openssl rand -base64 48`"
    for cache in deployment.hosts_with(Part.CACHE)[:1]:
        at = "127.0.0.1" if cache is host else f":PASSWORD@{cache.address}"
        yield f"   `redis-url`: redis://{at}:6379/0"
    if len(deployment.hosts) > 1:
        yield "   `metrics-token`: `openssl rand -hex 24`, for Prometheus too (/etc/prometheus/banyan-metrics-token)"
    if host is backup_host(deployment):
        yield f"{next(number)}. `install -d -m 0700 -o banyan -g banyan {BACKUPS}`"
    yield f"{next(number)}. `cp systemd/* /etc/systemd/system/ && systemctl daemon-reload`"
    timers = " banyan-backup.timer banyan-restore-test.timer" if host is backup_host(deployment) else ""
    yield f"   `systemctl enable --now banyan.target{timers}`"


def _afterwards(deployment: Deployment) -> Iterator[str]:
    yield f"- `curl -f https://{deployment.domain}/readyz`, and `banyan status` on each machine."
    yield "- The first admin: `banyan admin first-admin-link`."
    yield f"- Backups: {backup_calendar(deployment)}, kept {deployment.backup_retention_days} days in {BACKUPS}; copy"
    yield "  them to another place, they hold the installation's secrets."
    yield f"- Restore tests: {trial_calendar(deployment)}; `journalctl -u banyan-restore-test` says RPO and RTO."


def upgrade_md(deployment: Deployment) -> str:
    """UPGRADE.md: how one sees that the phase is outgrown, and what to do then, in order."""
    lines = [f"# When phase {deployment.phase} of {deployment.title} is outgrown", ""]
    lines += ["## How one sees it", "", "| what | warning | critical | for | first |", "|---|---|---|---|---|"]
    for alarm in alarms(deployment):
        sign = "above" if alarm.above else "below"
        figures = f"{sign} {alarm.warning:g} | {alarm.critical:g} | {alarm.for_minutes:g} min"
        lines.append(f"| {alarm.name.replace('_', ' ')} | {figures} | {alarm.action} |")
    lines += ["", "## First what costs nothing", "", *_free(deployment), ""]
    step = deployment.next_step
    if step is None:
        lines += [
            "## Then",
            "",
            "The plan has no further phase: make a new one with today's figures (`banyan plan show`).",
        ]
        return "\n".join(lines) + "\n"
    lines += [f"## Then: {step.name} ({step.topology.replace('_', ' ')})", ""]
    lines += [
        f"Outgrown because of {step.because}. Order {step.lead_time_days} days before the date that the plan names."
    ]
    lines += [f"It costs {step.extra_cost_month} more a month.", "", "Machines:", ""]
    lines += [f"- {machine}" for machine in step.machines]
    lines += ["", f"`banyan plan render FILE --phase {step.name} --out NEXT` makes their files.", ""]
    lines += ["In order:", "", *_numbered(_moves(deployment, step.topology))]
    lines += ["", "## If it goes wrong", "", *_back(deployment, step.topology)]
    return "\n".join(lines) + "\n"


def _numbered(steps: Iterator[str]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _free(deployment: Deployment) -> Iterator[str]:
    yield "- The slowest statements (`SELECT * FROM pg_stat_statements ORDER BY total_exec_time DESC`): an index?"
    yield (
        "- Cores idle while requests wait? One more process of the kind that is busy. All pools together may open "
        f"{deployment.connections} now, and max_connections is {max_connections(deployment)}."
    )
    yield "- Memory: is anything else running on the machine (`systemd-cgtop`)?"
    yield f"- Disk: backups older than needed, logs (`du -xh / | sort -h | tail`); {BACKUPS} belongs elsewhere."


def _moves(deployment: Deployment, topology: str) -> Iterator[str]:
    yield (
        f"A day before: tell the people (a window from {deployment.quiet_hour:02}:00 {deployment.time_zone}), and try "
        "a restore: `systemctl start banyan-restore-test`. The window is its RTO, and as long again."
    )
    yield "Rent the new machines in the same region and private network; firewall and keys as on the old ones."
    yield "Put the new phase's files on them (its README.md), with the **same** secrets, and start nothing yet."
    if topology == deployment.topology == "single":
        yield from _resize(deployment)
    elif deployment.topology == "single":
        yield from _move_database()
    else:
        yield from _more_processes(deployment)
    yield "Watch p95, errors and waiting for the database for a day; then give the old machines back."
    yield "Put the date and what was measured into the plan's file: the next forecast starts from it."


def _resize(deployment: Deployment) -> Iterator[str]:
    yield "Take a backup: `systemctl start banyan-backup`, and wait for it to end."
    yield "Where the provider can rescale: stop the machine, choose the larger plan, start it. Today's prices hold."
    yield (
        "Otherwise: `systemctl stop banyan.target`, one last backup, on the new machine `banyan backup restore FILE "
        "--database-url URL`; then point the domain's address (TTL of 60 s from the day before) to it."
    )
    yield (
        "Copy this phase's files over the old ones, for PostgreSQL reads its share from postgresql.conf: more memory "
        "alone changes nothing. `systemctl restart postgresql redis-server && systemctl daemon-reload`."
    )
    yield f"`systemctl restart banyan.target`, `curl -f https://{deployment.domain}/readyz`."


def _move_database() -> Iterator[str]:
    yield "Start PostgreSQL and Redis on their machine; make user and empty database as its README.md says."
    yield "In the window: `systemctl stop banyan.target` on the old machine. nginx answers 502 from here on."
    yield f"`systemctl start banyan-backup` there; copy the newest file of {BACKUPS} to the new application machine."
    yield (
        "`banyan backup restore FILE --database-url postgresql://banyan:PASSWORD@DATABASE:5432/banyan`: it compares "
        "the rows of every table before it is done. Files of a data directory go where `--data` says."
    )
    yield "`systemctl start banyan.target` on the application machine, `curl -f http://127.0.0.1:8000/readyz`."
    yield (
        "Point the domain's address to the new balancer (TTL of 60 s from the day before). Sockets come back by "
        "themselves; clients that sync begin anew after a restore."
    )
    yield "On the old machine: `systemctl disable --now postgresql redis-server banyan.target`."


def _more_processes(deployment: Deployment) -> Iterator[str]:
    yield (
        "PostgreSQL first: let it accept the new pools (max_connections needs a restart: do that in the window), add "
        "the new machines to pg_hba.conf, `systemctl reload postgresql`."
    )
    yield "Start Banyan on the new machines: `systemctl enable --now banyan.target`; `/readyz` of each port says 200."
    yield "`cp nginx/nginx.conf /etc/nginx/ && nginx -t && systemctl reload nginx`: nobody is interrupted."
    units = [unit for host in deployment.hosts for process in host.processes for unit in instances(process)]
    yield f"Restart the old processes one by one, a minute apart ({units[0]} first), so that sockets spread out."


def _back(deployment: Deployment, topology: str) -> Iterator[str]:
    yield (
        "- Until the domain points to the new machines nothing is lost: `systemctl start banyan.target` on the old one."
    )
    yield (
        "- After people have written to the new database, going back means a backup there and a restore here: fix "
        "forward instead, unless data is being damaged."
    )
    if topology != "single":
        yield (
            "- A new application machine that misbehaves is taken out of nginx.conf; reload. Its jobs are taken over "
            "within 30 s."
        )
    place = backup_host(deployment).name
    yield f"- Restore by hand: `banyan backup restore FILE --database-url URL`; backups are on {place}, in {BACKUPS}."
