"""Each rule finds its mistake in a file that nobody has seen, and nothing once it is mended."""

from datetime import date

import pytest
from msgspec import structs

from banyan.planner.catalogue.prices import load_catalogue
from banyan.planner.findings.context import Context
from banyan.planner.findings.prices import stale_prices
from banyan.planner.findings.review import review_plan, with_lines
from banyan.planner.plan import Cost, CostLine, Finding, Machine
from banyan.planner.workload.parse import parse_workload
from tests.planner.findings.drafts import NOTHING, draft_plan

TODAY = date(2026, 9, 1)
BASE = """\
name = "clean"
as_of = 2026-08-20
[people]
registered_users = 10_000
daily_active_share = 0.2
peak_concurrent_share = 0.1
[storage]
database_gib = 5
[backups]
database_every_hours = 24
point_in_time = true
restore_test_every_days = 30
"""
TWO_APPS = """
[stack]
kind = "k"
open_files_per_process = 65_536
sockets_per_node = 1_000
[[stack.services]]
name = "api"
memory_mib = 500
workers = 4
connections_per_worker = 10
[[stack.services]]
name = "db"
role = "database"
memory_mib = 6_000
settings = { max_connections = 200, shared_buffers_mib = 1_000, work_mem_mib = 4 }
[[stack.services]]
name = "redis"
role = "cache"
memory_mib = 512
settings = { maxmemory_mib = 256, maxmemory_policy = "noeviction", holds = "cache, sessions" }
[[phases]]
name = "one"
from_users = 0
to_users = 20_000
topology = "load_balanced"
total_month = 100
[[phases.machines]]
role = "app"
count = 2
vcpu = 2
ram_gib = 4
disk_gb = 80
transfer_tb = 3
price_month = 20
services = ["api", "redis"]
[[phases.machines]]
role = "database"
vcpu = 4
ram_gib = 8
disk_gb = 160
transfer_tb = 4
price_month = 40
services = ["db"]
[[phases.costs]]
item = "backup"
amount_month = 20
[phases.capacity]
sockets = 1_000
concurrent_users = 500
requests_per_second = 50
"""


def findings(text: str) -> list[Finding]:
    parsed = parse_workload(text)
    plan = review_plan(draft_plan(parsed.workload, TODAY), parsed.workload, TODAY)
    return with_lines(plan.findings, parsed.lines)


def test_a_sound_file_has_no_finding() -> None:
    assert findings(BASE + TWO_APPS) == []


