"""What is wrong in a file is said with its line and what would be right, all at once."""

from pathlib import Path

import pytest

from banyan.planner.workload.parse import WorkloadError, parse_workload

EXAMPLES = sorted(Path("examples").glob("*.toml"))
SMALL = """\
name = "small"
time_zone = "Africa/Lagos"
[people]
registered_users = 1000
daily_active_share = [0.1, 0.2]
[traffic]
peak_hours = [[7, 9]]
[[stack.services]]
name = "api"
memory_mib = 100
[stack]
kind = "node"
[[phases]]
name = "one"
from_users = 0
[[phases.machines]]
role = "all"
provider = "hetzner"
plan = "CPX32"
services = ["api"]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(WorkloadError) as caught:
        parse_workload(text)
    return [problem.text("f.toml") for problem in caught.value.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read(path: Path) -> None:
    parsed = parse_workload(path.read_text())
    assert parsed.workload.name == path.stem
    assert parsed.workload.document


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "registered_users",
            "registred_users",
            "f.toml:4: people.registred_users: unknown key; did you mean registered_users?",
        ),
        ("registered_users", "users", "f.toml:4: people.users: unknown key; say which users: registered_users,"),
        (
            "daily_active_share = [0.1, 0.2]",
            "session_seconds = 4",
            "f.toml:5: people.session_seconds: unknown key; its unit is another one: session_minutes",
        ),
        ("peak_hours = [[7, 9]]", "p95_ms = 3", "f.toml:7: traffic.p95_ms: unknown key; it belongs in [objectives]"),
        (
            "memory_mib = 100",
            'memory_mib = "1 GB"',
            "f.toml:10: stack.services.0.memory_mib: should be a number, [low, high] or [low, mid, high] in MiB, "
            "without a unit: the name says it (it is '1 GB')",
        ),
        ("[0.1, 0.2]", "[0.2, 0.1]", "f.toml:5: people.daily_active_share: an interval goes from low to high"),
        ("[0.1, 0.2]", "20", "f.toml:5: people.daily_active_share: should be a share between 0 and 1 (0.1 is 10%)"),
        ("= 1000", "= -1", "f.toml:4: people.registered_users: should be at least 0 (it is -1)"),
        ("[[7, 9]]", "[[7, 9], [23, 2]]", "f.toml:7: traffic.peak_hours.1: should go from an earlier to a later hour"),
        ("Africa/Lagos", "Lagos", "f.toml:2: time_zone: should be a zone of the tz database"),
        ('services = ["api"]', 'services = ["apy"]', "no service is named 'apy' in [[stack.services]]; known: api"),
        (
            'plan = "CPX32"',
            "",
            "f.toml:16: phases.0.machines.0.plan: is missing; a catalogue plan is named by provider",
        ),
        ('kind = "node"', "", "stack.kind: is missing; it should be a text"),
        ("[people]", "[people", "f.toml:3: this is not TOML: expected ']' at the end of a table declaration"),
        (
            "daily_active_share = [0.1, 0.2]",
            "daily_active_users = 2000",
            "f.toml:5: people.daily_active_users: should be at most people.registered_users (1,000)",
        ),
        ("daily_active_share = [0.1, 0.2]", "", "f.toml:3: people: does not say how many are active"),
        (
            "from_users = 0",
            "from_users = 5\nto_users = 5",
            "f.toml:16: phases.0.to_users: should be above from_users (5)",
        ),
    ],
)
def test_a_mistake_is_named(old: str, new: str, expected: str) -> None:
    parse_workload(SMALL)
    assert any(expected in problem for problem in problems(SMALL.replace(old, new, 1))), problems(
        SMALL.replace(old, new, 1)
    )


def test_services_of_an_alternative_are_known_too() -> None:
    other = '[[alternatives]]\nname = "b"\nfrom_users = 0\n[[alternatives.machines]]\nrole = "all"\nservices = ["x"]\n'
    assert problems(SMALL + other) == [
        "f.toml:26: alternatives.0.machines.0.services.0: no service is named 'x' in [[stack.services]]; known: api"
    ]


def test_a_list_and_a_day_are_named_as_such() -> None:
    assert problems(SMALL + "[scenarios.s]\nstart_users = 3\n") == [
        "f.toml:21: scenarios: should be a list: each of them begins with [[scenarios]]"
    ]
    assert any(
        "rent.plans.0.as_of: is missing; it should be a day, such as" in problem
        for problem in problems(SMALL + '[[rent.plans]]\nprovider = "own"\n')
    )


def test_a_mark_before_the_text_and_other_line_ends_are_read() -> None:
    assert parse_workload("\ufeff" + SMALL.replace("\n", "\r\n")).workload == parse_workload(SMALL).workload


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file() -> None:
    text = (
        SMALL.replace("registered_users", "users")
        .replace("peak_hours", "peak_hour")
        .replace("memory_mib", "memory_gib")
    )
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert {4, 7, 10} <= set(lines)


def test_a_scenario_is_given_or_follows_from_a_rate() -> None:
    lacking = problems(SMALL + '[[scenarios]]\nname = "s"\nstart_users = 3\n')
    assert lacking == [
        "f.toml:21: scenarios.0: lacks growth_per_month, months; or give registered_users_by_month",
    ]
    both = problems(SMALL + '[[scenarios]]\nname = "s"\nregistered_users_by_month = [1, 2]\nmonths = 3\n')
    assert "both registered_users_by_month and a rate" in both[0]
    taken = problems(SMALL + 2 * '[[scenarios]]\nname = "s"\nregistered_users_by_month = [1, 2]\n')
    assert taken == ["f.toml:25: scenarios.1.name: 's' is taken; names are used once"]
    crowd = problems(SMALL + '[[scenarios]]\nname = "s"\nregistered_users_by_month = [1, 2e15]\n')
    assert "scenarios.0.registered_users_by_month: should be at most 1e+12" in crowd[0]
