"""From phases of real plans to deployments that keep their budgets."""

from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from banyan.planner.compute import compute
from banyan.planner.configuration import configuration, connection_budget, max_connections
from banyan.planner.deployment import RESERVED_CONNECTIONS, Deployment, Part, Process
from banyan.planner.render.everything import CannotRender, render_deployment, renderable
from banyan.planner.render.hosts import hosts_of
from banyan.planner.render.phases import NoSuchPhase, deployment_of
from banyan.planner.workload.parse import parse_workload
from tests.planner.render.described import split

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("stack", ["declared", "banyan"])
@pytest.mark.parametrize("name", ["mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers"])
def test_every_phase_but_clusters_is_rendered_within_its_budgets(name: str, stack: str) -> None:
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), stack=stack, worlds=10).plan
    assert renderable(plan, workload) == [phase.name for phase in plan.phases if phase.topology != "cluster"]
    for phase in plan.phases:
        deployment = deployment_of(plan, phase.name, workload)
        if phase.topology == "cluster":
            with pytest.raises(CannotRender, match="no files for the shape cluster"):
                render_deployment(deployment)
            continue
        check_budgets(deployment)
        files = render_deployment(deployment)
        assert ("FAILOVER.md" in files) == bool(deployment.standbys)
        assert not any("None" in text or "( )" in text for text in files.values())


def check_budgets(deployment: Deployment) -> None:
    """Memory and connections; a front, a cache and a database are somewhere, and no name stands for two machines."""
    assert deployment.pooled or deployment.connections < max_connections(deployment)
    assert deployment.hosts_with(Part.BALANCER) and deployment.hosts_with(Part.CACHE)
    assert deployment.primary or deployment.managed_database
    assert len({host.name for host in deployment.hosts}) == len(deployment.hosts)
    assert len(deployment.processes("scheduler")) + len(schedulers_beside(deployment)) == (
        2 if deployment.topology == "replicated" else 1
    )
    for host in deployment.hosts:
        used = sum(process.count * process.memory_mib for process in host.processes) + host.cache_memory_mib
        # A quarter of the database's share is its own for good; the rest of it is file cache, which gives way.
        assert used + host.database_memory_mib / 4 <= host.ram_gib * 1024, host


def schedulers_beside(deployment: Deployment) -> list[Process]:
    """Workers of small machines that look at the clock too."""
    return [process for _, process in deployment.processes("worker") if "scheduler" in process.target]


def test_no_two_processes_of_a_machine_have_the_same_port() -> None:
    workload = parse_workload((EXAMPLES / "mecabal.toml").read_text()).workload
    phase = compute(workload, as_of=date(2026, 11, 26), worlds=10).plan.phases[0]
    machines = [structs.replace(machine, vcpu=448, ram_gib=2048) for machine in phase.machines]
    (host,) = hosts_of(structs.replace(phase, machines=machines), 9_000_000, [])
    ports = [port for process in host.processes for port in process.ports]
    assert len(ports) > 1_000
    assert len(set(ports)) == len(ports)


def test_a_managed_database_is_named_in_the_url_and_has_no_files() -> None:
    files = rendered("food-offers", "growth")
    assert "HOST-OF-THE-SERVICE:5432/banyan?sslmode=require" in files["README.md"]
    assert not any("postgresql" in path or "pgbouncer" in path for path in files)
    assert "app-1/nginx/nginx.conf" in files and "app-2/nginx/nginx.conf" not in files


