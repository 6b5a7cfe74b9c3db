"""docs/planner.md counts the documents' figures as they are listed, and shows every phase beside Banyan's."""

from banyan.planner.workload.parse import parse_workload
from dev.planner_side_by_side import NAMES, PAGE, ROOT, counts


def test_the_counts_are_those_of_the_lists() -> None:
    text = PAGE.read_text()
    assert [row for row in counts() if row not in text] == [], "run: python -m dev.planner_side_by_side"


def test_every_phase_of_every_document_has_its_row() -> None:
    text = PAGE.read_text()
    for name in NAMES:
        workload = parse_workload((ROOT / "examples" / f"{name}.toml").read_text()).workload
        for phase in workload.phases:
            assert f"| {name}, {phase.name} | " in text, "run: python -m dev.planner_side_by_side"
