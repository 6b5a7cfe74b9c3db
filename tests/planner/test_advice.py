"""Advice: rules that hold, the file's own improvements by cost and gain, what commitments save."""

from datetime import date
from pathlib import Path

from msgspec import structs

from banyan.planner.advice import advise, shipped_rules
from banyan.planner.catalogue.prices import load_catalogue
from banyan.planner.claims import Scope, UnknownKeyError, holds
from banyan.planner.plan import Advice, Machine
from banyan.planner.workload.parse import parse_workload
from tests.planner.findings.drafts import draft_plan

TODAY = date(2026, 9, 1)
SMALL = """
name = "small"
[people]
registered_users = 1_000
daily_active_share = 0.2
peak_concurrent_share = 0.1
[[improvements]]
name = "dear"
text = "a cache of its own"
gain_share = [1, 3]
cost_month = [6, 10]
[[improvements]]
name = "less"
text = "compress"
gain_share = 0.2
cost_month = 0
[[improvements]]
name = "more"
text = "use all cores"
gain_share = [1, 3]
cost_month = 0
[[improvements]]
name = "done"
text = "indexes"
cost_month = 0
done = true
"""


def advice(text: str) -> list[Advice]:
    workload = parse_workload(text).workload
    return advise(workload, draft_plan(workload, TODAY), load_catalogue(workload.rent, workload.currency))


def test_every_rule_has_a_source_and_readable_conditions() -> None:
    rules = shipped_rules()
    assert len({rule.code for rule in rules}) == len(rules)
    assert all(rule.source and rule.text.endswith(".") for rule in rules)
    workload = parse_workload(SMALL).workload
    scope = Scope(workload, draft_plan(workload, TODAY))
    for condition in [condition for rule in rules for condition in rule.when]:
        try:
            holds(condition, scope)
        except UnknownKeyError as error:
            raise AssertionError(condition) from error


def test_what_costs_nothing_comes_first_and_by_gain() -> None:
    improvements = [each for each in advice(SMALL) if each.code.startswith("improve-")]
    assert [each.code for each in improvements] == ["improve-more", "improve-less", "improve-dear"]
    assert improvements[0].text == "Use all cores: 100-300% more, at no cost."
    assert improvements[1].text == "Compress: 20% more, at no cost."
    assert improvements[2].text == "A cache of its own: 100-300% more, for 6-10 USD a month."
    assert (improvements[0].gain_share, improvements[2].cost_month) == (2, 8)


def test_a_small_community_is_kept_from_complexity() -> None:
    codes = {each.code for each in advice(SMALL)}
    assert {"free-first", "no-kubernetes", "no-queue", "no-split", "no-managed-database", "no-sharding"} <= codes
    assert not codes & {"several-regions", "broker-pays", "read-replicas", "sharding-pays"}
    kubernetes = next(each for each in advice(SMALL) if each.code == "no-kubernetes")
    assert "1,000 registered users" in kubernetes.text and "70 USD" in kubernetes.text


def test_a_large_one_gets_the_other_rules() -> None:
    large = SMALL.replace("1_000", "20_000_000") + "[storage]\ndatabase_gib = 900\n"
    codes = {each.code for each in advice(large)}
    assert {"several-regions", "broker-pays", "read-replicas", "sharding-pays", "no-kubernetes-without-team"} <= codes
    assert not codes & {"no-kubernetes", "no-queue", "no-split", "one-region"}
    team = large.replace("[people]", "team_runs_kubernetes = true\n[people]")
    assert "no-kubernetes-without-team" not in {each.code for each in advice(team)}


def test_commitments_save_a_share_of_the_rent() -> None:
    text = Path("examples/mecabal.toml").read_text()
    workload = parse_workload(text).workload
    plan = draft_plan(workload, TODAY)
    rented = Machine("app", "aws-ec2", "c5.xlarge", 2, 4, 8, 160, 50, "USD", TODAY, "yes", [])
    others = structs.replace(rented, provider="hetzner", plan="CPX32")
    phases = [structs.replace(phase, machines=[rented, others]) for phase in plan.phases]
    given = advise(workload, structs.replace(plan, phases=phases), load_catalogue(workload.rent, "USD"))
    reserved, spot = given[-2:]
    assert (reserved.code, reserved.gain_share, reserved.cost_month) == ("reserved", 0.4, -40)
    assert "save 60-80%" in spot.text and "60-80 of the 100 USD" in spot.text
    assert "hetzner-keeps-its-price" in {each.code for each in given}


def test_a_rule_of_thumb_is_silent_where_the_sums_say_one_machine() -> None:
    large = SMALL.replace("1_000", "100_000")
    workload = parse_workload(large).workload
    plan = draft_plan(workload, TODAY)
    machine = Machine("all", "hetzner", "CPX32", 1, 4, 8, 160, 50, "USD", TODAY, "yes", [])
    mecabal = parse_workload(Path("examples/mecabal.toml").read_text()).workload
    phase = structs.replace(draft_plan(mecabal, TODAY).phases[0], machines=[machine])
    catalogue = load_catalogue(workload.rent, "USD")
    thumbs = {"read-replicas", "scale-out"}
    for stack, topology, expected in (
        ("declared", "single", thumbs),
        ("banyan", "single", set()),
        ("banyan", "replicated", thumbs),
    ):
        phases = [structs.replace(phase, topology=topology)]
        given = advise(workload, structs.replace(plan, stack=stack, phases=phases), catalogue)
        assert {each.code for each in given} & thumbs == expected