def test_sizes_that_nobody_said_are_assumed_and_marked() -> None:
    workload = parse_workload((EXAMPLES / "food-offers.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), worlds=10).plan
    (phase,) = [phase for phase in plan.phases if phase.name == "early-growth"]
    assert {machine.vcpu for machine in phase.machines} == {0}
    assert not phase.configuration  # no figure of the plan follows from them
    files = render_deployment(deployment_of(plan, "early-growth", workload))
    assert "| database | 10.0.0.11 | 1 vCPU, 2 GiB (assumed) |" in files["README.md"]
    assert "shared_buffers = 512MB" in files["database/postgresql/postgresql.conf"]


def test_a_replica_and_a_redis_cluster_are_as_the_document_has_them() -> None:
    files = rendered("mecabal", "scale")
    assert {path.partition("/")[0] for path in files if "/" in path} == {
        *("balancer", "app-1", "app-2", "app-3", "database", "database-replica", "redis-1", "redis-2", "redis-3")
    }
    assert "sh /etc/banyan-postgresql/clone-primary.sh 10.0.0.14" in files["README.md"]
    assert "--cluster create 10.0.0.16:6379 10.0.0.17:6379 10.0.0.18:6379" in files["README.md"]
    assert "cluster-enabled yes" in files["redis-2/redis/redis.conf"]


def test_a_standby_that_the_machines_do_not_allow_is_not_claimed() -> None:
    files = rendered("chitlaq", "phase-2")
    assert "is called replicated, but has one machine for the database" in files["README.md"]
    assert "FAILOVER.md" not in files


def rendered(name: str, phase: str) -> dict[str, str]:
    """A declared phase of an example."""
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), stack="declared", worlds=10).plan
    return render_deployment(deployment_of(plan, phase, workload))


def test_what_cannot_be_rendered_is_said() -> None:
    workload = parse_workload((EXAMPLES / "mecabal.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), worlds=10).plan
    with pytest.raises(NoSuchPhase, match="mvp, growth, scale"):
        deployment_of(plan, "huge", workload)
    with pytest.raises(CannotRender, match="should be a domain"):
        render_deployment(deployment_of(plan, "mvp", workload, "neighbours; rm"))
    (sized,) = [phase for phase in plan.phases if phase.name == "growth"]
    machines = [structs.replace(machine, vcpu=0, ram_gib=0) for machine in sized.machines]
    bare = structs.replace(plan, phases=[structs.replace(sized, machines=machines)])
    unknown = workload.model_copy(update={"phases": []})
    with pytest.raises(CannotRender, match="How large is"):
        render_deployment(deployment_of(bare, "growth", unknown))
    empty = structs.replace(plan, phases=[])
    with pytest.raises(NoSuchPhase, match="the plan has none"):
        deployment_of(empty, "mvp", workload)


def test_a_cache_that_the_document_puts_elsewhere_is_not_made_twice() -> None:
    workload = parse_workload((EXAMPLES / "mecabal.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), worlds=10).plan
    deployment = deployment_of(plan, "growth", workload)
    assert [host.name for host in deployment.hosts_with(Part.CACHE)] == ["database"]
    files = render_deployment(deployment)
    assert "app/redis/redis.conf" not in files and "database/redis/redis.conf" in files


@pytest.mark.parametrize("name", ["mecabal", "accounts-store"])
def test_the_connection_budget_is_that_of_the_configuration(name: str) -> None:
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), stack="banyan", worlds=10).plan
    for phase in plan.phases:
        budget = dict(phase.connection_budget)
        configured = {each.value for each in phase.configuration if each.name == "max_connections"}
        assert configured == {str(budget["max_connections"])}
        most = budget.pop("max_connections")
        opened = sum(count for who, count in budget.items() if not who.endswith("to pgbouncer"))
        assert opened <= most < opened + 10
        assert most <= 200 or "pgbouncer" in budget


def test_pgbouncer_and_its_reserve_fit_below_max_connections() -> None:
    described = split()
    large = structs.replace(described, pooled=True, hosts=[structs.replace(host, vcpu=32) for host in described.hosts])
    assert connection_budget(large)["pgbouncer"] + RESERVED_CONNECTIONS <= max_connections(large)
    values = {each.name: each.value for each in configuration(large)}
    assert int(values["max_db_connections"]) == connection_budget(large)["pgbouncer"]
