"""All files of a deployment."""

import re
from collections import defaultdict
from contextlib import suppress

from banyan.planner.configuration import configuration
from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.plan import Plan, Setting
from banyan.planner.render import settings_files as lists
from banyan.planner.render.compose import DOCKERFILE, DOCKERIGNORE, compose_yml
from banyan.planner.render.install import install_md
from banyan.planner.render.nginx import nginx_conf
from banyan.planner.render.phases import deployment_of
from banyan.planner.render.prometheus import monitoring_host, prometheus_yml, rules_yml
from banyan.planner.render.replication import failover_md, replication_files
from banyan.planner.render.systemd import units
from banyan.planner.render.upgrade import upgrade_md
from banyan.planner.workload.models import Workload


class CannotRender(Exception):
    """A shape that there are no files for; the message says which there are."""


_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
SHAPES = ("single", "split", "load_balanced", "replicated")


def render_deployment(deployment: Deployment) -> dict[str, str]:
    """The text of each file by its path, the first folder being the machine. Raises CannotRender."""
    if deployment.topology not in SHAPES:
        raise CannotRender(f"There are no files for the shape {deployment.topology} yet: only for {', '.join(SHAPES)}.")
    _check(deployment)
    found = {"README.md": install_md(deployment), "UPGRADE.md": upgrade_md(deployment)}
    if deployment.standbys:
        found["FAILOVER.md"] = failover_md(deployment)
    settings: dict[str, list[Setting]] = defaultdict(list)
    for setting in configuration(deployment):
        settings[setting.file].append(setting)
    for host in deployment.hosts:
        found |= {f"{host.name}/{path}": text for path, text in _files(deployment, host, settings).items()}
    return found


def renderable(plan: Plan, workload: Workload) -> list[str]:
    """The phases of the plan that there are files for, by name."""
    found = []
    for phase in plan.phases:
        deployment = deployment_of(plan, phase.name, workload)
        with suppress(CannotRender):
            render_deployment(deployment)
            found.append(phase.name)
    return found


def _check(deployment: Deployment) -> None:
    if not _DOMAIN.fullmatch(deployment.domain):
        raise CannotRender(f"{deployment.domain} should be a domain, such as neighbours.example.")
    unsized = [host.name for host in deployment.hosts if not host.sized]
    if unsized:
        how = "vcpu and ram_gib of its machine in the file, or assumed_vcpu and assumed_ram_gib"
        raise CannotRender(f"How large is {', '.join(unsized)}? Give {how}.")
    if deployment.primary is None and not deployment.managed_database:
        raise CannotRender("No machine of this phase has a PostgreSQL: add one with the role database to the file.")


def _files(deployment: Deployment, host: Host, settings: dict[str, list[Setting]]) -> dict[str, str]:
    def of(path: str) -> list[Setting]:
        return settings[f"{host.name}/{path}"]

    path = "sysctl/90-banyan.conf"
    found = {path: lists.sysctl_conf(deployment, host, of(path))}
    path = "limits/90-banyan.conf"
    found[path] = lists.limits_conf(deployment, host, of(path))
    if host.has(Part.DATABASE):
        path = "postgresql/postgresql.conf"
        found[path] = lists.postgresql_conf(deployment, host, of(path))
        found["postgresql/pg_hba.conf"] = lists.pg_hba_conf(deployment, host)
    if host.has(Part.CACHE):
        path = "redis/redis.conf"
        found[path] = lists.redis_conf(deployment, host, of(path))
    if host.has(Part.POOLER):
        path = "pgbouncer/pgbouncer.ini"
        found[path] = lists.pgbouncer_ini(deployment, host, of(path))
        found["pgbouncer/userlist.sql"] = lists.USER_LIST_SQL
    if host.has(Part.BALANCER):
        path = "nginx/nginx.conf"
        found[path] = nginx_conf(deployment, host, of(path))
    if host.processes:
        path = "banyan/banyan.env"
        found[path] = lists.banyan_env(deployment, host, of(path))
        found |= {"Dockerfile": DOCKERFILE, ".dockerignore": DOCKERIGNORE}
        found |= {f"systemd/{name}": text for name, text in units(deployment, host).items()}
    found |= replication_files(deployment, host)
    found["docker-compose.yml"] = compose_yml(deployment, host)
    if host is monitoring_host(deployment):
        found["prometheus/prometheus.yml"] = prometheus_yml(deployment)
        found["prometheus/banyan.rules.yml"] = rules_yml(deployment)
    return found