REPLACEMENTS = [
    ("total_month = 100", "total_month = 120", "total_differs"),
    ("registered_users = 10_000", "registered_users = 10_000\ndaily_active_users = 3_000", "share_differs"),
    (
        "registered_users = 10_000",
        "registered_users = 10_000\ndaily_active_users = 2_000\npeak_concurrent_users = 2_500",
        "concurrent_above_daily",
    ),
    ("database_gib = 5", "database_gib = 5\ndatabase_kib_per_registered_user = 2_000", "storage_differs"),
    (
        "database_gib = 5",
        'database_kib_per_registered_user = 10\nrecords = [{ name = "a", bytes_each = 500, per_registered_user = 40 }]',
        "records_differ",
    ),
    ("database_gib = 5", "database_gib = 500", "disk_over"),
    ("sockets = 1_000", "sockets = 400", "fewer_sockets_than_people"),
    ("concurrent_users = 500", "concurrent_users = 100", "capacity_below_demand"),
    ("[storage]", "session_minutes = 1\nsessions_per_active_user_per_day = 1\n[storage]", "concurrent_beyond_sessions"),
    ("from_users = 0", "from_users = 1_000\ncost_per_user_month = 2", "cost_per_user_differs"),
    ("vcpu = 2\nram_gib = 4", 'provider = "hetzner"\nplan = "CPX99"\nvcpu = 2\nram_gib = 4', "plan_unknown"),
    ("vcpu = 2\nram_gib = 4", 'provider = "hetzner"\nplan = "CPX22"\nvcpu = 2\nram_gib = 8', "plan_size_differs"),
    ("vcpu = 2\nram_gib = 4", 'provider = "linode"\nplan = "linode-8gb"\nvcpu = 4\nram_gib = 8', "plan_price_differs"),
    ("vcpu = 2\nram_gib = 4", 'provider = "hetzner"\nplan = "CX23"\nvcpu = 2\nram_gib = 4', "plan_not_orderable"),
    ("vcpu = 2\nram_gib = 4\n", "", "machine_size_unknown"),
    ("as_of = 2026-08-20", "as_of = 2026-03-01", "document_stale"),
    ("as_of = 2026-08-20\n", "", "document_stale"),
    ("price_month = 40", "price_month = 4_000", "cheaper_elsewhere"),
    ('"noeviction"', '"allkeys-lru"', "sessions_in_evicting_cache"),
    ('"noeviction", holds = "cache, sessions"', '"allkeys-lru", holds = "cache, job queue"', "jobs_in_evicting_cache"),
    ("maxmemory_mib = 256", "maxmemory_mib = 4_096", "cache_above_its_budget"),
    (
        "[storage]",
        "[traffic]\nrequests_per_active_user_per_day = 10\npeak_requests_per_second = 400\n[storage]",
        "requests_differ",
    ),
    ("maxmemory_mib = 256", "maxmemory_mib = 512, save_seconds = 900", "cache_fills_its_budget"),
    ("workers = 4\n", 'workers = 4\nsettings = { cache = "in_process" }\n', "cache_of_each_worker"),
    ("workers = 4\n", 'workers = 4\nsettings = { files = "local" }\n', "local_files_on_several_machines"),
    ("workers = 4\n", 'workers = 4\nsettings = { socket_adapter = "none" }\n', "sockets_on_several_machines"),
    ("workers = 4\n", "workers = 4\nsettings = { max_old_space_size_mib = 2_000 }\n", "memory_over"),
    ("memory_mib = 500", "memory_mib = 3_700", "memory_over"),
    ("work_mem_mib = 4", "work_mem_mib = 64", "memory_twice"),
    ("work_mem_mib = 4", "work_mem_mib = 4, effective_cache_size_mib = 9_000", "memory_twice"),
    ("work_mem_mib = 4", "work_mem_mib = 4, server_ram_gib = 32", "settings_for_another_machine"),
    ("sockets_per_node = 1_000", "sockets_per_node = 1_000\nmemory_mib_per_service = 50", "memory_claims_differ"),
    ("connections_per_worker = 10", "connections_per_worker = 30", "connections_over"),
    ("max_connections = 200", "max_connections = 200, pool_max_connections = 200", "pool_takes_all_connections"),
    ("workers = 4\n", "workers = 4\nconcurrency_per_worker = 100\n", "requests_wait_for_connections"),
    ("sockets = 1_000\n", "sockets = 1_000\ndatabase_connections = 900\n", "connections_beyond_cores"),
    ("sockets_per_node = 1_000", "sockets_per_node = 300_000", "open_files_over"),
    ("workers = 4\n", "workers = 4\nsettings = { port_from = 60_000, port_to = 60_500 }\n", "ports_over"),
    ("workers = 4\n", "workers = 4\nsettings = { upstream_servers = 1 }\n", "balancer_misses_machines"),
    ("[backups]", "[egress]\nmib_per_registered_user_per_month = 900\n[backups]", "egress_over"),
    ("[backups]\ndatabase_every_hours = 24\npoint_in_time = true\n", "[backups]\n", "no_backup"),
]


@pytest.mark.parametrize(("old", "new", "code"), REPLACEMENTS)
def test_a_mistake_is_found_where_it_is(old: str, new: str, code: str) -> None:
    text = (BASE + TWO_APPS).replace(old, new, 1)
    assert text != BASE + TWO_APPS
    found = findings(text)
    assert code in [each.code for each in found], found
    assert all(each.message and each.stated and each.computed for each in found)


