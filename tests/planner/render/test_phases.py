"""From phases of real plans to deployments that keep their budgets."""

from datetime import date
from pathlib import Path

import pytest
from msgspec import structs

from banyan.planner.compute import compute
from banyan.planner.configuration import max_connections
from banyan.planner.deployment import Part
from banyan.planner.render.everything import SHAPES, CannotRender, render_deployment
from banyan.planner.render.phases import NoSuchPhase, deployment_of
from banyan.planner.workload.parse import parse_workload

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("stack", ["declared", "banyan"])
@pytest.mark.parametrize("name", ["mecabal", "chitlaq", "intentional-social", "accounts-store", "food-offers"])
def test_every_phase_that_has_a_shape_is_rendered_within_its_budgets(name: str, stack: str) -> None:
    workload = parse_workload((EXAMPLES / f"{name}.toml").read_text()).workload
    computed = compute(workload, as_of=date(2026, 11, 26), stack=stack, worlds=10)
    for phase in computed.plan.phases:
        deployment = deployment_of(computed.plan, phase.name, workload)
        if not deployment.hosts_with(Part.DATABASE) or not all(host.sized for host in deployment.hosts):
            continue
        assert deployment.pooled or deployment.connections < max_connections(deployment)
        for part in (Part.BALANCER, Part.CACHE):
            assert deployment.hosts_with(part), (phase.name, part)
        for host in deployment.hosts:
            used = sum(process.count * process.memory_mib for process in host.processes) + host.cache_memory_mib
            # A quarter of the database's share is its own for good; the rest of it is file cache, which gives way.
            assert used + host.database_memory_mib / 4 <= host.ram_gib * 1024, (phase.name, host)
        if phase.topology in SHAPES:
            assert len(render_deployment(deployment)) > 20


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
    with pytest.raises(CannotRender, match="How large is"):
        render_deployment(deployment_of(bare, "growth", workload))


def test_a_cache_that_the_document_puts_elsewhere_is_not_made_twice() -> None:
    workload = parse_workload((EXAMPLES / "mecabal.toml").read_text()).workload
    plan = compute(workload, as_of=date(2026, 11, 26), worlds=10).plan
    deployment = deployment_of(plan, "growth", workload)
    assert [host.name for host in deployment.hosts_with(Part.CACHE)] == ["database"]
    files = render_deployment(deployment)
    assert "app/redis/redis.conf" not in files and "database/redis/redis.conf" in files
