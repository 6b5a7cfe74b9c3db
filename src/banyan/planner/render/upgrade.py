"""UPGRADE.md: how one sees that a phase is outgrown, and what to do then, in order."""

from collections.abc import Iterator

from banyan.planner.configuration import max_connections
from banyan.planner.deployment import Deployment, Part
from banyan.planner.render.prometheus import alarms
from banyan.planner.render.settings_files import REPLICATOR
from banyan.planner.render.systemd import BACKUPS, backup_host, instances


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
        yield from _follow(deployment)
        yield from _more_processes(deployment)
    if topology == "replicated" and not deployment.standbys and deployment.topology == "single":
        yield "Last the standby: clone it from the new primary as its README.md says, while people write."
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


def _follow(deployment: Deployment) -> Iterator[str]:
    """PostgreSQL to other machines without a restore: a standby there, which takes over."""
    if deployment.managed_database:
        yield "The database service first: a larger plan, or a dump and a restore into the new machine in the window."
        return
    primary = deployment.host_of(Part.DATABASE).name
    yield (
        "PostgreSQL first, if it gets a new machine or a standby: the new phase's postgresql.conf and pg_hba.conf on "
        f"{primary} too (in the window: max_connections needs a restart), the user {REPLICATOR} there (`createuser -P "
        f"--replication {REPLICATOR}`), and on the new machine a clone: `pg_basebackup -h {primary} -U {REPLICATOR} "
        "-D DIRECTORY -X stream -R -C -S moving`. It follows while people write."
    )
    yield (
        "If the new machine is to be the primary, in the window: `systemctl stop banyan.target` on the application "
        f"machines, `systemctl disable --now postgresql` on {primary} (it hands on all that it has first), "
        "`SELECT pg_promote()` on the new one; then the new database-url. Minutes, however large it is."
    )


def _more_processes(deployment: Deployment) -> Iterator[str]:
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
