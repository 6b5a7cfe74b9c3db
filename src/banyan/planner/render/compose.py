"""Docker Compose: the same processes as containers, one file per machine."""

from collections.abc import Iterator
from math import ceil

from banyan.planner.configuration import files_of, server_name
from banyan.planner.deployment import Deployment, Host, Part, Process
from banyan.planner.render.settings_files import REPLICATOR
from banyan.planner.render.systemd import BACKUPS, backup_host

DOCKERFILE = """\
# Built from the checkout in ./source: docker compose build
FROM python:3.13-slim
RUN useradd --system --create-home banyan
WORKDIR /opt/banyan
COPY --chown=banyan:banyan source .
USER banyan
RUN ./banyan --help > /dev/null
ENTRYPOINT ["./banyan"]
"""

# The checkout alone: what lies beside it, secrets above all, must not get into an image.
DOCKERIGNORE = """\
*
!source
"""

_IMAGES = {
    Part.DATABASE: "postgres:18",
    Part.CACHE: "redis:7-alpine",
    Part.POOLER: "edoburu/pgbouncer:v1.23.1-p3",
    Part.BALANCER: "nginx:1.28",
}


def compose_yml(deployment: Deployment, host: Host) -> str:
    """docker-compose.yml; it mounts the other files of this folder, and secrets from ./secrets."""
    lines = [
        f"# {host.name}, phase {deployment.phase} of {deployment.title}. Made by `banyan plan render`.",
        "# All services use the host's network: each has the address and the port that its configuration names.",
        'version: "3.8"',
        "services:",
    ]
    if host.has(Part.DATABASE):
        lines += _database(host)
        lines += _clone(deployment, host) if deployment.standbys else []
    if host.has(Part.CACHE):
        lines += _cache(deployment, host)
    if host.has(Part.POOLER) and deployment.pooled:
        lines += _pooler()
    if host.processes:
        lines += _migrations(deployment, host)
    for process in host.processes:
        for port in process.ports:
            lines += _process(deployment, host, process, port)
    if host is backup_host(deployment):
        lines += _backup(deployment)
    if host.has(Part.BALANCER):
        lines += _balancer()
    if host.has(Part.DATABASE):
        lines += ["volumes:", "  database:"]
    lines += list(_secrets(deployment, host))
    return "\n".join(lines) + "\n"


def _service(name: str, image: str, memory_mib: int) -> list[str]:
    return [
        f"  {name}:",
        f"    image: {image}",
        "    network_mode: host",
        "    restart: unless-stopped",
        "    deploy:",
        "      resources:",
        "        limits:",
        f"          memory: {memory_mib}M",
    ]


def _database(host: Host) -> list[str]:
    return [
        *_service("database", _IMAGES[Part.DATABASE], host.database_memory_mib),
        "    command:",
        "      - postgres",
        "      - -cconfig_file=/etc/postgresql/postgresql.conf",
        "      - -chba_file=/etc/postgresql/pg_hba.conf",
        f"    shm_size: {max(64, host.database_memory_mib // 8)}m",
        "    environment:",
        "      POSTGRES_USER: banyan",
        "      POSTGRES_DB: banyan",
        "      POSTGRES_PASSWORD_FILE: /run/secrets/database-password",
        "    secrets: [database-password]",
        "    volumes:",
        "      - database:/var/lib/postgresql",
        "      - ./postgresql:/etc/postgresql:ro",
        "    healthcheck:",
        "      test: [CMD, pg_isready, -U, banyan, -h, 127.0.0.1]",
        "      interval: 10s",
        "      timeout: 5s",
        "      retries: 5",
        "    stop_grace_period: 60s",
    ]


def _clone(deployment: Deployment, host: Host) -> list[str]:
    """A container that runs once, when it is asked for, and fills the volume of a standby."""
    primary = next(other for other in deployment.hosts_with(Part.DATABASE) if other is not host)
    clone = (
        f"pg_basebackup --host $${{PRIMARY:-{primary.address}}} --username {REPLICATOR} --pgdata $$PGDATA "
        f"--wal-method stream --checkpoint fast --create-slot --slot {server_name(host)} --write-recovery-conf"
    )
    return [
        "  clone:",
        f"    image: {_IMAGES[Part.DATABASE]}",
        "    profiles: [clone]",
        "    network_mode: host",
        "    user: postgres",
        "    environment:",
        '      PRIMARY: "${PRIMARY:-}"',
        "    secrets: [replication-password]",
        "    entrypoint: [sh, -ec]",
        "    command:",
        f'      - "export PGPASSWORD=$$(cat /run/secrets/replication-password); {clone}"',
        "    volumes:",
        "      - database:/var/lib/postgresql",
    ]


