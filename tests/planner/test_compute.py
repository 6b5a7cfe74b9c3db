"""The whole way from a workload to a plan."""

import re
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import structs

from banyan.planner.catalogue.prices import load_catalogue
from banyan.planner.compute import UnknownScenario, compute, compute_plan
from banyan.planner.demand import build_load
from banyan.planner.draws import Draws
from banyan.planner.explain import UnknownKey, explain
from banyan.planner.options import Market
from banyan.planner.plan import Plan
from banyan.planner.profile import banyan_profile
from banyan.planner.queueing.dispatch import Dispatch
from banyan.planner.sizing.capacity import cpu_users
from banyan.planner.workload.models import Workload
from banyan.planner.workload.parse import parse_workload
from tests.planner.workloads import workload

DAY = date(2026, 11, 26)
MECABAL = Path(__file__).parents[2] / "examples" / "mecabal.toml"


def plan_of(file: Workload, *, stack: str | None = "banyan", worlds: int = 60, seed: int = 1) -> Plan:
    return compute_plan(file, as_of=DAY, stack=stack, worlds=worlds, seed=seed)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan_of(workload()) == plan_of(workload())
    assert plan_of(workload()) != plan_of(workload(), seed=2)


def test_phases_join_and_carry_every_month_of_the_scenario() -> None:
    plan = plan_of(workload())
    assert plan.phases[0].from_users == 0
    for before, after in zip(plan.phases, plan.phases[1:], strict=False):
        assert after.from_users == before.to_users
    last = plan.phases[-1].to_users
    assert last is not None and last >= max(month.users for month in plan.growth["steady"])
    for phase in plan.phases:
        assert phase.shortfall_chance <= 0.05
        assert phase.machines and phase.rejected
        assert any(value.name == "shared_buffers" for value in phase.configuration)
        assert phase.cost_month.total == pytest.approx(sum(line.amount for line in phase.cost_month.lines))
        assert all(0 <= share <= 1 for share in phase.headroom.values())
        assert phase.binding_resource in phase.headroom


def test_the_processes_of_a_phase_fit_into_its_machines_with_the_system() -> None:
    plan = plan_of(workload())
    system = banyan_profile().figures["memory.system_mib"].mid
    for phase in plan.phases:
        for machine in phase.machines:
            taken = sum(each.memory_mib for each in phase.services if each.machine_role == machine.role)
            assert taken + machine.count * system < machine.count * machine.ram_gib * 1024


def test_sockets_have_as_many_processes_as_hold_them() -> None:
    crowd = {"registered_users": 2_000_000, "daily_active_share": 0.2, "peak_concurrent_share": 0.5}
    steady = {"name": "steady", "start_users": 2_000_000, "months": 1}
    plan = plan_of(workload(people=crowd, scenarios=[steady]))
    per_process = banyan_profile().figures["sockets.per_process"].mid
    last = plan.phases[-1]
    realtime = next(each for each in last.services if each.name == "realtime")
    assert realtime.workers >= last.capacity.sockets / per_process > 1


def test_every_budget_of_the_machines_holds_at_the_end_of_a_phase() -> None:
    plan = plan_of(workload(), worlds=200)
    objectives = workload().objectives
    for phase in plan.phases:
        assert phase.headroom["cpu"] >= objectives.cpu_headroom_share - 0.01
        assert phase.headroom["memory"] >= objectives.memory_headroom_share - 0.01
        assert phase.headroom["disk"] >= objectives.disk_headroom_share - 0.01
        assert phase.p95_ms is not None and phase.p95_ms <= 200


def test_a_phase_is_outgrown_in_an_interval_and_ordered_ahead() -> None:
    plan = plan_of(workload(), worlds=200)
    for entry in plan.outgrow["steady"]:
        if entry.month is not None:
            assert entry.month_low is not None and entry.month_low <= entry.month
            assert entry.month_high is None or entry.month_high >= entry.month
            assert entry.order_by is not None and entry.order_by.isoformat() < entry.month
    for upgrade in plan.upgrades:
        assert upgrade.window_start.endswith("+01:00")  # in Lagos, on a Sunday
        assert date.fromisoformat(upgrade.window_start[:10]).weekday() == 6
        assert upgrade.steps