THRESHOLDS = """
[[thresholds]]
metric = "{metric}"
warning = {warning}
"""


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (
            "[objectives]\np95_ms = 200\n" + THRESHOLDS.format(metric="response_p95_ms", warning=500),
            "alarm_beyond_objective",
        ),
        (
            "[objectives]\nutilisation_share_min = 0.8\n" + THRESHOLDS.format(metric="cpu_share", warning=0.8),
            "utilisation_is_alarm",
        ),
        ("[objectives]\nutilisation_share_min = 0.8\ngrowth_absorbed_share = 1.0\n", "utilisation_leaves_no_room"),
        ("[objectives]\ncost_per_user_month_max = 0.001\n", "cost_per_user_above_objective"),
        ("[objectives]\navailability_percent = 99.9\n", "single_point_of_failure"),
        ("[objectives]\nreturn_within_months = 6\n", "revenue_unknown"),
        (
            THRESHOLDS.format(metric="user_growth_per_month", warning=0.1)
            + '[[scenarios]]\nname = "s"\nregistered_users_by_month = [100, 200, 500]\n',
            "threshold_always_reached",
        ),
        (THRESHOLDS.format(metric="cpu_share", warning=0.9) + "critical = 0.8\n", "warning_after_critical"),
        (THRESHOLDS.format(metric="registered_users", warning=15_000), "threshold_beside_phases"),
        (THRESHOLDS.format(metric="peak_concurrent_users", warning=5_000), "thresholds_of_different_size"),
        (
            THRESHOLDS.format(metric="cpu_share", warning=0.7) + THRESHOLDS.format(metric="cpu_share", warning=0.8),
            "threshold_twice",
        ),
        (THRESHOLDS.format(metric="memory_share", warning=0.2), "memory_alarm_from_the_start"),
        ('[[claims]]\nclaim = "two"\nstated = 3\nformula = "1 + 1"\n', "claim_disagrees"),
        ('[[claims]]\nclaim = "two"\nstated = 3\nformula = "people.nobody"\n', "claim_without_result"),
        (
            '[[scenarios]]\nname = "s"\nstart_users = 1_000\ngrowth_per_month = 0.2\nmonths = 36\n',
            "growth_beyond_phases",
        ),
        (
            '[[alternatives]]\nname = "again"\nfrom_users = 0\nto_users = 10_000\ntotal_month = 30\n',
            "tables_disagree",
        ),
        ('[[quotes]]\nprovider = "vultr"\nvcpu = 4\nram_gib = 8\nprice_month = 10\n', "plan_price_differs"),
    ],
)
def test_what_contradicts_the_rest_is_found(more: str, code: str) -> None:
    found = [each.code for each in findings(BASE + TWO_APPS + more)]
    assert code in found, found


def test_jobs_and_sessions_must_not_be_evicted() -> None:
    text = (BASE + TWO_APPS).replace('"noeviction"', '"allkeys-lru"').replace("cache, sessions", "cache, jobs")
    assert [each.code for each in findings(text)] == ["jobs_in_evicting_cache"]
    harmless = (BASE + TWO_APPS).replace('"noeviction"', '"allkeys-lru"').replace("cache, sessions", "cache")
    assert findings(harmless) == []


def test_settings_may_be_written_as_the_tools_write_them() -> None:
    redis = 'settings = { maxmemory_mib = 256, maxmemory_policy = "noeviction", holds = "cache, sessions" }'
    own = 'settings = { maxmemory = "512mb", maxmemory-policy = "allkeys-lru", save = "900 1", holds = "sessions" }'
    assert {each.code for each in findings((BASE + TWO_APPS).replace(redis, own))} == {
        "sessions_in_evicting_cache",
        "cache_fills_its_budget",
    }
    postgres = "shared_buffers_mib = 1_000, work_mem_mib = 4"
    large = 'shared_buffers = "1GB", work_mem = "64MB"'
    assert [each.code for each in findings((BASE + TWO_APPS).replace(postgres, large))] == ["memory_twice"]


def test_the_only_place_for_jobs_holds_them() -> None:
    worker = '\n[[stack.services]]\nname = "mail"\nrole = "worker"\nmemory_mib = 1\n'
    silent = (BASE + TWO_APPS).replace(', holds = "cache, sessions"', "").replace("noeviction", "allkeys-lfu")
    assert findings(silent) == []
    assert [each.code for each in findings(silent + worker)] == ["jobs_in_evicting_cache"]
    assert findings(silent.replace("allkeys-lfu", "volatile-lru") + worker) == []
    sessions = (BASE + TWO_APPS).replace("noeviction", "volatile-ttl")
    assert [each.code for each in findings(sessions)] == ["sessions_in_evicting_cache"]


def test_backups_must_fit_the_promise() -> None:
    promised = BASE.replace("point_in_time = true\n", "") + "[objectives]\nrpo_hours = 1\nrto_hours = 4\n" + TWO_APPS
    (found,) = findings(promised)
    assert (found.code, found.stated, found.computed) == ("rpo_beyond_backups", "1 h", "24 h")
    assert found.line == promised.splitlines().index("rpo_hours = 1") + 1
    assert findings(promised.replace("[objectives]", "point_in_time = true\n[objectives]")) == []
    slow = promised.replace("database_gib = 5", "database_gib = 5_000").replace("disk_gb = 160", "disk_gb = 99_000")
    assert "rto_beyond_restore" in [each.code for each in findings(slow)]
    untested = promised.replace("restore_test_every_days = 30\n", "")
    assert "restore_never_tested" in [each.code for each in findings(untested)]


