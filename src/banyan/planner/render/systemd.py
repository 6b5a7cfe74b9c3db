"""systemd: a unit per process, migrations before them, backups and restore tests by timers."""

from math import ceil

from banyan.planner.configuration import files_of
from banyan.planner.deployment import Deployment, Host, Part, Process

BACKUPS = "/var/backups/banyan"
AFTER_BACKUP = "/etc/banyan/after-backup"

_HARDENING = """\
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictSUIDSGID=yes
LockPersonality=yes
"""

_SERVICE = """\
[Unit]
Description=Banyan {name}{instance} ({title})
Wants=network-online.target
After=network-online.target{after}
Requires=banyan-migrate.service
PartOf=banyan.target

[Service]
User=banyan
Group=banyan
WorkingDirectory={folder}
EnvironmentFile=/etc/banyan/banyan.env
Environment=BANYAN_DATABASE__POOL_SIZE={pool_size}
Environment=BANYAN_DATABASE__APPLICATION_NAME=banyan-{name}
{extra}ExecStart={folder}/banyan serve --target {target} --host {address} --port %i
# SIGTERM: what people reach answers on while the balancer turns away; then each finishes what is at work.
KillMode=mixed
TimeoutStopSec=45
Restart=always
RestartSec=1
LimitNOFILE={files}
# Above High it is slowed down, at Max it is ended and started again: one process cannot take the whole machine.
MemoryHigh={memory_high}M
MemoryMax={memory_max}M
OOMScoreAdjust={oom}
{hardening}
[Install]
WantedBy=banyan.target
"""

_TARGET = """\
[Unit]
Description=All of Banyan on this machine ({title}, phase {phase})
Wants={units}
After={units}

[Install]
WantedBy=multi-user.target
"""

_MIGRATE = """\
[Unit]
Description=Banyan migrations: safe while the version before them serves
Wants=network-online.target
After=network-online.target{after}

[Service]
Type=oneshot
RemainAfterExit=yes
User=banyan
Group=banyan
WorkingDirectory={folder}
EnvironmentFile=/etc/banyan/banyan.env
{direct}ExecStart={folder}/banyan migrate
TimeoutStartSec=3600
{hardening}"""

_BACKUP = """\
[Unit]
Description=Banyan backup: one snapshot of the database and the files beside it
Wants=network-online.target
After=network-online.target{after}

[Service]
Type=oneshot
User=banyan
Group=banyan
WorkingDirectory={folder}
EnvironmentFile=/etc/banyan/banyan.env
{direct}ExecStart={folder}/banyan backup create --to {backups}
# The whole of {days} days is kept here; what else shall happen to a backup does a program of one's own.
ExecStartPost=/usr/bin/find {backups} -type f -mtime +{days} -delete
ExecStartPost=/bin/sh -c 'test ! -x {after_backup} || exec {after_backup} {backups}'
ReadWritePaths={backups}
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=6h
{hardening}"""

_VERIFY = """\
[Unit]
Description=Banyan restore test: the newest backup, restored on trial; its log says RPO and RTO
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User=banyan
Group=banyan
WorkingDirectory={folder}
EnvironmentFile=/etc/banyan/banyan.env
ExecStart=/bin/sh -c '{folder}/banyan backup verify --restore "$$(ls -t {backups}/* | head -n 1)"'
ReadWritePaths={backups}
Nice=15
IOSchedulingClass=idle
TimeoutStartSec=12h
{hardening}"""

_TIMER = """\
[Unit]
Description={what}

[Timer]
OnCalendar={calendar}
# Made up for when the machine was off.
Persistent=true
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
"""