def test_promised_uptime_rejects_single_machines() -> None:
    plan = plan_of(workload(objectives={"availability_percent": 99.9}))
    assert {phase.topology for phase in plan.phases} <= {"replicated", "cluster"}
    reasons = [each for each in plan.phases[0].rejected if each.binding_resource == "availability"]
    assert any("single points of failure" in each.reason for each in reasons)


def test_what_nothing_holds_is_a_finding() -> None:
    plan = plan_of(workload(people={"registered_users": 50_000_000}, rent={"providers": ["hetzner"]}, scenarios=[]))
    assert [finding.code for finding in plan.findings] == ["nothing_holds"]


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(UnknownScenario, match="steady"):
        compute_plan(workload(), as_of=DAY, scenario="wild")


def test_a_document_is_reproduced_as_it_stands() -> None:
    plan = plan_of(parse_workload(MECABAL.read_text()).workload, stack=None)
    assert plan.stack == "declared"
    assert plan.demand.daily_active_users == 6000
    assert plan.demand.peak_concurrent_users == 600
    peak = plan.demand.peak_requests_per_second
    assert (peak.low, peak.high) == (50, 100)
    assert [phase.name for phase in plan.phases] == ["mvp", "growth", "scale"]
    assert [phase.cost_month.total for phase in plan.phases] == [55, 223, 610]
    assert plan.phases[0].binding_resource == "disk"  # 160 GB for 50-100 GB of tables and 200-500 GB of files


def test_every_key_of_a_plan_has_its_reason() -> None:
    computed = compute(workload(), as_of=DAY, stack="banyan", worlds=20)
    plain = msgspec.to_builtins(computed.plan)
    found = 0
    for key in keys_of(plain):
        explanation = explain(computed, key)
        assert explanation.formula and explanation.key == key
        found += 1
    assert found > 300


def test_every_kind_of_key_of_a_documents_plan_has_its_reason() -> None:
    parsed = parse_workload((MECABAL.parent / "food-offers.toml").read_text())
    computed = compute(parsed.workload, as_of=DAY, worlds=20)
    kinds = {re.sub(r"\.\d+", ".*", key): key for key in keys_of(msgspec.to_builtins(computed.plan))}
    for key in kinds.values():
        explanation = explain(computed, key)
        figure = key.startswith(("demand.", "phases.", "growth.", "outgrow."))
        assert explanation.formula and (explanation.inputs or not figure), key


def test_a_part_of_a_file_is_shown_as_the_file_says_it() -> None:
    computed = compute(parse_workload(MECABAL.read_text()).workload, as_of=DAY, worlds=20)
    shown = {each.key: each.value for each in explain(computed, "phases.mvp.name").inputs}
    assert '"name":"mvp"' in shown["phases"]


def keys_of(value: object, before: str = "") -> list[str]:
    """Every leaf's dotted key; of long lists the first and the last element."""
    if isinstance(value, dict):
        return [key for name, each in value.items() for key in keys_of(each, f"{before}.{name}" if before else name)]
    if isinstance(value, list):
        ends = {0, len(value) - 1} if value else set()
        return [key for number in sorted(ends) for key in keys_of(value[number], f"{before}.{number}")]
    return [before]


def test_a_key_that_is_not_there_says_which_are() -> None:
    computed = compute(workload(), as_of=DAY, stack="banyan", worlds=20)
    with pytest.raises(UnknownKey, match="registered_users"):
        explain(computed, "demand.registred_users")


def test_requests_are_handed_to_processes_and_queries_to_any_free_core() -> None:
    file = workload(objectives={"p95_ms": 5})  # so soon that waiting counts
    draws, profile = Draws(1, 20), banyan_profile()
    load = build_load(file, profile, draws)
    place = Market(file, load, profile, load_catalogue(file.rent, file.currency), draws)
    needs = {role.name: place.needs(role) for shape in place.shapes for role in shape.roles}
    assert needs["app"].dispatch is needs["all"].dispatch is Dispatch.LEAST_CONNECTIONS
    assert needs["database"].dispatch is needs["balancer"].dispatch is Dispatch.SHARED
    apart = cpu_users(needs["app"], 8, np.ones(20), file.objectives)
    shared = cpu_users(structs.replace(needs["app"], dispatch=Dispatch.SHARED), 8, np.ones(20), file.objectives)
    assert (apart < shared).all()