def test_a_second_phase_joins_the_first_and_keeps_its_costs() -> None:
    second = """
[[phases]]
name = "two"
from_users = {start}
topology = "replicated"
[[phases.machines]]
role = "database"
vcpu = 4
ram_gib = 8
price_month = 40
services = ["db"]
[[phases.costs]]
item = "{item}"
amount_month = 1
"""
    assert {each.code for each in findings(BASE + TWO_APPS + second.format(start=30_000, item="backup"))} == {
        "phases_do_not_join",
        "replicated_on_one_machine",
    }
    assert {each.code for each in findings(BASE + TWO_APPS + second.format(start=20_000, item="cdn"))} == {
        "cost_forgotten",
        "replicated_on_one_machine",
    }


def test_a_schedule_is_held_against_the_scenarios() -> None:
    early = (BASE + TWO_APPS).replace("from_users = 0", "from_users = 5_000\nstarts_in_month = 2")
    slow = '\n[[scenarios]]\nname = "slow"\nregistered_users_by_month = [100, 200]\n'
    assert "schedule_too_early" in [each.code for each in findings(early + slow)]
    fast = '\n[[scenarios]]\nname = "fast"\nregistered_users_by_month = [10_000, 50_000]\n'
    assert "schedule_too_late" in [each.code for each in findings(early + fast)]


def test_ratios_that_drift_between_phases_are_found() -> None:
    other = (
        '\n[[alternatives]]\nname = "big"\nfrom_users = 20_000\n[[alternatives.machines]]\nrole = "app"\nvcpu = 2\n'
        'ram_gib = 8\nprice_month = 50\nservices = ["api"]\n[alternatives.capacity]\nconcurrent_users = 500\n'
        "requests_per_second = 5_000\n"
    )
    codes = [each.code for each in findings(BASE + TWO_APPS + other)]
    assert "requests_per_concurrent_user_drifts" in codes
    assert "requests_per_vcpu_drifts" in codes


def test_sockets_need_a_machine_to_spare() -> None:
    promised = BASE + "[objectives]\navailability_percent = 99.5\n" + TWO_APPS
    assert findings(promised) == []
    tight = promised.replace("sockets_per_node = 1_000", "sockets_per_node = [450, 600]")
    assert {each.code for each in findings(tight)} == {"sockets_do_not_fit", "no_spare_machine"}


def test_prices_that_a_plan_relies_on_age() -> None:
    workload = parse_workload(BASE).workload
    plan = draft_plan(workload, TODAY)
    catalogue = load_catalogue(workload.rent, workload.currency)
    machine = Machine("app", "hetzner", "CPX32", 1, 4, 8, 160, 39, "USD", date(2026, 8, 17), "yes", [])
    line = CostLine("backup storage", 5, "a document", None, verified=False)
    free = CostLine("CDN", 0, "a document", None, verified=False)
    cost = Cost("USD", 44, [line, free], NOTHING)
    (phase,) = draft_plan(parse_workload(BASE + TWO_APPS).workload, TODAY).phases
    phases = [structs.replace(phase, declared=False, machines=[machine], cost_month=cost)]
    context = Context(workload, structs.replace(plan, phases=phases), catalogue, date(2026, 11, 15))
    (unverified,) = stale_prices(context)
    assert (unverified.code, unverified.severity, unverified.stated) == (
        "price_unverified",
        "warning",
        "backup storage",
    )
    later = structs.replace(context, as_of=date(2026, 11, 16))
    assert [each.code for each in stale_prices(later)] == ["price_stale", "price_unverified"]


def test_growth_that_cannot_be_is_found() -> None:
    scenario = '\n[[scenarios]]\nname = "fast"\nstart_users = 10_000\ngrowth_per_month = {rate}\nmonths = {months}\n'
    sane = scenario.format(rate=0.2, months=36)
    absurd = {"more_people_than_there_are", "growth_implausible"}
    assert absurd & {each.code for each in findings(BASE + sane)} == set()
    (crowd,) = [each for each in findings(BASE + scenario.format(rate=0.5, months=36)) if each.code in absurd]
    assert (crowd.code, crowd.severity, crowd.where) == ("more_people_than_there_are", "error", "scenarios.0")
    assert "14.6 billion" in crowd.message and crowd.line is not None
    percent = [each.code for each in findings(BASE + scenario.format(rate=1_000_000, months=120))]
    assert absurd <= set(percent)
    listed = '\n[[scenarios]]\nname = "l"\nregistered_users_by_month = [1, 9_000_000_000]\n'
    assert "more_people_than_there_are" in {each.code for each in findings(BASE + listed)}
    everybody = BASE.replace("10_000", "[9_000, 9_000_000_000]")
    assert "more_people_than_there_are" in {each.code for each in findings(everybody)}