def units(deployment: Deployment, host: Host) -> dict[str, str]:
    """Unit files of a host by name; none where no process of Banyan runs."""
    if not host.processes:
        return {}
    after = _after(host)
    common = {"folder": deployment.folder, "hardening": _HARDENING, "after": after, "backups": BACKUPS}
    common["direct"] = _direct(deployment)
    found = {_file(process): _service(deployment, host, process) for process in host.processes}
    names = " ".join(unit for process in host.processes for unit in instances(process))
    found["banyan.target"] = _TARGET.format(title=deployment.title, phase=deployment.phase, units=names)
    found["banyan-migrate.service"] = _MIGRATE.format(**common)
    if host is backup_host(deployment):
        found["banyan-backup.service"] = _BACKUP.format(
            days=deployment.backup_retention_days, after_backup=AFTER_BACKUP, **common
        )
        found["banyan-backup.timer"] = _TIMER.format(what="Banyan backups", calendar=backup_calendar(deployment))
        found["banyan-restore-test.service"] = _VERIFY.format(**common)
        found["banyan-restore-test.timer"] = _TIMER.format(
            what="Banyan restore tests", calendar=trial_calendar(deployment)
        )
    return found


def backup_host(deployment: Deployment) -> Host:
    """Where backups are taken: beside Banyan's processes, away from the database's disk where there are several."""
    return next(host for host in reversed(deployment.hosts) if host.processes)


def instances(process: Process) -> list[str]:
    """The units that run: one per port."""
    return [f"banyan-{process.name}@{port}.service" for port in process.ports]


def _file(process: Process) -> str:
    return f"banyan-{process.name}@.service"


def _after(host: Host) -> str:
    services = {
        Part.DATABASE: "postgresql.service",
        Part.CACHE: "redis-server.service",
        Part.POOLER: "pgbouncer.service",
    }
    return "".join(f" {service}" for part, service in services.items() if host.has(part))


def _direct(deployment: Deployment) -> str:
    # Migrations and backups need a session of their own, which PgBouncer does not lend.
    if not deployment.pooled:
        return ""
    return "Environment=BANYAN_DATABASE__URL_FILE=/etc/banyan/database-url-direct\n"


def _service(deployment: Deployment, host: Host, process: Process) -> str:
    address = "127.0.0.1" if len(deployment.hosts) == 1 else "0.0.0.0"
    extra = ""
    if process.name == "worker":
        extra = f"Environment=BANYAN_JOBS__CONCURRENCY={max(1, process.pool_size - 1)}\n"
    return _SERVICE.format(
        name=process.name,
        instance=" %i",
        title=deployment.title,
        target=process.target,
        address=address,
        folder=deployment.folder,
        after=f"{_after(host)} banyan-migrate.service",
        pool_size=process.pool_size,
        extra=extra,
        files=files_of(deployment, host),
        memory_high=ceil(process.memory_mib * 1.25),
        memory_max=ceil(process.memory_mib * 1.6),
        # The database is worth more than a process that starts again in a second.
        oom=200,
        hardening=_HARDENING,
    )


def backup_calendar(deployment: Deployment) -> str:
    """systemd's calendar: from the people's quietest hour on, as often as the plan says."""
    every = deployment.backup_every_hours
    if every >= 24:
        return f"*-*-* {deployment.quiet_hour:02}:15:00 {deployment.time_zone}"
    if every >= 1:
        step = max(hours for hours in (1, 2, 3, 4, 6, 8, 12) if hours <= every)
        return f"*-*-* {deployment.quiet_hour % step:02}/{step}:15:00 {deployment.time_zone}"
    step = max(minutes for minutes in (5, 10, 15, 20, 30) if minutes <= max(5, every * 60))
    return f"*-*-* *:0/{step}:00 {deployment.time_zone}"


def trial_calendar(deployment: Deployment) -> str:
    """Restore tests: monthly on the first Sunday, weekly on Sunday, or daily."""
    hour = (deployment.quiet_hour + 1) % 24
    if deployment.restore_test_every_days >= 28:
        return f"Sun *-*-1..7 {hour:02}:30:00 {deployment.time_zone}"
    day = "Sun " if deployment.restore_test_every_days >= 7 else ""
    return f"{day}*-*-* {hour:02}:30:00 {deployment.time_zone}"
