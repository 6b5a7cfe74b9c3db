"""Files that are lists of values: PostgreSQL, Redis, PgBouncer, kernel, limits, Banyan's environment."""

from collections.abc import Sequence

from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.plan import Setting

DATABASE = "banyan"
REPLICATOR = "replicator"
USER_LIST_SQL = f"""\
-- PgBouncer's userlist.txt, from the database that it stands before.
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolname = '{DATABASE}';
"""


def _head(deployment: Deployment, host: Host, what: str) -> list[str]:
    return [f"# {what} of {host.name}, phase {deployment.phase} of {deployment.title}. Made by `banyan plan render`."]


def _lines(settings: Sequence[Setting], line: str) -> list[str]:
    """Each value under its formula: not every format allows a comment behind one."""
    found: list[str] = []
    for setting in settings:
        found += [f"# {setting.formula} ({setting.source})", line.format(name=setting.name, value=setting.value)]
    return found


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def postgresql_conf(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """To include at the end of the server's own postgresql.conf, or to use alone."""
    return _text(_head(deployment, host, "postgresql.conf") + _lines(settings, "{name} = {value}"))


def pg_hba_conf(deployment: Deployment, host: Host) -> str:
    """Who may come: Banyan's hosts by password, operators of this machine by its own user."""
    lines = _head(deployment, host, "pg_hba.conf")
    lines += ["# type  database  user  address  method", "local  all  postgres  peer"]
    lines.append(f"local  {DATABASE}  banyan  scram-sha-256")
    lines.append(f"host  {DATABASE}  banyan  127.0.0.1/32  scram-sha-256")
    others = [other for other in deployment.hosts if other is not host and other.processes]
    lines += [f"host  {DATABASE}  banyan  {other.address}/32  scram-sha-256" for other in others]
    mates = [other for other in deployment.hosts_with(Part.DATABASE) if other is not host]
    lines += [f"host  replication  {REPLICATOR}  {other.address}/32  scram-sha-256" for other in mates]
    return _text(lines)


def redis_conf(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """A whole redis.conf. Where other machines come in, its password lies in a file that nobody else reads."""
    lines = _head(deployment, host, "redis.conf") + _lines(settings, "{name} {value}")
    if len(deployment.hosts) > 1:
        lines += ["# One line: requirepass PASSWORD", "include /etc/redis/password.conf"]
    return _text(lines)


def pgbouncer_ini(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """Also made where Banyan connects directly: then it waits for the day when connections no longer fit."""
    lines = _head(deployment, host, "pgbouncer.ini")
    if not deployment.pooled:
        lines.append("# Not needed in this phase: all pools fit into max_connections.")
    lines += ["[databases]", f"{DATABASE} = host=127.0.0.1 port=5432 dbname={DATABASE}", "", "[pgbouncer]"]
    lines += ["# Made by userlist.sql."]
    lines += ["auth_type = scram-sha-256", "auth_file = /etc/pgbouncer/userlist.txt"]
    return _text(lines + _lines(settings, "{name} = {value}"))


def sysctl_conf(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """For /etc/sysctl.d."""
    return _text(_head(deployment, host, "Kernel settings") + _lines(settings, "{name} = {value}"))


def limits_conf(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """For /etc/security/limits.d."""
    lines = _lines(settings, "{name} {value}")
    return _text(_head(deployment, host, "Limits") + list(dict.fromkeys(lines)))


def banyan_env(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """For /etc/banyan/banyan.env, read by every unit and by the containers."""
    return _text(_head(deployment, host, "Banyan's settings") + _lines(settings, "{name}={value}"))