def _backup(deployment: Deployment) -> list[str]:
    """Also asked for: by cron."""
    lines = [*_banyan("backup", deployment, 512, '"no"'), "    profiles: [backup]"]
    lines += [f"    command: [backup, create, --to, {BACKUPS}]", "    user: root"]
    lines += ["    volumes:", f"      - {BACKUPS}:{BACKUPS}"]
    if deployment.pooled:
        lines += ["    environment:", "      BANYAN_DATABASE__URL_FILE: /etc/banyan/database-url-direct"]
    return lines


def _cache(deployment: Deployment, host: Host) -> list[str]:
    password = (
        [] if len(deployment.hosts) == 1 else ["      - ./secrets/redis-password.conf:/etc/redis/password.conf:ro"]
    )
    return [
        *_service("cache", _IMAGES[Part.CACHE], max(64, host.cache_memory_mib)),
        "    command: [redis-server, /etc/redis/redis.conf, --dir, /data]",
        "    volumes:",
        "      - ./redis/redis.conf:/etc/redis/redis.conf:ro",
        *password,
        "    healthcheck:",
        "      test: [CMD-SHELL, redis-cli ping | grep -E 'PONG|NOAUTH']",
        "      interval: 10s",
        "      timeout: 5s",
        "      retries: 3",
    ]


def _pooler() -> list[str]:
    return [
        *_service("pooler", _IMAGES[Part.POOLER], 128),
        "    volumes:",
        "      - ./pgbouncer/pgbouncer.ini:/etc/pgbouncer/pgbouncer.ini:ro",
        "      - ./secrets/userlist.txt:/etc/pgbouncer/userlist.txt:ro",
    ]


def _banyan(name: str, deployment: Deployment, memory_mib: int, restart: str) -> list[str]:
    return [
        f"  {name}:",
        "    image: banyan",
        "    build: .",
        "    network_mode: host",
        f"    restart: {restart}",
        "    env_file: ./banyan/banyan.env",
        "    secrets:",
        *(f"      - source: {secret}\n        target: /etc/banyan/{secret}" for secret in _needed(deployment)),
        "    deploy:",
        "      resources:",
        "        limits:",
        f"          memory: {memory_mib}M",
    ]


def _needed(deployment: Deployment) -> list[str]:
    needed = ["database-url", "signing-key", "secret"]
    needed += ["redis-url"] if deployment.hosts_with(Part.CACHE) else []
    needed += ["metrics-token"] if len(deployment.hosts) > 1 else []
    return needed + (["database-url-direct"] if deployment.pooled else [])


def _migrations(deployment: Deployment, host: Host) -> list[str]:
    lines = [*_banyan("migrate", deployment, 512, '"no"'), "    command: [migrate]"]
    if deployment.pooled:
        lines += ["    environment:", "      BANYAN_DATABASE__URL_FILE: /etc/banyan/database-url-direct"]
    if host.has(Part.DATABASE):
        lines += ["    depends_on:", "      database:", "        condition: service_healthy"]
    return lines


def _process(deployment: Deployment, host: Host, process: Process, port: int) -> list[str]:
    lines = _banyan(f"{process.name}-{port}", deployment, ceil(process.memory_mib * 1.6), "unless-stopped")
    address = "127.0.0.1" if len(deployment.hosts) == 1 else "0.0.0.0"
    command = ["serve", "--target", f'"{process.target}"', "--host", address, "--port", f'"{port}"']
    ready = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/readyz', timeout=3)"
    lines += [
        "    healthcheck:",
        f'      test: [CMD, python, -c, "{ready}"]',
        "      interval: 10s",
        "      timeout: 5s",
        "      retries: 3",
    ]
    lines += [f"    command: [{', '.join(command)}]", "    environment:"]
    lines.append(f'      BANYAN_DATABASE__POOL_SIZE: "{process.pool_size}"')
    if process.name == "worker":
        lines.append(f'      BANYAN_JOBS__CONCURRENCY: "{max(1, process.pool_size - 1)}"')
    files = files_of(deployment, host)
    lines += ["    ulimits:", "      nofile:", f"        soft: {files}", f"        hard: {files}"]
    lines += ["    depends_on:", "      migrate:", "        condition: service_completed_successfully"]
    return [*lines, "    stop_grace_period: 45s"]


def _balancer() -> list[str]:
    return [
        *_service("balancer", _IMAGES[Part.BALANCER], 256),
        "    volumes:",
        "      - ./nginx/nginx.conf:/etc/nginx/nginx.conf:ro",
        "      - /etc/letsencrypt:/etc/letsencrypt:ro",
        "      - /var/www/html:/var/www/html:ro",
        "    ulimits:",
        "      nofile: 262144",
    ]


def _secrets(deployment: Deployment, host: Host) -> Iterator[str]:
    names = _needed(deployment) if host.processes else []
    names += ["database-password"] if host.has(Part.DATABASE) else []
    names += ["replication-password"] if host.has(Part.DATABASE) and deployment.standbys else []
    if names:
        yield "secrets:"
    for name in names:
        yield f"  {name}:\n    file: ./secrets/{name}"
